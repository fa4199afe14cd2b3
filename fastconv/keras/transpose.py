"""Transposed convolution layers."""

from __future__ import annotations

from typing import Any

import keras

from . import _ops
from .convolution import Convolution, DilatedStrides

__all__ = ["Conv1DTranspose", "Conv2DTranspose"]


class _Transpose(DilatedStrides, Convolution):
    def _convolve(self, x: Any, kernel: Any, **keywords: Any) -> Any:
        more = self.output_padding
        if more is not None:
            more = (0,) * (2 - self.rank) + tuple(more)
        return _ops.conv2d_transpose(x, kernel, output_padding=more, **self._window(), **keywords)


@keras.saving.register_keras_serializable(package="fastconv")
class Conv2DTranspose(_Transpose, keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` on fastconv's kernels; strides and dilation may be combined.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.Conv2DTranspose(4, 3, strides=2)(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 17, 17, 4)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class Conv1DTranspose(_Transpose, keras.layers.Conv1DTranspose):
    """`keras.layers.Conv1DTranspose` on fastconv's kernels; strides and dilation may be combined.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.Conv1DTranspose(4, 3, strides=2)(np.zeros((1, 8, 3), "float32")).shape)
    (1, 17, 4)
    """
