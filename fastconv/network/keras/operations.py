"""Functions of ``keras.ops`` in a Functional model, and TensorFlow's as Keras 2 wraps them."""

from __future__ import annotations

import numpy as np

from .activations import activate, rectify
from .layer import Symbol, Unsupported, keras_operation

__all__ = ["binary", "reduction", "unary"]

_BINARY = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Power": "Pow",
    "Maximum": "Max",
    "Minimum": "Min",
}
_TENSORFLOW_BINARY = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Sub",
    "math.multiply": "Mul",
    "math.divide": "Div",
    "math.truediv": "Div",
    "math.maximum": "Max",
    "math.minimum": "Min",
    "math.pow": "Pow",
}
_UNARY = {
    "Negative": "Neg",
    "Absolute": "Abs",
    "Abs": "Abs",
    "Sqrt": "Sqrt",
    "Log": "Log",
    "Floor": "Floor",
    "Ceil": "Ceil",
    "Square": "Square",
    "Sign": "Sign",
    "Reciprocal": "Reciprocal",
}
_TENSORFLOW_UNARY = {
    "math.negative": "Neg",
    "math.abs": "Abs",
    "math.sqrt": "Sqrt",
    "math.log": "Log",
    "math.square": "Square",
    "math.reciprocal": "Reciprocal",
}
_REDUCTIONS = {
    "Mean": "ReduceMean",
    "Sum": "ReduceSum",
    "Max": "ReduceMax",
    "Min": "ReduceMin",
    "Amax": "ReduceMax",
    "Amin": "ReduceMin",
    "Prod": "ReduceProd",
}
_TENSORFLOW_REDUCTIONS = {
    "math.reduce_mean": "ReduceMean",
    "math.reduce_sum": "ReduceSum",
    "math.reduce_max": "ReduceMax",
    "math.reduce_min": "ReduceMin",
}
_ACTIVATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Silu": "silu",
    "Selu": "selu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "LogSigmoid": "log_sigmoid",
    "Exp": "exponential",
    "HardTanh": "hard_tanh",
    "SoftShrink": "soft_shrink",
    "TanhShrink": "tanh_shrink",
    "SparseSigmoid": "sparse_sigmoid",
    "Squareplus": "squareplus",
    "nn.relu6": "relu6",
    "math.tanh": "tanh",
    "math.sigmoid": "sigmoid",
    "nn.silu": "silu",
    "math.exp": "exponential",
    "math.softplus": "softplus",
}


def _operand(layer, value):
    """A symbol, or a constant in what the network computes in."""
    return value if isinstance(value, Symbol) else layer.number(value)


@keras_operation(*_BINARY, *_TENSORFLOW_BINARY)
def binary(layer, x1, x2=None, y=None, name=None):
    other = y if x2 is None else x2
    return layer.emit((_BINARY | _TENSORFLOW_BINARY)[layer.kind], _operand(layer, x1), _operand(layer, other))


@keras_operation(*_UNARY, *_TENSORFLOW_UNARY)
def unary(layer, x, name=None):
    return layer.emit((_UNARY | _TENSORFLOW_UNARY)[layer.kind], x)


@keras_operation(*_REDUCTIONS, *_TENSORFLOW_REDUCTIONS)
def reduction(layer, x, axis=None, keepdims=None, name=None):
    axis = layer.config.get("axis") if axis is None else axis
    keepdims = layer.config.get("keepdims", False) if keepdims is None else keepdims
    axes = None if axis is None else np.atleast_1d(np.asarray(axis, np.int64))
    return layer.emit((_REDUCTIONS | _TENSORFLOW_REDUCTIONS)[layer.kind], x, axes, keepdims=bool(keepdims))


@keras_operation(*_ACTIVATIONS)
def activation(layer, x, name=None):
    return activate(layer, x, _ACTIVATIONS[layer.kind])


@keras_operation("nn.relu")
def relu(layer, x, alpha=0.0, max_value=None, threshold=0.0, name=None):
    return rectify(layer, x, float(alpha or 0), None if max_value is None else float(max_value), float(threshold or 0))


@keras_operation("Gelu")
def gelu(layer, x):
    name = "gelu_tanh" if layer.config.get("approximate", True) else "gelu"
    return layer.emit("Activation", x, activation=(name, 0.0))


@keras_operation("LeakyRelu", "Elu", "Celu")
def parametric(layer, x):
    if layer.kind == "Celu" and layer.config.get("alpha", 1.0) != 1:
        raise Unsupported("alpha")
    if layer.kind == "LeakyRelu":
        return layer.emit("Activation", x, activation=("leaky_relu", float(layer.config.get("negative_slope", 0.2))))
    return layer.emit("Activation", x, activation=("elu", float(layer.config.get("alpha", 1.0))))


@keras_operation("Softmax", "LogSoftmax", "nn.softmax")
def softmax(layer, x, axis=None, name=None):
    axis = layer.config.get("axis", -1) if axis is None else axis
    y = layer.emit("Softmax", x, axis=tuple(axis) if isinstance(axis, list) else axis)
    return layer.emit("Log", y) if layer.kind == "LogSoftmax" else y


@keras_operation("Clip", "clip_by_value")
def clip(layer, x, x_min=None, x_max=None, clip_value_min=None, clip_value_max=None, name=None):
    low = next((v for v in (x_min, clip_value_min, layer.config.get("x_min")) if v is not None), None)
    high = next((v for v in (x_max, clip_value_max, layer.config.get("x_max")) if v is not None), None)
    return layer.emit("Clip", x, layer.number(low), layer.number(high))


@keras_operation("Reshape", "reshape")
def reshape(layer, x, newshape=None, shape=None, name=None):
    sizes = next(v for v in (newshape, shape, layer.config.get("newshape"), layer.config.get("shape")) if v is not None)
    return layer.emit("Reshape", x, [-1 if size is None else int(size) for size in sizes], allowzero=True)


@keras_operation("Transpose", "transpose", "compat.v1.transpose")
def transpose(layer, x, axes=None, perm=None, name=None):
    order = next((v for v in (axes, perm, layer.config.get("axes")) if v is not None), None)
    return layer.emit("Transpose", x, perm=None if order is None else tuple(int(axis) for axis in order))


@keras_operation("ExpandDims", "expand_dims", "Squeeze", "squeeze")
def axes(layer, x, axis=None, name=None):
    axis = layer.config.get("axis") if axis is None else axis
    op = "Squeeze" if layer.kind.lower() == "squeeze" else "Unsqueeze"
    return layer.emit(op, x, None if axis is None else np.atleast_1d(np.asarray(axis, np.int64)))


@keras_operation("Concatenate", "concat")
def concatenate(layer, xs=None, axis=None, values=None, name=None):
    xs = values if xs is None else xs
    axis = layer.config.get("axis", -1) if axis is None else axis
    return layer.emit("Concat", *(_operand(layer, x) for x in xs), axis=int(axis))


@keras_operation("Matmul", "linalg.matmul")
def matmul(layer, x1, x2=None, b=None, name=None):
    return layer.emit("MatMul", _operand(layer, x1), _operand(layer, b if x2 is None else x2))


@keras_operation("Identity", "identity", "StopGradient", "stop_gradient", "Cast", "cast")
def identity(layer, x, dtype=None, name=None):
    wanted = str(dtype or layer.config.get("dtype") or layer.dtype)
    if wanted not in ("float16", "bfloat16", "float32", "float64"):
        raise Unsupported(f"a cast to {wanted}")
    return x
