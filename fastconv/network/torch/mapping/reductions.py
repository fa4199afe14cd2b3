"""Reductions along axes."""

from __future__ import annotations

from typing import Any

from ..nodes import Call, Emitter, maps

_REDUCTIONS = {
    "aten.mean.dim": "ReduceMean",
    "aten.mean.default": "ReduceMean",
    "aten.sum.dim_IntList": "ReduceSum",
    "aten.sum.default": "ReduceSum",
    "aten.amax.default": "ReduceMax",
    "aten.amin.default": "ReduceMin",
}


@maps(*_REDUCTIONS)
def reduce(call: Call, emit: Emitter, to: Any) -> None:
    x = emit.operand(call["self"], call.results[0].dtype)
    axes = call.numbers("dim") if call.arguments.get("dim") else range(call["self"].ndim)
    keepdims = bool(call.arguments.get("keepdim", False))
    emit.add(_REDUCTIONS[call.target], x, emit.constant(axes), to=to[0], keepdims=keepdims)
