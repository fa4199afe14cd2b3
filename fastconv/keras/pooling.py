"""MaxPooling2D and AveragePooling2D."""
from __future__ import annotations

import keras

from ..tensorflow import ops
from . import base

__all__ = ["AveragePooling2D", "MaxPooling2D"]


class _Pooling2D:
    """The call of both layers, before Keras' in the order of classes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_jit = False

    def call(self, inputs):
        if min(self.strides) < 1 or not base.serves(self, inputs, rank=4):
            return super().call(inputs)
        pool = ops.max_pool2d if self.pool_mode == "max" else ops.avg_pool2d
        return pool(inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format)


@keras.saving.register_keras_serializable(package="fastconv")
class MaxPooling2D(_Pooling2D, keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` on fastconv's kernels, in both data formats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> fastconv.keras.MaxPooling2D(2)(np.zeros((1, 8, 8, 3), "float32")).shape
    TensorShape([1, 4, 4, 3])
    """


@keras.saving.register_keras_serializable(package="fastconv")
class AveragePooling2D(_Pooling2D, keras.layers.AveragePooling2D):
    """`keras.layers.AveragePooling2D` on fastconv's kernels, in both data formats; padded cells are not counted.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> fastconv.keras.AveragePooling2D(2)(np.zeros((1, 8, 8, 3), "float32")).shape
    TensorShape([1, 4, 4, 3])
    """
