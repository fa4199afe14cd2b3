"""Figures, and arrays of small pictures in them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["mosaic", "new_figure"]

_SIDE, _GAP = 32, 0.04  # cells that a small picture has at least, and space between pictures as a share of one


def new_figure(width: float, height: float, **words: Any) -> Any:
    """A figure of matplotlib of that many inches, which no window shows.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``examples`` installs.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plots need matplotlib: pip install 'fastconv[examples]'") from None
    return Figure(figsize=(width, height), **words)


def mosaic(tiles: np.ndarray, across: int) -> np.ndarray:
    """Pictures (n, height, width, ...) side by side, `across` in a row, with NaN between them.

    Small ones are enlarged, so that the space between them is that between large ones.

    Examples
    --------
    >>> mosaic(np.ones((3, 32, 64)), 2).shape
    (67, 131)
    """
    times = -(-_SIDE // max(tiles.shape[1:3]))
    tiles = tiles.repeat(times, 1).repeat(times, 2)
    count, height, width = tiles.shape[:3]
    across, gap = min(across, count), max(1, round(_GAP * max(height, width)))
    down = -(-count // across)
    sizes = down * (height + gap) - gap, across * (width + gap) - gap
    whole = np.full((*sizes, *tiles.shape[3:]), np.nan)
    for i, tile in enumerate(tiles):
        y, x = i // across * (height + gap), i % across * (width + gap)
        whole[y : y + height, x : x + width] = tile
    return whole
