"""The numbers that values of a network take on samples, and the scales that hold them in 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["METHODS", "Observed", "scale_for"]

METHODS = ("minmax", "percentile", "mse")
_BINS = 2048
_PERCENTILE = 1e-4  # of the numbers lie beyond either end of the range that "percentile" takes
_CUTS = np.linspace(0.2, 1, 33)  # shares of the range that "mse" tries


@dataclass
class Observed:
    """What is seen of a value: its range, the means of its channels, and how often numbers lie in parts of the range.

    Parameters
    ----------
    axes : tuple of int
        Those of the channels, as layers read the value.

    Examples
    --------
    >>> seen = Observed((-1,))
    >>> seen.see(np.array([[1.0, -3.0], [2.0, 0.0]]))
    >>> seen.low, seen.high, seen.means(-1)
    (-3.0, 2.0, array([ 1.5, -1.5]))
    """

    axes: tuple[int, ...] = ()
    low: float = 0.0
    high: float = 0.0
    _sums: dict[int, np.ndarray | float] = field(default_factory=dict)
    _count: dict[int, int] = field(default_factory=dict)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def see(self, array: np.ndarray) -> None:
        """Numbers of one batch: their range and sums. 0 is always within the range."""
        if not array.size:
            return
        self.low = float(np.minimum(self.low, array.min()))  # NaN stays, to be found
        self.high = float(np.maximum(self.high, array.max()))
        for axis in self.axes if array.ndim else ():
            others = tuple(i for i in range(array.ndim) if i != axis % array.ndim)
            self._sums[axis] = self._sums.get(axis, 0.0) + array.sum(others, dtype=np.float64)
            self._count[axis] = self._count.get(axis, 0) + array.size // array.shape[axis]

    def count(self, array: np.ndarray) -> None:
        """Numbers of one batch, once the whole range is known: how many lie in each part of it."""
        if self.high > self.low:
            self.counts += np.histogram(array, _BINS, (self.low, self.high))[0]

    def means(self, axis: int) -> np.ndarray | float:
        """Of the channels along one of the axes."""
        return self._sums.get(axis, 0.0) / max(self._count.get(axis, 0), 1)


def scale_for(seen: Observed, method: str, dtype: np.dtype) -> tuple[np.float32, int]:
    """The scale and the zero point of integers of 8 bits that hold what was seen.

    'minmax' holds all of it, 'percentile' leaves one number in ten thousand outside at either end, 'mse' cuts both ends
    where the mean square of all errors is least.

    Examples
    --------
    >>> seen = Observed()
    >>> seen.see(np.array([-1.0, 4.1]))
    >>> scale_for(seen, "minmax", np.dtype("uint8"))
    (np.float32(0.02), 50)
    """
    if method == "percentile" and seen.counts.any():
        share = np.cumsum(seen.counts) / seen.counts.sum()
        edges = np.linspace(seen.low, seen.high, _BINS + 1)
        low, high = edges[np.searchsorted(share, _PERCENTILE)], edges[np.searchsorted(share, 1 - _PERCENTILE) + 1]
        return _scale(min(low, 0.0), max(high, 0.0), dtype)
    if method == "mse" and seen.counts.any():
        found = [_scale(cut * seen.low, cut * seen.high, dtype) for cut in _CUTS]
        return min(found, key=lambda scale: _square_error(seen, scale[0], scale[1], dtype))
    return _scale(seen.low, seen.high, dtype)


def _scale(low: float, high: float, dtype: np.dtype) -> tuple[np.float32, int]:
    info = np.iinfo(dtype)
    scale = np.float32((high - low) / 255)
    if not 0 < scale < np.inf:
        return np.float32(1), int(info.min) if low == 0 else 0
    return scale, int(np.clip(np.rint(info.min - low / scale), info.min, info.max))


def _square_error(seen: Observed, scale: np.float32, zero: int, dtype: np.dtype) -> float:
    edges, info = np.linspace(seen.low, seen.high, _BINS + 1), np.iinfo(dtype)
    middles = (edges[1:] + edges[:-1]) / 2
    held = (np.clip(np.rint(middles / scale) + zero, info.min, info.max) - zero) * scale
    return float(seen.counts @ np.square(middles - held))
