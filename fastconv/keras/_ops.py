"""The functions of the framework that Keras runs on; the layers know no other name for them."""

from __future__ import annotations

from importlib import import_module

import keras

BACKEND = keras.backend.backend()
_MODULES = {
    "tensorflow": "fastconv.tensorflow",
    "torch": "fastconv.torch",
    "jax": "fastconv.jax",
    "numpy": "fastconv.keras.numpy_ops",
}

if BACKEND not in _MODULES:
    raise ImportError(
        f"fastconv.keras runs on Keras' backends {', '.join(_MODULES)}; received backend {BACKEND!r} "
        "(set KERAS_BACKEND before importing Keras)"
    )
_functions = import_module(_MODULES[BACKEND])
conv2d = _functions.conv2d
conv2d_transpose = _functions.conv2d_transpose
max_pool2d = _functions.max_pool2d
avg_pool2d = _functions.avg_pool2d
activation = _functions.activation
relu = _functions.relu
softmax = _functions.softmax
dense = getattr(_functions, "dense", None)  # None: left to the framework
conv2d_pool2d = getattr(_functions, "conv2d_pool2d", None)  # None: one after the other
conv2d_added = getattr(_functions, "conv2d_added", None)  # None: by another operation
conv2d_normalized = getattr(_functions, "conv2d_normalized", None)  # None: by another operation
refusal = _functions.refusal
is_recorded = getattr(_functions, "is_recorded", bool)  # bool(): never

# XLA has no kernels for TensorFlow's custom ops, and Keras' compiling with torch traces none of them as one.
COMPILES = BACKEND not in ("tensorflow", "torch")
