"""What a caller gives a network, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Value

__all__ = ["arrays_of"]


def arrays_of(values: list[Value], inputs: Any) -> list[np.ndarray]:
    """The arrays of one call, in the order of these inputs and of their dtypes, C-contiguous.

    Parameters
    ----------
    values : list of Value
    inputs : sequence
        One for each, or one dict or list of them.

    Raises
    ------
    ValueError, TypeError
        If they do not fit.
    """
    if len(inputs) == len(values) == 1 and type(inputs[0]) is np.ndarray:
        return [_converted(inputs[0], values[0])]
    if len(inputs) == 1 and (isinstance(inputs[0], dict) or len(values) > 1):
        inputs = _named(values, inputs[0])
    if len(inputs) != len(values):
        raise ValueError(
            f"the network takes {len(values)} inputs, {[value.name for value in values]}; received {len(inputs)}"
        )
    return [_converted(array, value) for array, value in zip(inputs, values, strict=True)]


def _named(values: list[Value], inputs: Any) -> list[Any]:
    """Inputs that were given as one dict or list."""
    names = [value.name for value in values]
    if isinstance(inputs, dict):
        unknown = set(inputs) ^ set(names)
        if unknown:
            raise ValueError(f"the inputs must be {names}; received {list(inputs)}")
        return [inputs[name] for name in names]
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def _converted(array: Any, value: Value) -> np.ndarray:
    """An input as a C-contiguous array of its dtype."""
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    if array.dtype != value.dtype:
        if value.dtype.kind != "f" or array.dtype.kind not in "biuf":
            raise TypeError(f"input {value.name!r} must be {value.dtype}; received {array.dtype}")
        array = array.astype(value.dtype)
    return array if array.flags.c_contiguous else np.array(array, order="C")
