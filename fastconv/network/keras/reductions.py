"""Functions that reduce or normalize along axes in a Functional model: of ``keras.ops``, and TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layer import Symbol, Unsupported, keras_operation
from .operations import as_axes, by_kind, given, operand

__all__ = ["arg_max", "moments", "normalize", "reduction", "softmax", "variance"]

_REDUCTIONS = by_kind(
    {
        "ReduceMean": ("Mean", "math.reduce_mean"),
        "ReduceSum": ("Sum", "math.reduce_sum"),
        "ReduceMax": ("Max", "Amax", "Any", "math.reduce_max", "math.reduce_any"),
        "ReduceMin": ("Min", "Amin", "All", "math.reduce_min", "math.reduce_all"),
        "ReduceProd": ("Prod", "math.reduce_prod"),
        "ReduceLogSumExp": ("Logsumexp", "math.reduce_logsumexp"),
    }
)
_OF_TRUTH = ("Any", "All")


def _reduce(layer: Any, op: str, x: Any, axis: Any, keepdims: Any) -> Symbol:
    result: Symbol = layer.emit(op, x, as_axes(axis), keepdims=bool(keepdims), noop_with_empty_axes=axis is not None)
    return result


def _axis_and_keepdims(layer: Any, axis: Any, keepdims: Any) -> Any:
    return given(layer, axis, word="axis"), given(layer, keepdims, word="keepdims", default=False)


@keras_operation(*_REDUCTIONS)
def reduction(
    layer: Any, x: Any = None, axis: Any = None, keepdims: Any = None, name: Any = None, input_tensor: Any = None
) -> Any:
    x = input_tensor if x is None else x
    if layer.config.get("initial") is not None:
        raise Unsupported("initial")
    if layer.kind in _OF_TRUTH:
        x = layer.emit("Cast", x, dtype="bool")
    return _reduce(layer, _REDUCTIONS[layer.kind], x, *_axis_and_keepdims(layer, axis, keepdims))


@keras_operation("Var", "Std", "math.reduce_variance", "math.reduce_std")
def variance(
    layer: Any, x: Any = None, axis: Any = None, keepdims: Any = None, name: Any = None, input_tensor: Any = None
) -> Any:
    x, (axis, keepdims) = input_tensor if x is None else x, _axis_and_keepdims(layer, axis, keepdims)
    centred = layer.emit("Sub", x, _reduce(layer, "ReduceMean", x, axis, True))
    found = _reduce(layer, "ReduceMean", layer.emit("Square", centred), axis, keepdims)
    return layer.emit("Sqrt", found) if layer.kind.lower().endswith("std") else found


@keras_operation("Norm")
def norm(layer: Any, x: Any) -> Any:
    axis, keepdims = _axis_and_keepdims(layer, None, None)
    if layer.config.get("ord") not in (None, 2) or np.size(axis) > 1 or (axis is None and layer.config.get("ord")):
        raise Unsupported("a norm that is not of squares along an axis")
    return layer.emit("Sqrt", _reduce(layer, "ReduceSum", layer.emit("Square", x), axis, keepdims))


@keras_operation("Normalize", "math.l2_normalize")
def normalize(layer: Any, x: Any, axis: Any = None, epsilon: Any = None, name: Any = None) -> Any:
    if layer.config.get("order", 2) != 2:
        raise Unsupported("an order other than 2")
    axis, epsilon = given(layer, axis, word="axis", default=-1), given(layer, epsilon, word="epsilon")
    # TensorFlow bounds the sum of squares, Keras its root, by 1e-7 where nothing else is given.
    of_squares = layer.kind.startswith("math")
    least = float((1e-12 if of_squares else 1e-7) if epsilon is None else epsilon)
    least = least if of_squares else least**2
    total = _reduce(layer, "ReduceSum", layer.emit("Square", x), axis, True)
    return layer.emit("Div", x, layer.emit("Sqrt", layer.emit("Max", total, layer.number(least))))


@keras_operation("Argmax", "Argmin", "math.argmax", "math.argmin")
def arg_max(
    layer: Any, x: Any = None, axis: Any = None, output_type: Any = None, name: Any = None, input: Any = None
) -> Any:
    x = input if x is None else x
    axis, keepdims = _axis_and_keepdims(layer, axis, None)
    if axis is None:
        x, axis = layer.emit("Reshape", x, [-1], allowzero=True), 0
    op = "ArgMax" if layer.kind.lower().endswith("max") else "ArgMin"
    found = layer.emit(op, x, axis=int(axis), keepdims=bool(keepdims), last=False)
    return found if layer.kind.startswith("math") else layer.emit("Cast", found, dtype="int32")


@keras_operation("Softmax", "LogSoftmax", "nn.softmax", "nn.log_softmax")
def softmax(layer: Any, x: Any = None, axis: Any = None, name: Any = None, logits: Any = None) -> Any:
    x, axis = logits if x is None else x, given(layer, axis, word="axis", default=-1)
    y = layer.emit("Softmax", x, axis=tuple(axis) if isinstance(axis, (list, tuple)) else int(axis))
    return layer.emit("Log", y) if layer.kind.lower().replace("_", "").endswith("logsoftmax") else y


@keras_operation("Moments", "nn.moments")
def moments(layer: Any, x: Any, axes: Any = None, keepdims: Any = None, name: Any = None, shift: Any = None) -> Any:
    axis, keepdims = given(layer, axes, word="axes"), given(layer, keepdims, word="keepdims", default=False)
    mean = _reduce(layer, "ReduceMean", x, axis, True)
    square = layer.emit("Square", layer.emit("Sub", x, mean))
    found = [mean if keepdims else _reduce(layer, "ReduceMean", x, axis, False)]
    return [*found, _reduce(layer, "ReduceMean", square, axis, keepdims)]


@keras_operation("LayerNorm")
def layer_norm(layer: Any, x: Any, gamma: Any = None, beta: Any = None) -> Any:
    axis, epsilon = layer.config.get("axis", -1), layer.config.get("epsilon")
    if layer.config.get("rms_scaling"):
        raise Unsupported("rms_scaling")
    return layer.emit(
        "LayerNormalization",
        x,
        None if gamma is None else operand(layer, gamma),
        None if beta is None else operand(layer, beta),
        axes=tuple(map(int, np.ravel(axis))),
        epsilon=1e-7 if epsilon is None else float(epsilon),
    )


@keras_operation("BatchNorm")
def batch_norm(layer: Any, x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None) -> Any:
    parameters = [None if value is None else operand(layer, value) for value in (scale, offset, mean, variance)]
    return layer.emit(
        "BatchNormalization",
        x,
        *parameters,
        axis=int(layer.config["axis"]),
        epsilon=float(layer.config.get("epsilon", 1e-3)),
    )
