"""Normalizing and rescaling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layer import Unsupported, keras_layer

__all__ = [
    "batch_normalization",
    "group_normalization",
    "layer_normalization",
    "layer_scale",
    "normalization",
    "rescaling",
    "unit_normalization",
]


def _axis(layer: Any, default: int = -1) -> int:
    axis = layer.config.get("axis", default)
    if isinstance(axis, list):
        if len(axis) != 1:
            raise Unsupported(f"axis {axis}")
        (axis,) = axis
    return int(axis)


def _affine(layer: Any, more: int = 0) -> Any:
    """gamma, beta, or None for what the layer has not, and the weights after them."""
    scale, center = bool(layer.config.get("scale", True)), bool(layer.config.get("center", True))
    found = iter(layer.arrays(scale + center + more))
    gamma, beta = next(found) if scale else None, next(found) if center else None
    return gamma, beta, *found


@keras_layer("BatchNormalization", "SyncBatchNormalization")
def batch_normalization(layer: Any, x: Any) -> Any:
    # With renorm, a layer of Keras 2 also has statistics that only training reads.
    gamma, beta, mean, variance, *_ = _affine(layer, 5 if layer.config.get("renorm") else 2)
    return layer.emit(
        "BatchNormalization",
        x,
        gamma,
        beta,
        mean,
        variance,
        axis=_axis(layer),
        epsilon=float(layer.config.get("epsilon", 1e-3)),
        momentum=float(layer.config.get("momentum", 0.99)),
    )


@keras_layer("LayerNormalization")
def layer_normalization(layer: Any, x: Any) -> Any:
    axis = layer.config.get("axis", -1)
    axes = tuple(int(number) for number in axis) if isinstance(axis, list) else (int(axis),)
    epsilon = float(layer.config.get("epsilon", 1e-3))
    if layer.config.get("rms_scaling"):
        return _rms_scaling(layer, x, axes, epsilon)
    gamma, beta = _affine(layer)
    return layer.emit("LayerNormalization", x, gamma, beta, axes=axes, epsilon=epsilon)


def _rms_scaling(layer: Any, x: Any, axes: Any, epsilon: Any) -> Any:
    """x times gamma over its standard deviation; Keras does not subtract the mean in the numerator here."""
    (gamma,) = layer.arrays(1)
    mean = layer.emit("ReduceMean", x, list(axes), keepdims=True)
    centred = layer.emit("Sub", x, mean)
    variance = layer.emit("ReduceMean", layer.emit("Mul", centred, centred), list(axes), keepdims=True)
    deviation = layer.emit("Sqrt", layer.emit("Add", variance, layer.number(epsilon)))
    return layer.emit("Mul", layer.emit("Div", x, deviation), gamma)


@keras_layer("RMSNormalization")
def rms_normalization(layer: Any, x: Any) -> Any:
    return layer.emit(
        "LayerNormalization",
        x,
        layer.arrays(1)[0],
        axes=(_axis(layer),),
        center=False,
        epsilon=float(layer.config.get("epsilon", 1e-6)),
    )


@keras_layer("GroupNormalization")
def group_normalization(layer: Any, x: Any) -> Any:
    gamma, beta = _affine(layer)
    return layer.emit(
        "GroupNormalization",
        x,
        gamma,
        beta,
        axis=_axis(layer),
        groups=int(layer.config["groups"]),
        epsilon=float(layer.config.get("epsilon", 1e-3)),
    )


@keras_layer("UnitNormalization")
def unit_normalization(layer: Any, x: Any) -> Any:
    axis = layer.config.get("axis", -1)
    axes = [int(number) for number in axis] if isinstance(axis, list) else [int(axis)]
    total = layer.emit("ReduceSum", layer.emit("Mul", x, x), axes, keepdims=True)
    norm = layer.emit("Sqrt", layer.emit("Max", total, layer.number(1e-12)))
    return layer.emit("Div", x, norm)


@keras_layer("LayerScale")
def layer_scale(layer: Any, x: Any) -> Any:
    return layer.emit("Mul", x, layer.arrays(1)[0])


@keras_layer("Rescaling")
def rescaling(layer: Any, x: Any) -> Any:
    x = layer.emit("Mul", x, layer.number(_numbers(layer.config["scale"])))
    return layer.emit("Add", x, layer.number(_numbers(layer.config.get("offset", 0.0))))


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        value = value["config"]["value"] if isinstance(value.get("config"), dict) else value["config"]
    return np.asarray(value, np.float64)


@keras_layer("Normalization")
def normalization(layer: Any, x: Any) -> Any:
    mean, variance = (
        None if layer.config.get(name) is None else _numbers(layer.config[name]) for name in ("mean", "variance")
    )
    if mean is None or variance is None:
        # Keras also counts what it has seen.
        mean, variance = (np.asarray(array, np.float64) for array in layer.arrays(2, 3)[:2])
    axis = layer.config.get("axis", -1)
    axes = () if axis is None else tuple(int(number) for number in axis) if isinstance(axis, list) else (int(axis),)
    mean, deviation = (
        layer.emit("AlongAxes", layer.number(values), x, axes=axes)
        if axes and values.size > 1
        else layer.number(values.reshape(()))
        for values in (mean, np.maximum(np.sqrt(variance), 1e-7))
    )
    if layer.config.get("invert"):
        return layer.emit("Add", layer.emit("Mul", x, deviation), mean)
    return layer.emit("Div", layer.emit("Sub", x, mean), deviation)
