"""Functions of single numbers in a Functional model: of ``keras.ops``, and TensorFlow's as Keras 2 wraps them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .activations import activate, rectify
from .layer import Symbol, Unsupported, keras_operation

__all__ = ["as_axes", "binary", "given", "operand", "unary"]

_BINARY = {
    "Add": ("Add", "__operators__.add", "math.add"),
    "Sub": ("Subtract", "__operators__.subtract", "math.subtract"),
    "Mul": ("Multiply", "__operators__.multiply", "math.multiply"),
    "Div": ("Divide", "TrueDivide", "__operators__.truediv", "math.divide", "math.truediv", "realdiv"),
    "Pow": ("Power", "__operators__.pow", "math.pow"),
    "Max": ("Maximum", "math.maximum"),
    "Min": ("Minimum", "math.minimum"),
    "Mod": ("Mod", "math.mod", "math.floormod"),
    "Equal": ("Equal", "math.equal", "__operators__.eq"),
    "Greater": ("Greater", "math.greater", "__operators__.gt"),
    "GreaterOrEqual": ("GreaterEqual", "math.greater_equal", "__operators__.ge"),
    "Less": ("Less", "math.less", "__operators__.lt"),
    "LessOrEqual": ("LessEqual", "math.less_equal", "__operators__.le"),
}
_LOGIC = {
    "And": ("LogicalAnd", "math.logical_and", "__operators__.and"),
    "Or": ("LogicalOr", "math.logical_or", "__operators__.or"),
    "Xor": ("LogicalXor", "math.logical_xor"),
    "Not": ("LogicalNot", "math.logical_not"),
}
_UNARY = {
    "Neg": ("Negative", "math.negative", "__operators__.neg"),
    "Abs": ("Absolute", "Abs", "Fabs", "math.abs", "__operators__.abs"),
    "Sqrt": ("Sqrt", "math.sqrt"),
    "Log": ("Log", "math.log"),
    "Log1p": ("Log1p", "math.log1p"),
    "Expm1": ("Expm1", "math.expm1"),
    "Trunc": ("Trunc",),
    "Floor": ("Floor", "math.floor"),
    "Ceil": ("Ceil", "math.ceil"),
    "Square": ("Square", "math.square"),
    "Sign": ("Sign", "math.sign"),
    "Reciprocal": ("Reciprocal", "math.reciprocal"),
    "Erf": ("Erf", "math.erf"),
    "Sin": ("Sin", "math.sin"),
    "Cos": ("Cos", "math.cos"),
    "Tan": ("Tan", "math.tan"),
    "Asin": ("Arcsin", "math.asin"),
    "Acos": ("Arccos", "math.acos"),
    "Atan": ("Arctan", "math.atan"),
    "Sinh": ("Sinh", "math.sinh"),
    "Cosh": ("Cosh", "math.cosh"),
    "Asinh": ("Arcsinh", "math.asinh"),
    "Acosh": ("Arccosh", "math.acosh"),
    "Atanh": ("Arctanh", "math.atanh"),
    "IsNaN": ("Isnan", "math.is_nan"),
}
_ACTIVATIONS = {
    "relu6": ("Relu6", "nn.relu6"),
    "sigmoid": ("Sigmoid", "math.sigmoid", "nn.sigmoid"),
    "tanh": ("Tanh", "math.tanh", "nn.tanh"),
    "silu": ("Silu", "nn.silu", "nn.swish"),
    "selu": ("Selu", "nn.selu"),
    "softplus": ("Softplus", "math.softplus", "nn.softplus"),
    "softsign": ("Softsign", "math.softsign", "nn.softsign"),
    "hard_sigmoid": ("HardSigmoid",),
    "hard_silu": ("HardSilu",),
    "log_sigmoid": ("LogSigmoid", "math.log_sigmoid"),
    "exponential": ("Exp", "math.exp"),
    "hard_tanh": ("HardTanh",),
    "tanh_shrink": ("TanhShrink",),
    "sparse_sigmoid": ("SparseSigmoid",),
    "sparse_plus": ("SparsePlus",),
}


def by_kind(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """The operator of each spelling."""
    return {kind: op for op, kinds in table.items() for kind in kinds}


def operand(layer: Any, value: Any) -> Any:
    """A symbol, or a constant in what the network computes in."""
    return value if isinstance(value, Symbol) else layer.number(value)


def given(layer: Any, *values: Any, word: str, default: Any = None) -> Any:
    """The first of an argument's spellings that the call has, else what the configuration has."""
    found = next((value for value in values if value is not None), None)
    return layer.config.get(word, default) if found is None else found


def as_axes(axis: Any) -> np.ndarray | None:
    """An axis or several as an array; None for all."""
    return None if axis is None else np.atleast_1d(np.asarray(axis, np.int64))


_BINARY_OPS = by_kind(_BINARY)


@keras_operation(*_BINARY_OPS)
def binary(layer: Any, x1: Any, x2: Any = None, y: Any = None, name: Any = None) -> Any:
    return layer.emit(_BINARY_OPS[layer.kind], operand(layer, x1), operand(layer, y if x2 is None else x2))


@keras_operation("NotEqual", "math.not_equal", "__operators__.ne")
def not_equal(layer: Any, x1: Any, x2: Any = None, y: Any = None, name: Any = None) -> Any:
    return layer.emit("Not", layer.emit("Equal", operand(layer, x1), operand(layer, y if x2 is None else x2)))


@keras_operation("FloorDivide", "math.floordiv", "__operators__.floordiv")
def floor_divide(layer: Any, x1: Any, x2: Any = None, y: Any = None, name: Any = None) -> Any:
    return layer.emit("Floor", layer.emit("Div", operand(layer, x1), operand(layer, y if x2 is None else x2)))


@keras_operation("DivideNoNan", "math.divide_no_nan")
def divide_no_nan(layer: Any, x1: Any, x2: Any = None, y: Any = None, name: Any = None) -> Any:
    a, b, zero = operand(layer, x1), operand(layer, y if x2 is None else x2), layer.number(0)
    return layer.emit("Where", layer.emit("Equal", b, zero), zero, layer.emit("Div", a, b))


@keras_operation("math.squared_difference")
def squared_difference(layer: Any, x: Any, y: Any, name: Any = None) -> Any:
    return layer.emit("Square", layer.emit("Sub", operand(layer, x), operand(layer, y)))


_LOGIC_OPS = by_kind(_LOGIC)


@keras_operation(*_LOGIC_OPS)
def logic(layer: Any, x1: Any, x2: Any = None, x: Any = None, y: Any = None, name: Any = None) -> Any:
    operands = [value for value in (x1, x2, x, y) if value is not None]
    return layer.emit(_LOGIC_OPS[layer.kind], *operands)


_UNARY_OPS = by_kind(_UNARY)


@keras_operation(*_UNARY_OPS)
def unary(layer: Any, x: Any, name: Any = None) -> Any:
    return layer.emit(_UNARY_OPS[layer.kind], x)


@keras_operation("Round", "math.round")
def round_(layer: Any, x: Any, name: Any = None) -> Any:
    if layer.config.get("decimals"):
        raise Unsupported("decimals")
    return layer.emit("Round", x)


@keras_operation("Rsqrt", "math.rsqrt")
def rsqrt(layer: Any, x: Any, name: Any = None) -> Any:
    return layer.emit("Reciprocal", layer.emit("Sqrt", x))


_LOGARITHMS = {"Log2": math.log(2), "Log10": math.log(10)}


@keras_operation(*_LOGARITHMS)
def logarithm(layer: Any, x: Any) -> Any:
    return layer.emit("Div", layer.emit("Log", x), layer.number(_LOGARITHMS[layer.kind]))


@keras_operation("Erfc")
def erfc(layer: Any, x: Any) -> Any:
    return layer.emit("Sub", layer.number(1), layer.emit("Erf", x))


@keras_operation("Isinf", "math.is_inf")
def is_inf(layer: Any, x: Any, name: Any = None) -> Any:
    return layer.emit("IsInf", x, negative=True, positive=True)


@keras_operation("Isfinite", "math.is_finite")
def is_finite(layer: Any, x: Any, name: Any = None) -> Any:
    # What is not finite is no number when it is taken from itself.
    return layer.emit("Not", layer.emit("IsNaN", layer.emit("Sub", x, x)))


@keras_operation("Where", "where")
def where(
    layer: Any, condition: Any, x1: Any = None, x2: Any = None, x: Any = None, y: Any = None, name: Any = None
) -> Any:
    a, b = x if x1 is None else x1, y if x2 is None else x2
    if a is None or b is None:
        raise Unsupported("places where a condition holds")
    condition = layer.emit("Cast", condition, dtype="bool") if isinstance(condition, Symbol) else np.asarray(condition)
    return layer.emit("Where", condition, operand(layer, a), operand(layer, b))


_ACTIVATION_NAMES = by_kind(_ACTIVATIONS)


@keras_operation(*_ACTIVATION_NAMES)
def activation(layer: Any, x: Any = None, name: Any = None, features: Any = None, beta: float = 1.0) -> Any:
    if beta != 1.0:
        raise Unsupported("beta")
    return activate(layer, features if x is None else x, _ACTIVATION_NAMES[layer.kind])


@keras_operation("Relu", "nn.relu")
def relu(
    layer: Any, x: Any, alpha: float = 0.0, max_value: Any = None, threshold: float = 0.0, name: Any = None
) -> Any:
    return rectify(layer, x, float(alpha or 0), None if max_value is None else float(max_value), float(threshold or 0))


@keras_operation("Gelu", "nn.gelu")
def gelu(layer: Any, x: Any, approximate: Any = None, name: Any = None) -> Any:
    # Keras' default is True, TensorFlow's False.
    default = layer.kind == "Gelu"
    exact = not given(layer, approximate, word="approximate", default=default)
    return layer.emit("Activation", x, activation=("gelu" if exact else "gelu_tanh", 0.0))


@keras_operation("LeakyRelu", "Elu", "nn.leaky_relu", "nn.elu")
def parametric(layer: Any, x: Any, alpha: Any = None, name: Any = None) -> Any:
    if layer.kind.lower().endswith("leakyrelu") or layer.kind == "nn.leaky_relu":
        slope = given(layer, alpha, word="negative_slope", default=0.2)
        return layer.emit("Activation", x, activation=("leaky_relu", float(slope)))
    return layer.emit("Activation", x, activation=("elu", float(given(layer, alpha, word="alpha", default=1.0))))


@keras_operation("Celu")
def celu(layer: Any, x: Any) -> Any:
    return layer.emit("Celu", x, alpha=float(layer.config.get("alpha", 1.0)))


@keras_operation("HardShrink")
def hard_shrink(layer: Any, x: Any) -> Any:
    return layer.emit("Shrink", x, threshold=float(layer.config.get("threshold", 0.5)), bias=0.0)


@keras_operation("SoftShrink")
def soft_shrink(layer: Any, x: Any) -> Any:
    threshold = float(layer.config.get("threshold", 0.5))
    return layer.emit("Shrink", x, threshold=threshold, bias=threshold)


@keras_operation("Threshold")
def threshold(layer: Any, x: Any) -> Any:
    over = layer.emit("Greater", x, layer.number(layer.config["threshold"]))
    return layer.emit("Where", over, x, layer.number(layer.config["default_value"]))


@keras_operation("Squareplus")
def squareplus(layer: Any, x: Any) -> Any:
    if layer.config.get("b", 4) == 4:
        return activate(layer, x, "squareplus")
    root = layer.emit("Sqrt", layer.emit("Add", layer.emit("Square", x), layer.number(layer.config["b"])))
    return layer.emit("Mul", layer.emit("Add", x, root), layer.number(0.5))


@keras_operation("Clip", "clip_by_value")
def clip(
    layer: Any,
    x: Any = None,
    x_min: Any = None,
    x_max: Any = None,
    clip_value_min: Any = None,
    clip_value_max: Any = None,
    name: Any = None,
    t: Any = None,
) -> Any:
    low = given(layer, x_min, clip_value_min, word="x_min")
    high = given(layer, x_max, clip_value_max, word="x_max")
    return layer.emit("Clip", t if x is None else x, operand(layer, low), operand(layer, high))


@keras_operation("Identity", "identity", "StopGradient", "stop_gradient", "Copy")
def identity(layer: Any, x: Any = None, variable: Any = None, input: Any = None, name: Any = None) -> Any:
    found = next((value for value in (x, variable, input) if isinstance(value, Symbol)), None)
    if found is None:
        raise Unsupported("no tensor")
    return found


@keras_operation("Cast", "cast", "SaturateCast")
def cast(layer: Any, x: Any, dtype: Any = None, name: Any = None) -> Any:
    wanted = str(given(layer, dtype, word="dtype", default=layer.dtype))
    if wanted in ("float16", "bfloat16", "float32", "float64"):
        return layer.emit("Cast", x, dtype=layer.dtype.name)
    if wanted not in ("bool", "int32", "int64", "uint8"):
        raise Unsupported(f"a cast to {wanted}")
    return layer.emit("Cast", x, dtype=wanted)
