"""Keras' own layers, which those of this package stand for."""

from __future__ import annotations

import keras

from . import activations, convolution, dense, depthwise, normalization, pooling, transpose

__all__ = ["STOCK"]

_MODULES = activations, convolution, dense, depthwise, normalization, pooling, transpose
# The stock layers by the layers that take their places: those of the same name.
STOCK = {getattr(module, name): getattr(keras.layers, name) for module in _MODULES for name in module.__all__}
