"""The gradient of maximum pooling that every maximum of a window takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import _args

if TYPE_CHECKING:
    from .._typing import Ints, PaddingLike


def to_all_maxima(
    x: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    pool_size: Ints,
    strides: Ints | None,
    padding: PaddingLike,
    data_format: str,
    dx: np.ndarray,
) -> None:
    """dx = for each cell the sum of dy over the windows whose maximum y it equals.

    Windows are gone through tap by tap: the same tap of all windows is one strided slice. Half types add in float32.
    """
    pool = _args.pair(pool_size, "pool_size")
    steps = pool if strides is None else _args.pair(strides, "strides")
    first = data_format == "channels_first"
    cells, maxima, slopes, result = (a if first else np.moveaxis(a, 3, 1) for a in (x, y, dy, dx))
    h, w = cells.shape[2:]
    (top, _), (left, _) = _args.padding_pairs(padding, (h, w), pool, steps)
    sums = np.zeros(cells.shape, np.result_type(x.dtype, np.float32))
    for i in range(pool[0]):
        rows, of_rows = _tap(i - top, steps[0], h, maxima.shape[2])
        for j in range(pool[1]):
            columns, of_columns = _tap(j - left, steps[1], w, maxima.shape[3])
            taps = (..., rows, columns), (..., of_rows, of_columns)
            sums[taps[0]] += np.where(cells[taps[0]] == maxima[taps[1]], slopes[taps[1]], 0)
    result[...] = sums


def _tap(start: int, step: int, size: int, windows: int) -> tuple[slice, slice]:
    """(cells that one tap of the windows meets, those windows), along an axis of `size` cells."""
    begin = max(0, -(start // step))
    end = min(windows, (size - 1 - start) // step + 1)
    if end <= begin:
        return slice(0, 0), slice(0, 0)
    return slice(start + begin * step, start + (end - 1) * step + 1, step), slice(begin, end)
