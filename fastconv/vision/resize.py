"""Resampling with averaging, in NumPy alone."""

from __future__ import annotations

import numpy as np

from ..nn import dense

__all__ = ["resize"]

_GAP = 3  # by whole blocks a picture is made at most that much larger than wanted, as Pillow's `reducing_gap` does


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image (H, W) or (H, W, C) in another size, as float32.

    Every output is a mean of the inputs under a triangle as wide as two outputs, or two inputs where it enlarges:
    Pillow's bilinear filter.

    Examples
    --------
    >>> resize(np.arange(4).reshape(1, 4), 1, 2)
    array([[0.71428573, 2.2857144 ]], dtype=float32)
    """
    image = _reduced(image, height, width)
    rows, columns = _weights(image.shape[0], height), _weights(image.shape[1], width)
    image = _summed(np.moveaxis(image, 1, -1), columns)  # (H, ..., width)
    return np.moveaxis(_summed(np.moveaxis(image, 0, -1), rows), (-1, -2), (0, 1))


def _summed(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums along the last axis."""
    return dense(image.reshape(-1, image.shape[-1]), weights).reshape(*image.shape[:-1], -1)


def _reduced(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The means of whole blocks of a picture that is many times as large as wanted."""
    for axis, wanted in ((0, height), (1, width)):
        size = image.shape[axis]
        times = size // (wanted * _GAP)
        if times > 1:
            begins = np.arange(0, size, times)
            counts = np.diff(np.append(begins, size))
            shape = [1] * image.ndim
            shape[axis] = -1
            sums = np.add.reduceat(image, begins, axis=axis, dtype=np.float32)
            image = sums / counts.reshape(shape).astype(np.float32)
    return np.asarray(image, np.float32)


def _weights(size: int, wanted: int) -> np.ndarray:
    """What each input counts in each output, (size, wanted)."""
    scale = size / wanted
    reach = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    distances = np.abs(np.arange(size)[:, None] + 0.5 - centres) / reach
    weights = np.clip(1 - distances, 0, None)
    result: np.ndarray = (weights / weights.sum(0)).astype(np.float32)
    return result
