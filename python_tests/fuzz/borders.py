"""What continues an image beyond its edges."""

from __future__ import annotations

import numpy as np

ALIASES = {"fill": "constant", "symm": "reflect"}


def continued(border: str, size: int, places: np.ndarray) -> np.ndarray:
    """The cell of an axis of `size` cells that lies at each place, `size` for a fill value."""
    border = ALIASES.get(border, border)
    if border == "constant":
        return np.where((places >= 0) & (places < size), places, size)
    if border == "wrap":
        return places % size
    if border == "nearest":
        return np.clip(places, 0, size - 1)
    if border == "reflect101":
        places = places % max(2 * size - 2, 1)
        return np.where(places < size, places, 2 * size - 2 - places)
    places = places % (2 * size)
    return np.where(places < size, places, 2 * size - 1 - places)


def with_fill(image: np.ndarray, fill) -> np.ndarray:
    """image with one row and column more, of fill values."""
    h, w = image.shape[:2]
    result = np.full((h + 1, w + 1, *image.shape[2:]), fill, image.dtype)
    result[:h, :w] = image
    return result
