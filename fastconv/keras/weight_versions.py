"""Whether a model's variables still hold what they held when somebody looked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _ops

__all__ = ["Weights", "are_cheap", "version_of"]

_COMPARED = 1 << 24  # bytes of all variables that are compared before a prediction
_CHUNK = 1 << 16  # numbers that are compared at a time, in a cache


class Weights:
    """What variables hold at this moment.

    A write gives a variable of JAX another array, and one of TensorFlow another buffer while somebody holds the old
    one, which this does. torch counts the writes to a parameter, but not those through its ``data``, and NumPy's arrays
    count none: of these the bytes are compared, with a copy.

    Parameters
    ----------
    variables : list of keras.Variable
        On a CPU.

    Examples
    --------
    >>> import keras
    >>> variable = keras.Variable(np.ones(3, "float32"))
    >>> weights = Weights([variable])
    >>> weights.are_unchanged()
    True
    >>> variable.assign(variable * 2)  # doctest: +ELLIPSIS
    <...>
    >>> weights.are_unchanged()
    False
    """

    def __init__(self, variables: Any) -> None:
        self._held = [version_of(variable) for variable in variables]

    def are_unchanged(self) -> bool:
        return all(held.is_unchanged() for held in self._held)


class _Bytes:
    """A variable whose array others may write to."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self._copy = self._bits().copy()

    def _bits(self) -> np.ndarray:
        value = self._variable._value
        array = value.detach().numpy() if _ops.BACKEND == "torch" else value
        # Bits, as no number differs from itself then.
        return np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")

    def is_unchanged(self) -> bool:
        return _are_equal(self._bits(), self._copy)


class _Array:
    """A variable of JAX, whose arrays never change. A prediction may put a copy in an array's place."""

    def __init__(self, variable: Any) -> None:
        self._variable, self._value = variable, variable._value

    def is_unchanged(self) -> bool:
        value = self._variable._value
        if value is self._value:
            return True
        # Training gives its old arrays away, to be written to.
        if value is None or self._value.is_deleted() or not _are_equal(_bits(value), _bits(self._value)):
            return False
        self._value = value
        return True


class _Buffer:
    """A variable of TensorFlow, which writes to its buffer only while nobody else holds it."""

    def __init__(self, variable: Any) -> None:
        self._handle, self._dtype = variable._value.handle, variable._value.dtype
        self._hold(self._read())

    def _read(self) -> Any:
        from tensorflow.python.ops.gen_resource_variable_ops import read_variable_op

        return read_variable_op(self._handle, self._dtype)

    def _hold(self, tensor: Any) -> None:
        self._tensor, self._address = tensor, _address(tensor)

    def is_unchanged(self) -> bool:
        tensor = self._read()
        if _address(tensor) == self._address:
            return True
        if not _are_equal(_bits(tensor), _bits(self._tensor)):
            return False
        self._hold(tensor)
        return True


def _address(tensor: Any) -> int:
    result: int = np.asarray(memoryview(tensor)).__array_interface__["data"][0]
    return result


def _bits(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.reshape(-1).view(f"u{array.itemsize}")


def _are_equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == b.size and all(
        np.array_equal(a[begin : begin + _CHUNK], b[begin : begin + _CHUNK]) for begin in range(0, a.size, _CHUNK)
    )


def are_cheap(variables: Any) -> bool:
    """Whether variables are on a CPU, and a look at them costs little beside a prediction."""
    values = [variable._value for variable in variables]
    if any(value is None for value in values):  # an error in a step of JAX leaves none
        return False
    if _ops.BACKEND == "tensorflow":
        return all("CPU" in value.device for value in values)
    if _ops.BACKEND == "jax":
        return all(device.platform == "cpu" for value in values for device in value.devices())
    on_cpu = _ops.BACKEND == "numpy" or all(value.device.type == "cpu" for value in values)
    return on_cpu and sum(value.nbytes for value in values) <= _COMPARED


# What one variable holds at this moment; its `is_unchanged` says whether it still does.
version_of: Callable[..., Any] = {"tensorflow": _Buffer, "jax": _Array}.get(_ops.BACKEND, _Bytes)
