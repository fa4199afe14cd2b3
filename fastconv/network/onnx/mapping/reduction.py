"""Reductions along axes, and what normalizes along one."""

from __future__ import annotations

from ..nodes import Emitter, OnnxNode, maps
from .arrays import ints_input

# What is reduced how, and what is done to the elements before and to the result after it.
_REDUCTIONS = {
    "ReduceMean": ("ReduceMean", None, None),
    "ReduceSum": ("ReduceSum", None, None),
    "ReduceMax": ("ReduceMax", None, None),
    "ReduceMin": ("ReduceMin", None, None),
    "ReduceProd": ("ReduceProd", None, None),
    "ReduceL1": ("ReduceSum", "Abs", None),
    "ReduceL2": ("ReduceSum", "Square", "Sqrt"),
    "ReduceSumSquare": ("ReduceSum", "Square", None),
    "ReduceLogSum": ("ReduceSum", None, "Log"),
    "ReduceLogSumExp": ("ReduceLogSumExp", None, None),
}


@maps(*_REDUCTIONS, most=2)
def reduce(node: OnnxNode, emit: Emitter) -> None:
    op, before, after = _REDUCTIONS[node.kind]
    axes = ints_input(node, emit, 1, "axes", 13 if node.kind == "ReduceSum" else 18)
    words = {name: bool(node.get(name, default)) for name, default in (("keepdims", 1), ("noop_with_empty_axes", 0))}
    x = emit.add(before, node.input(0)) if before else node.input(0)
    reduced = emit.add(op, x, axes, to="" if after else node.output(0), **words)
    if after:
        emit.add(after, reduced, to=node.output(0))


@maps("Softmax", "LogSoftmax", "Hardmax")
def softmax(node: OnnxNode, emit: Emitter) -> None:
    if node.version >= 13:
        emit.add(node.kind, node.input(0), to=node.output(0), axis=node.get("axis", -1))
        return
    # Before operator set 13, along all axes from that one on.
    matrix = emit.add("Flatten", node.input(0), axis=node.get("axis", 1))
    result = emit.add(node.kind, matrix, axis=-1)
    emit.add("Reshape", result, emit.add("Shape", node.input(0)), to=node.output(0), allowzero=True)
