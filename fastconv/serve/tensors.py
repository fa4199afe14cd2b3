"""Arrays of a request's JSON, and dtypes by the names that clients have for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import RequestError

__all__ = ["from_json", "kind_name", "kind_of"]

_KINDS = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
# Bytes of a body in which no text is so long, and no list either, that an array of them takes much.
_SHORT = 24 << 10
_NAMES = {np.dtype(kind): name for name, kind in _KINDS.items()}


def kind_name(dtype: np.dtype) -> str:
    """The Open Inference Protocol's name of a dtype."""
    return _NAMES.get(np.dtype(dtype), "BF16")


def kind_of(name: Any, field: str) -> np.dtype:
    """The dtype of a name of the Open Inference Protocol."""
    if not isinstance(name, str) or name not in _KINDS:
        raise RequestError(400, f"{field}: must be one of {', '.join(_KINDS)}; received {str(name)[:40]!r}")
    return np.dtype(_KINDS[name])


def from_json(value: Any, field: str, size: int) -> np.ndarray:
    """The array of nested lists of numbers of a body of `size` bytes; RequestError 400 if they are something else."""
    try:
        array = np.asarray(value) if size <= _SHORT else _checked(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise RequestError(400, f"{field}: lists must have one length on each level") from None
    if array.dtype.kind not in "biuf" and array.size:
        raise RequestError(400, f"{field}: must be numbers, or nested lists of them")
    return array


def _checked(value: Any) -> np.ndarray:
    """The array, of objects where not all are numbers: NumPy makes every element as wide as the longest text."""
    found = np.asarray(value, dtype=object)
    numbers = found.ravel().tolist()
    kinds = set(map(type, numbers))
    if list in kinds:
        raise ValueError("lists of several lengths")
    return np.asarray(numbers).reshape(found.shape) if kinds <= {int, float, bool} else found
