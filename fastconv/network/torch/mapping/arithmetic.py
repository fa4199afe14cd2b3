"""Arithmetic with broadcasting, functions of one number, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nodes import Call, Emitter, Reference, Refused, maps

_BINARY = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div"}
_EXTREMES = {"aten.maximum.default": "Max", "aten.minimum.default": "Min"}
_INTEGERS = {"add": "Add", "sub": "Sub", "mul": "Mul", "floordiv": "Div"}
_UNARY = {
    "abs": "Abs",
    "ceil": "Ceil",
    "cos": "Cos",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "log": "Log",
    "neg": "Neg",
    "reciprocal": "Reciprocal",
    "sin": "Sin",
    "sqrt": "Sqrt",
}
_ACTIVATIONS = {
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_silu",
    "mish": "mish",
    "relu": "relu",
    "relu6": "relu6",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "silu": "silu",
    "tanh": "tanh",
}


@maps(*(f"aten.{name}.{form}" for name in _BINARY for form in ("Tensor", "Scalar")), *_EXTREMES)
def binary(call: Call, emit: Emitter, to: Any) -> None:
    (result,) = call.results
    first, second = call["self"], call["other"]
    a, b = emit.operand(first, result.dtype), emit.operand(second, result.dtype)
    factor = call.arguments.get("alpha", 1)
    if factor != 1:
        b = emit.add("Mul", b, emit.constant(factor, result.dtype))
    op = _EXTREMES.get(call.target) or _BINARY[call.target.split(".")[1]]
    if op == "Div" and result.dtype.kind != "f":
        raise Refused(f"a quotient of {result.dtype}")
    emit.add(op, a, b, to=to[0])


@maps(*_INTEGERS)
def of_sizes(call: Call, emit: Emitter, to: Any) -> None:
    """Python's arithmetic of sizes, on vectors of one number."""
    a, b = (
        value.name if isinstance(value, Reference) else emit.constant([value])
        for value in (call.arguments["0"], call.arguments["1"])
    )
    emit.add(_INTEGERS[call.target], a, b, to=call.name)


@maps(*(f"aten.{name}.default" for name in _UNARY))
def unary(call: Call, emit: Emitter, to: Any) -> None:
    emit.add(_UNARY[call.target.split(".")[1]], _float(call, emit), to=to[0])


def _float(call: Call, emit: Emitter) -> str:
    return emit.operand(call["self"], call.results[0].dtype)


@maps("aten.rsqrt.default")
def rsqrt(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Reciprocal", emit.add("Sqrt", _float(call, emit)), to=to[0])


@maps("aten.pow.Tensor_Scalar")
def power(call: Call, emit: Emitter, to: Any) -> None:
    x, exponent = _float(call, emit), call["exponent"]
    if exponent == 2:
        emit.add("Mul", x, x, to=to[0])
    else:
        emit.add("Pow", x, emit.constant(exponent, call.results[0].dtype), to=to[0])


@maps(*(f"aten.{name}.default" for name in _ACTIVATIONS))
def activation(call: Call, emit: Emitter, to: Any) -> None:
    _activate(call, emit, to, _ACTIVATIONS[call.target.split(".")[1]])


def _activate(call: Call, emit: Emitter, to: Any, name: str, alpha: float = 0.0) -> None:
    if call["self"].dtype.kind != "f":
        raise Refused(f"an input of {call['self'].dtype}")
    emit.add("Activation", call["self"].name, to=to[0], activation=(name, float(alpha)))


@maps("aten.leaky_relu.default")
def leaky_relu(call: Call, emit: Emitter, to: Any) -> None:
    _activate(call, emit, to, "leaky_relu", call["negative_slope"])


@maps("aten.elu.default")
def elu(call: Call, emit: Emitter, to: Any) -> None:
    call.require("scale", 1)
    call.require("input_scale", 1)
    _activate(call, emit, to, "elu", call["alpha"])


@maps("aten.celu.default")
def celu(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Celu", call["self"].name, to=to[0], alpha=float(call["alpha"]))


@maps("aten.gelu.default")
def gelu(call: Call, emit: Emitter, to: Any) -> None:
    _activate(call, emit, to, "gelu" if call["approximate"] == "none" else "gelu_tanh")


@maps("aten.softplus.default")
def softplus(call: Call, emit: Emitter, to: Any) -> None:
    call.require("beta", 1)
    if call["threshold"] < 20:
        raise Refused(f"threshold={call['threshold']}")
    _activate(call, emit, to, "softplus")


@maps("aten.hardtanh.default", "aten.clamp.default", "aten.clamp_min.default", "aten.clamp_max.default")
def clamp(call: Call, emit: Emitter, to: Any) -> None:
    low, high = (
        call.arguments.get(short, call.arguments.get(long)) for short, long in (("min", "min_val"), ("max", "max_val"))
    )
    if call["self"].dtype.kind == "f" and (low, high) in ((0, 6), (0, None)):
        _activate(call, emit, to, "relu" if high is None else "relu6")
        return
    if call["self"].dtype.kind != "f":
        raise Refused(f"bounds of {call['self'].dtype}")
    bounds = {"low": -math.inf if low is None else float(low), "high": math.inf if high is None else float(high)}
    emit.add("Bounded", call["self"].name, to=to[0], **bounds)


@maps("aten.prelu.default", "aten._prelu_kernel.default")
def prelu(call: Call, emit: Emitter, to: Any) -> None:
    x, slope = call["self"], call["weight"]
    if slope.ndim == 1 and x.ndim > 1 and slope.shape != (1,):
        shape = (slope.shape[0], *(1,) * (x.ndim - 2))
        emit.add("PRelu", x.name, emit.add("Reshape", slope.name, emit.constant(shape)), to=to[0])
    else:
        emit.add("PRelu", x.name, slope.name, to=to[0])


@maps("aten._to_copy.default", "aten.to.dtype")
def cast(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Cast", call["self"].name, to=to[0], dtype=np.dtype(call.results[0].dtype).name)
