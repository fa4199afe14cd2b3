"""Products of matrices."""

from __future__ import annotations

from typing import Any

from ..nodes import Call, Emitter, maps


@maps("aten.linear.default")
def linear(call: Call, emit: Emitter, to: Any) -> None:
    kernel, bias = emit.transposed(call["weight"], (1, 0)), call["bias"]
    _dense(call, emit, to[0], call["input"].name, kernel, bias)


def _dense(call: Call, emit: Emitter, to: str, x: str, kernel: str, bias: Any) -> None:
    if bias is None or bias.ndim == 1:
        emit.add("Dense", x, kernel, bias.name if bias else "", to=to)
    else:
        emit.add("Add", emit.add("MatMul", x, kernel), bias.name, to=to)


@maps("aten.addmm.default")
def addmm(call: Call, emit: Emitter, to: Any) -> None:
    call.require("alpha", 1)
    call.require("beta", 1)
    _dense(call, emit, to[0], call["mat1"].name, call["mat2"].name, call["self"])


@maps("aten.mm.default", "aten.bmm.default", "aten.matmul.default")
def matmul(call: Call, emit: Emitter, to: Any) -> None:
    other: Any = call.arguments.get("mat2", call.arguments.get("other"))
    emit.add("MatMul", call["self"].name, other.name, to=to[0])
