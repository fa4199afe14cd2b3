"""Variables of Keras that arrays stand for while a plan changes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _ops
from .weight_versions import version_of

__all__ = ["HeldVariable"]


class HeldVariable:
    """A variable, and the array that stands for it.

    Parameters
    ----------
    variable : keras.Variable
    array : numpy.ndarray
        Of as many numbers.

    Examples
    --------
    >>> import keras
    >>> variable, array = keras.Variable(np.ones(3, "float32")), np.zeros(3, "float32")
    >>> held = HeldVariable(variable, array)
    >>> held.pull()
    >>> array *= 2
    >>> held.push()
    >>> keras.ops.convert_to_numpy(variable)
    array([2., 2., 2.], dtype=float32)
    """

    def __init__(self, variable: Any, array: np.ndarray) -> None:
        self._variable, self._array = variable, array
        self._seen: Any = None

    def pull(self) -> None:
        """Take what the variable holds, if it is not what it was given last."""
        if self._seen is None or not self._seen.is_unchanged():
            self._array[...] = _array_of(self._variable).reshape(self._array.shape)
            self._seen = _version_of(self._variable)

    def push(self) -> None:
        """Give the variable what the array holds."""
        _assign(self._variable, self._array.reshape(self._variable.shape))
        self._seen = _version_of(self._variable)


class _Same:
    """A variable of NumPy, which `assign` gives another array."""

    def __init__(self, variable: Any) -> None:
        self._variable, self._value = variable, variable._value

    def is_unchanged(self) -> bool:
        return self._variable._value is self._value


_version_of = _Same if _ops.BACKEND == "numpy" else version_of


def _array_of(variable: Any) -> np.ndarray:
    return np.asarray(variable._value.detach() if _ops.BACKEND == "torch" else variable._value)


def _assign(variable: Any, array: np.ndarray) -> None:
    if _ops.BACKEND != "tensorflow":
        variable.assign(array)
        return
    # The operation itself: Keras and TensorFlow around it take twice as long.
    import tensorflow as tf
    from tensorflow.python.ops.gen_resource_variable_ops import assign_variable_op

    assign_variable_op(variable._value.handle, tf.constant(array, variable.dtype))
