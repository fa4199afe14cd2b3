"""Products of matrices."""

from __future__ import annotations

from typing import Any

from ..nodes import Emitter, OnnxNode, maps


@maps("MatMul", least=2, most=2)
def matmul(node: OnnxNode, emit: Emitter) -> None:
    emit.add("MatMul", *node.inputs, to=node.output(0))


@maps("Gemm", least=2, most=3)
def gemm(node: OnnxNode, emit: Emitter) -> None:
    a, b, c = node.input(0), node.input(1), node.input(2)
    if node.get("transA", 0):
        a = emit.transposed(a, (1, 0))
    if node.get("transB", 0):
        b = emit.transposed(b, (1, 0))
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    b_known, c_known = emit.known(b), emit.known(c) if c else None
    if (
        alpha == beta == 1.0
        and b_known is not None
        and c_known is not None
        and b_known.dtype.kind == "f"
        and (b_known.ndim == 2 and c_known.shape == b_known.shape[1:])
    ):
        emit.add("Dense", a, b, c, to=node.output(0))
        return
    steps: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [("MatMul", (a, b), {})]
    if alpha != 1.0:
        steps.append(("ScaleShift", (), {"scale": alpha, "shift": 0.0}))
    if c and beta:
        scaled = c if beta == 1.0 else emit.add("ScaleShift", c, scale=beta, shift=0.0)
        steps.append(("Add", (scaled,), {}))
    last = ""
    for index, (op, inputs, words) in enumerate(steps):
        operands = inputs if index == 0 else (last, *inputs)
        last = emit.add(op, *operands, to=node.output(0) if index == len(steps) - 1 else "", **words)


@maps("Einsum", most=32)
def einsum(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Einsum", *node.inputs, to=node.output(0), equation=node.get("equation", ""))
