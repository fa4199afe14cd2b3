"""Depthwise and separable convolution layers."""

from __future__ import annotations

from typing import Any

import keras

from . import _ops
from .convolution import Convolution, compute

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class _Depthwise(Convolution):
    def _convolve(self, x: Any, kernel: Any, *kernels: Any, **keywords: Any) -> Any:
        """One group a channel; Keras' kernel (k_h, k_w, channels, multiplier) holds the groups' filters in order."""
        k_h, k_w, channels, multiplier = kernel.shape
        kernel = keras.ops.reshape(kernel, (k_h, k_w, 1, channels * multiplier))
        return compute(x, kernel, groups=channels, **self._window() | keywords)


class _Separable(_Depthwise):
    def _kernels(self) -> Any:
        return self.depthwise_kernel, self.pointwise_kernel

    def _convolve(self, x: Any, kernel: Any, *kernels: Any, **keywords: Any) -> Any:
        (pointwise,) = kernels
        x = super()._convolve(x, kernel, data_format=self.data_format)
        return _ops.conv2d(x, pointwise, **keywords)


@keras.saving.register_keras_serializable(package="fastconv")
class DepthwiseConv2D(_Depthwise, keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` on fastconv's kernels, with any strides and dilation, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.DepthwiseConv2D(3, depth_multiplier=2)
    >>> tuple(layer(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 6, 6, 6)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class DepthwiseConv1D(_Depthwise, keras.layers.DepthwiseConv1D):
    """`keras.layers.DepthwiseConv1D` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.DepthwiseConv1D(3)(np.zeros((1, 8, 3), "float32")).shape)
    (1, 6, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class SeparableConv2D(_Separable, keras.layers.SeparableConv2D):
    """`keras.layers.SeparableConv2D` on fastconv's kernels, with any strides and dilation, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.SeparableConv2D(4, 3)(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 6, 6, 4)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class SeparableConv1D(_Separable, keras.layers.SeparableConv1D):
    """`keras.layers.SeparableConv1D` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.SeparableConv1D(4, 3)(np.zeros((1, 8, 3), "float32")).shape)
    (1, 6, 4)
    """
