"""Dense layers, and those that do nothing in inference."""

from __future__ import annotations

from typing import Any

from .activations import fused_activation
from .layer import keras_layer

__all__ = ["dense", "dropout", "einsum_dense", "nothing"]


@keras_layer("Dense")
def dense(layer: Any, x: Any) -> Any:
    kernel, bias = [*layer.arrays(1 + bool(layer.config.get("use_bias", True))), None][:2]
    fused, rest = fused_activation(layer)
    return rest(layer.emit("Dense", x, kernel, bias, activation=fused))


@keras_layer("EinsumDense")
def einsum_dense(layer: Any, x: Any) -> Any:
    """A product with a kernel, by a dense layer where it is one."""
    equation = str(layer.config.get("equation", "")).replace(" ", "")
    biased = layer.config.get("bias_axes") is not None
    kernel, bias = [*layer.arrays(1 + biased), None][:2]
    fused, rest = fused_activation(layer)
    if _is_dense(equation.replace("...", "")):
        return rest(layer.emit("Dense", x, kernel, bias, activation=fused))
    y = layer.emit("Einsum", x, kernel, equation=equation)
    y = y if bias is None else layer.emit("Add", y, bias)
    return rest(y if fused is None else layer.emit("Activation", y, activation=fused))


def _is_dense(equation: str) -> bool:
    """Whether an equation multiplies the last axis by a matrix.

    Examples
    --------
    >>> _is_dense("abc,cd->abd"), _is_dense("abc,cde->abde")
    (True, False)
    """
    operands, _, result = equation.partition("->")
    left, _, right = operands.partition(",")
    return (
        len(right) == 2
        and left[-1:] == right[0]
        and result == left[:-1] + right[1]
        and len(set(left + right[1])) == len(left) + 1
    )


@keras_layer("Dropout", "SpatialDropout1D", "SpatialDropout2D")
def dropout(layer: Any, x: Any) -> Any:
    """What it drops in training only; axes along which ``noise_shape`` is 1, and those of space, are dropped whole."""
    shape = layer.config.get("noise_shape")
    axes: tuple[int, ...] = ()
    if layer.kind != "Dropout":
        rank = 1 if layer.kind.endswith("1D") else 2
        first = 2 if layer.config.get("data_format") == "channels_first" else 1
        axes = tuple(range(first, first + rank))
    elif shape is not None:
        axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return layer.emit("Dropout", x, rate=float(layer.config.get("rate", 0.5)), axes=axes)


@keras_layer(
    "AlphaDropout",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
    "Identity",
    "StochasticDepth",
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomErasing",
    "RandomHue",
    "RandomSaturation",
    "RandomColorJitter",
    "RandomColorDegeneration",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPosterization",
    "RandomSharpness",
    "RandomShear",
    "RandomGaussianBlur",
    "RandomPerspective",
    "RandomElasticTransform",
    "MixUp",
    "CutMix",
    "RandAugment",
    "AugMix",
)
def nothing(layer: Any, x: Any) -> Any:
    """What only training has."""
    return layer.emit("Identity", x)
