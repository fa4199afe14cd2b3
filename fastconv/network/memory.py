"""How much memory arrays take together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["distinct_bytes"]


def distinct_bytes(arrays: Iterable[np.ndarray]) -> int:
    """The bytes under arrays, those that several share once.

    Examples
    --------
    >>> x = np.zeros((4, 8), np.float32)
    >>> distinct_bytes([x, x.T, x[1:], np.zeros(3, np.int8), np.broadcast_to(np.float64(1), (5, 5))])
    139
    """
    total = end = 0
    for low, high in sorted(_span(array) for array in arrays if array.size):
        total += max(high - max(low, end), 0)
        end = max(end, high)
    return total


def _span(array: np.ndarray) -> tuple[int, int]:
    """The addresses that an array lies between."""
    first = last = array.__array_interface__["data"][0]
    for size, stride in zip(array.shape, array.strides, strict=True):
        first, last = first + min(stride, 0) * (size - 1), last + max(stride, 0) * (size - 1)
    return first, last + array.itemsize
