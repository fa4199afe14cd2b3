"""The short way: filters of plain arrays in one call of the core, where Python's checks would take longer than sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .borders import BORDERS
from .correlation import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

_INT16 = np.dtype(np.int16)
_NUMBERS = {dtype: _core.DTYPES[dtype.name] for dtype in (*KINDS, _INT16) if dtype.name in _core.DTYPES}


def filter_directly(
    image: Any, kernel: Callable[[Any, np.dtype], Any], key: Any, options: tuple[Any, ...], derives: bool = False
) -> np.ndarray | None:
    """`filter2d` where all is as the core takes it and nothing but the border is asked for; None where it is not.

    `kernel(key, dtype)` gives the taps, `options` are border, value, axes, channel_axis, dtype, out and algorithm.
    `derives`: the results of integers are not their own dtype, but int16 for 8 bits and the dtype of sums for others.
    """
    border, value, axes, channel_axis, dtype, out, algorithm = options
    if not (axes is channel_axis is dtype is None and type(value) is int and not value):
        return None
    if not (type(border) is type(algorithm) is str and algorithm == "auto"):
        return None
    kind = KINDS.get(image.dtype) if type(image) is np.ndarray and image.ndim in (2, 3) else None
    boundary = BORDERS.get(border)
    if kind is None or kind.source is not image.dtype or boundary is None:
        return None
    result = image.dtype
    if derives and result.kind in "iu":
        result = _INT16 if result.itemsize == 1 else kind.work
    if not (out is None or (type(out) is np.ndarray and out.dtype is result)):
        return None
    numbers = kind.number, _NUMBERS[result], kind.work_number, boundary
    found: np.ndarray | None = _core.filter2d_directly(*numbers, image, kernel(key, kind.work), result, out)
    return found
