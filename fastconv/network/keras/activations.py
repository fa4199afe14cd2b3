"""Activations: by name in a layer's configuration, and as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nn.activations import ACTIVATIONS
from .layer import Layer, Symbol, Unsupported, keras_layer

__all__ = ["activate", "fused_activation"]

_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}
_SAME = {
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "leaky_relu",
    "elu",
}
# Classes of layers that a configuration may hold as an activation.
_AS_LAYERS = {"ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Activation"}


def spelled(spec: Any) -> Any:
    """An activation's name, or the (class, configuration) of a layer that is one."""
    if spec is None or isinstance(spec, str):
        return spec or "linear"
    if isinstance(spec, dict):
        kind, config = spec.get("class_name"), spec.get("config")
        if kind == "function" and isinstance(config, str):
            return config
        if kind in _AS_LAYERS and isinstance(config, dict):
            return kind, config
        if kind and not config and isinstance(kind, str):
            return kind
    raise Unsupported(f"activation {spec!r:.80}")


def fused_activation(layer: Layer) -> Any:
    """(activation to compute with the node or None, function of the result for what is left)."""
    spec = spelled(layer.config.get("activation"))
    if isinstance(spec, str) and spec in _SAME and not (spec == "hard_sigmoid" and layer.version < 3):
        return (None if spec == "linear" else (_core_name(spec), _ALPHA.get(spec, 0.0))), lambda y: y
    return None, lambda y: activate(layer, y, spec)


def _core_name(name: str) -> str:
    numbers = {number: found for found, number in reversed(ACTIVATIONS.items()) if found}
    return numbers[ACTIVATIONS[name]]


def activate(layer: Layer, x: Symbol, spec: Any) -> Symbol:
    """The value of an activation given by name, as Keras' configurations have it."""
    if not isinstance(spec, (str, tuple)):
        spec = spelled(spec)
    if isinstance(spec, tuple):
        from .layer import LAYERS

        result: Symbol = LAYERS[spec[0]](layer.part(spec[0], spec[1], layer.weights), x)
        return result
    if spec == "linear":
        return x
    if spec == "hard_sigmoid" and layer.version < 3:
        return layer.emit(
            "Clip",
            layer.emit("Add", layer.emit("Mul", x, layer.number(0.2)), layer.number(0.5)),
            layer.number(0),
            layer.number(1),
        )
    if spec in _SAME:
        return layer.emit("Activation", x, activation=(_core_name(spec), _ALPHA.get(spec, 0.0)))
    if spec not in _COMPOSED:
        raise Unsupported(f"activation {spec!r}")
    result = _COMPOSED[spec](layer, x)
    return result


def _log_sigmoid(layer: Any, x: Any) -> Any:
    inner = layer.emit("Activation", layer.emit("Neg", x), activation=("softplus", 0.0))
    return layer.emit("Neg", inner)


def _squareplus(layer: Any, x: Any) -> Any:
    root = layer.emit("Sqrt", layer.emit("Add", layer.emit("Mul", x, x), layer.number(4)))
    return layer.emit("Mul", layer.emit("Add", x, root), layer.number(0.5))


def _tanh_shrink(layer: Any, x: Any) -> Any:
    return layer.emit("Sub", x, layer.emit("Activation", x, activation=("tanh", 0.0)))


def _soft_shrink(layer: Any, x: Any) -> Any:
    """x less what a clip at 0.5 leaves of it."""
    return layer.emit("Sub", x, _clip(layer, x, -0.5, 0.5))


def _clip(layer: Any, x: Any, low: Any, high: Any) -> Any:
    return layer.emit("Clip", x, layer.number(low), layer.number(high))


def _glu(layer: Any, x: Any) -> Any:
    """The first half times the sigmoid of the second."""
    first, second = layer.emit_several("Split", x, outputs=2, axis=-1, parts=2)
    return layer.emit("Mul", first, layer.emit("Activation", second, activation=("sigmoid", 0.0)))


def _sparse_plus(layer: Any, x: Any) -> Any:
    """0 up to -1, x from 1 on, and ``(x + 1)^2 / 4`` between."""
    square = layer.emit("Square", layer.emit("Mul", layer.emit("Add", x, layer.number(1)), layer.number(0.5)))
    upper = layer.emit("Where", layer.emit("Less", x, layer.number(1)), square, x)
    return layer.emit("Where", layer.emit("LessOrEqual", x, layer.number(-1)), layer.number(0), upper)


def _sparse_sigmoid(layer: Any, x: Any) -> Any:
    return _clip(layer, layer.emit("Mul", layer.emit("Add", x, layer.number(1)), layer.number(0.5)), 0, 1)


_COMPOSED = {
    "softmax": lambda layer, x: layer.emit("Softmax", x, axis=-1),
    "log_softmax": lambda layer, x: layer.emit("Log", layer.emit("Softmax", x, axis=-1)),
    "celu": lambda layer, x: layer.emit("Activation", x, activation=("elu", 1.0)),
    "glu": _glu,
    "hard_shrink": lambda layer, x: layer.emit("Shrink", x, threshold=0.5, bias=0.0),
    "hard_tanh": lambda layer, x: _clip(layer, x, -1, 1),
    "log_sigmoid": _log_sigmoid,
    "soft_shrink": _soft_shrink,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "sparsemax": lambda layer, x: layer.emit("Sparsemax", x),
    "squareplus": _squareplus,
    "tanh_shrink": _tanh_shrink,
}


@keras_layer("Activation")
def activation_layer(layer: Any, x: Any) -> Any:
    return activate(layer, x, layer.config["activation"])


@keras_layer("ReLU")
def relu(layer: Any, x: Any) -> Any:
    slope = layer.config.get("negative_slope", 0.0) or 0.0
    threshold, most = layer.config.get("threshold", 0.0) or 0.0, layer.config.get("max_value")
    return rectify(layer, x, _scalar(slope), None if most is None else _scalar(most), _scalar(threshold))


def rectify(layer: Any, x: Any, slope: float, most: float | None, threshold: float) -> Any:
    """relu with Keras' arguments, by the plain activation where it is one."""
    if threshold == 0 and most is None:
        return layer.emit("Activation", x, activation=("leaky_relu", slope) if slope else ("relu", 0.0))
    if threshold == 0 and most == 6 and not slope:
        return layer.emit("Activation", x, activation=("relu6", 0.0))
    return layer.emit("Rectifier", x, negative_slope=slope, max_value=most, threshold=threshold)


def _scalar(value: Any) -> float:
    """A number, which Keras 2 may have written as an array."""
    if isinstance(value, dict):
        value = value["config"]["value"] if "config" in value else value["value"]
    return float(np.asarray(value).reshape(()))


@keras_layer("LeakyReLU")
def leaky_relu(layer: Any, x: Any) -> Any:
    # Keras 2 calls the slope alpha.
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return layer.emit("Activation", x, activation=("leaky_relu", _scalar(slope)))


@keras_layer("ELU")
def elu(layer: Any, x: Any) -> Any:
    return layer.emit("Activation", x, activation=("elu", _scalar(layer.config.get("alpha", 1.0))))


@keras_layer("PReLU")
def prelu(layer: Any, x: Any) -> Any:
    (slope,) = layer.arrays(1)
    return layer.emit("PRelu", x, slope)


@keras_layer("Softmax")
def softmax(layer: Any, x: Any) -> Any:
    axis = layer.config.get("axis", -1)
    return layer.emit("Softmax", x, axis=tuple(axis) if isinstance(axis, list) else axis)


@keras_layer("ThresholdedReLU")
def thresholded_relu(layer: Any, x: Any) -> Any:
    theta = layer.number(_scalar(layer.config.get("theta", 1.0)))
    return layer.emit("Where", layer.emit("Greater", x, theta), x, layer.number(0))
