"""Pooling layers."""

from __future__ import annotations

from typing import Any, cast

import keras

from . import _ops, base

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPooling1D",
    "MaxPooling2D",
]


class _Pooling(base.Fast):
    """The call of the layers with windows, before Keras' in the order of classes."""

    def call(self, inputs: Any) -> Any:
        rank = len(self.pool_size)
        if not self._serves(inputs, rank + 2):
            return super().call(inputs)
        if min(self.strides) < 1:
            base.fall_back(self, "no kernel for strides of 0")
            return super().call(inputs)
        if _ops.BACKEND == "torch" and self.pool_mode == "average" and self.padding == "same":
            base.fall_back(self, "on torch, Keras averages copies of the edge too")
            return super().call(inputs)
        row = 1 if self.data_format == "channels_last" else 2
        ones = (1,) * (2 - rank)
        pool = _ops.max_pool2d if self.pool_mode == "max" else _ops.avg_pool2d
        y = pool(
            keras.ops.expand_dims(inputs, row) if ones else inputs,
            ones + self.pool_size,
            strides=ones + self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )
        return keras.ops.squeeze(y, row) if ones else y


class _GlobalPooling(base.Fast):
    """The call of the layers whose window is the whole image."""

    def call(self, inputs: Any) -> Any:
        ndim = cast(keras.InputSpec, self.input_spec).ndim
        if not self._serves(inputs, ndim):
            return super().call(inputs)
        axes = (1, 2) if self.data_format == "channels_last" else (2, 3)
        image = keras.ops.expand_dims(inputs, axes[0]) if ndim == 3 else inputs
        window = (1, inputs.shape[axes[0]]) if ndim == 3 else (inputs.shape[axes[0]], inputs.shape[axes[1]])
        if None in window or 0 in window:
            base.fall_back(self, "the size of the images is not known, or 0")
            return super().call(inputs)
        pool = _ops.max_pool2d if isinstance(self, _MAXIMA) else _ops.avg_pool2d
        y = pool(image, window, data_format=self.data_format)
        if self.keepdims:
            return keras.ops.squeeze(y, axes[0]) if ndim == 3 else y
        return keras.ops.squeeze(y, axes)


_MAXIMA = keras.layers.GlobalMaxPooling1D, keras.layers.GlobalMaxPooling2D


@keras.saving.register_keras_serializable(package="fastconv")
class MaxPooling2D(_Pooling, keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` on fastconv's kernels, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.MaxPooling2D(2)(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 4, 4, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class MaxPooling1D(_Pooling, keras.layers.MaxPooling1D):
    """`keras.layers.MaxPooling1D` on fastconv's kernels, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.MaxPooling1D(2)(np.zeros((1, 8, 3), "float32")).shape)
    (1, 4, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class AveragePooling2D(_Pooling, keras.layers.AveragePooling2D):
    """`keras.layers.AveragePooling2D` on fastconv's kernels, in both data formats; padded cells are not counted.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.AveragePooling2D(2)(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 4, 4, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class AveragePooling1D(_Pooling, keras.layers.AveragePooling1D):
    """`keras.layers.AveragePooling1D` on fastconv's kernels, in both data formats; padded cells are not counted.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.AveragePooling1D(2)(np.zeros((1, 8, 3), "float32")).shape)
    (1, 4, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class GlobalMaxPooling2D(_GlobalPooling, keras.layers.GlobalMaxPooling2D):
    """`keras.layers.GlobalMaxPooling2D` on fastconv's kernels, in both data formats.

    Of equal maxima the first has the gradient, as in `MaxPooling2D`; Keras shares it among them.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.GlobalMaxPooling2D()(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class GlobalMaxPooling1D(_GlobalPooling, keras.layers.GlobalMaxPooling1D):
    """`keras.layers.GlobalMaxPooling1D` on fastconv's kernels, in both data formats.

    Of equal maxima the first has the gradient, as in `MaxPooling1D`; Keras shares it among them.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.GlobalMaxPooling1D()(np.zeros((1, 8, 3), "float32")).shape)
    (1, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class GlobalAveragePooling2D(_GlobalPooling, keras.layers.GlobalAveragePooling2D):
    """`keras.layers.GlobalAveragePooling2D` on fastconv's kernels, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.GlobalAveragePooling2D()(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 3)
    """


@keras.saving.register_keras_serializable(package="fastconv")
class GlobalAveragePooling1D(_GlobalPooling, keras.layers.GlobalAveragePooling1D):
    """`keras.layers.GlobalAveragePooling1D` on fastconv's kernels, in both data formats; masks are Keras' to compute.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> tuple(fastconv.keras.GlobalAveragePooling1D()(np.zeros((1, 8, 3), "float32")).shape)
    (1, 3)
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return super().call(inputs) if mask is None else super(base.Fast, self).call(inputs, mask)
