"""Keras layers on fastconv's kernels, and patching that puts them in the place of Keras' own.

They are Keras' layers with another `call`: the same arguments, weights, names and configs.
"""
try:
    import keras as _keras
except ImportError as error:
    raise ImportError("fastconv.keras needs Keras and TensorFlow: pip install 'fastconv[keras]'") from error

if _keras.backend.backend() != "tensorflow":
    raise ImportError("fastconv.keras runs on Keras' TensorFlow backend; received backend "
                      f"{_keras.backend.backend()!r} (set KERAS_BACKEND=tensorflow before importing Keras)")

from .activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from .conv2d import Conv2D
from .patch import is_patched, patch_keras, patched, unpatch_keras
from .pooling import AveragePooling2D, MaxPooling2D

__all__ = [
    "ELU",
    "Activation",
    "AveragePooling2D",
    "Conv2D",
    "LeakyReLU",
    "MaxPooling2D",
    "ReLU",
    "Softmax",
    "is_patched",
    "patch_keras",
    "patched",
    "unpatch_keras",
]
