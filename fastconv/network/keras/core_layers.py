"""Dense layers, and those that do nothing in inference."""

from __future__ import annotations

from .activations import fused_activation
from .layer import Unsupported, keras_layer

__all__ = ["dense", "einsum_dense", "nothing"]


@keras_layer("Dense")
def dense(layer, x):
    kernel, bias = [*layer.arrays(1 + bool(layer.config.get("use_bias", True))), None][:2]
    fused, rest = fused_activation(layer)
    return rest(layer.emit("Dense", x, kernel, bias, activation=fused))


@keras_layer("EinsumDense")
def einsum_dense(layer, x):
    """A product over the last axis, which is a dense layer."""
    equation = str(layer.config.get("equation", "")).replace(" ", "").replace("...", "")
    operands, _, result = equation.partition("->")
    left, _, right = operands.partition(",")
    if (
        len(right) != 2
        or left[-1:] != right[0]
        or result != left[:-1] + right[1]
        or len(set(left + right[1])) != len(left) + 1
    ):
        raise Unsupported(f"EinsumDense of {equation!r}")
    biased = layer.config.get("bias_axes") is not None
    kernel, bias = [*layer.arrays(1 + biased), None][:2]
    fused, rest = fused_activation(layer)
    return rest(layer.emit("Dense", x, kernel, bias, activation=fused))


@keras_layer(
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
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
def nothing(layer, x):
    """What only training has."""
    return x
