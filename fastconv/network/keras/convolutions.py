"""Convolutional layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import fused_activation
from .layer import Unsupported, keras_layer

__all__ = ["conv", "conv_transpose", "depthwise", "separable"]


def _pads(layer: Any, window: int) -> Any:
    """A configuration's padding as the operators have it."""
    padding = str(layer.config.get("padding", "valid")).lower()
    if padding == "causal":
        return (((window - 1) * int(_pair(layer, "dilation_rate", 1)[0]), 0),)
    if padding not in ("valid", "same"):
        raise Unsupported(f"padding {padding!r}")
    return "valid" if padding == "valid" else "same_upper"


def _pair(layer: Any, name: str, rank: int) -> tuple[int, ...]:
    value = layer.config.get(name, 1)
    return (int(value),) * rank if isinstance(value, (int, float)) else tuple(int(number) for number in value)


def _weights(layer: Any, kernels: int = 1) -> list[Any]:
    """The kernels and the bias or None."""
    biased = layer.config.get("use_bias", True)
    found = layer.arrays(kernels + bool(biased))
    return found if biased else [*found, None]


def _attributes(layer: Any, kernel: np.ndarray) -> dict[str, Any]:
    rank = kernel.ndim - 2
    return {
        "data_format": layer.data_format,
        "strides": _pair(layer, "strides", rank),
        "dilations": _pair(layer, "dilation_rate", rank),
        "pads": _pads(layer, kernel.shape[0]),
    }


@keras_layer("Conv1D", "Conv2D", "Convolution1D", "Convolution2D")
def conv(layer: Any, x: Any) -> Any:
    kernel, bias = _weights(layer)
    fused, rest = fused_activation(layer)
    groups = int(layer.config.get("groups", 1))
    return rest(layer.emit("Conv", x, kernel, bias, groups=groups, activation=fused, **_attributes(layer, kernel)))


@keras_layer("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(layer: Any, x: Any) -> Any:
    kernel, bias = _weights(layer)
    fused, rest = fused_activation(layer)
    kernel, groups = as_groups(kernel)
    return rest(layer.emit("Conv", x, kernel, bias, groups=groups, activation=fused, **_attributes(layer, kernel)))


def as_groups(kernel: np.ndarray) -> tuple[np.ndarray, int]:
    """A depthwise kernel (spatial..., c_in, multiplier) as one of c_in groups.

    Examples
    --------
    >>> kernel, groups = as_groups(np.zeros((3, 3, 8, 2)))
    >>> kernel.shape, groups
    ((3, 3, 1, 16), 8)
    """
    *window, c_in, multiplier = kernel.shape
    return kernel.reshape(*window, 1, c_in * multiplier), c_in


@keras_layer("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D")
def separable(layer: Any, x: Any) -> Any:
    channel_kernel, pixel_kernel, bias = _weights(layer, 2)
    fused, rest = fused_activation(layer)
    kernel, groups = as_groups(channel_kernel)
    x = layer.emit("Conv", x, kernel, groups=groups, **_attributes(layer, kernel))
    return rest(layer.emit("Conv", x, pixel_kernel, bias, data_format=layer.data_format, activation=fused))


@keras_layer("Conv1DTranspose", "Conv2DTranspose", "Convolution2DTranspose")
def conv_transpose(layer: Any, x: Any) -> Any:
    kernel, bias = _weights(layer)
    fused, rest = fused_activation(layer)
    attributes = _attributes(layer, kernel)
    extra = layer.config.get("output_padding")
    if extra is not None:
        attributes["output_padding"] = _pair(layer, "output_padding", kernel.ndim - 2)
    return rest(layer.emit("ConvTranspose", x, kernel, bias, activation=fused, **attributes))
