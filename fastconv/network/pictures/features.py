"""Feature maps of layers as grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Graph
from .figure import mosaic, new_figure
from .layers import layouts

__all__ = ["plot_features"]

_MAPS, _ACROSS = 32, 16  # shown of a layer, and in a row
_CELLS = 512  # shown of a vector
# Inches: of a grid, of a map and of a number at most, of a layer's title and the space above it, beside grids.
_WIDTH, _MAP, _CELL, _TITLE, _MARGIN = 12.0, 2.0, 0.3, 0.42, 0.2
_PIXELS = 30_000  # of a side of the picture


def plot_features(graph: Graph, features: dict[str, np.ndarray], path: Any) -> None:
    """Draw the first image's feature maps of layers into a PNG file, a grid for each layer.

    Parameters
    ----------
    graph : Graph
    features : dict of str to ndarray
        By layer, its output; of inputs, by their names, themselves.
    path : path or binary file object
    """
    formats, inputs = layouts(graph), {value.name for value in graph.inputs}
    kinds = {node.name: node.kind for node in reversed(graph.nodes)}
    first = {name: array[0] if array.ndim > 1 and len(array) else array for name, array in features.items()}
    grids = {
        name: _grid(array, formats.get(graph.layers.get(name, name)), name in inputs) for name, array in first.items()
    }
    sizes = {name: _size(grid, number) for name, (grid, number) in grids.items()}
    places, width, height = _places(sizes)
    figure = new_figure(width, height, facecolor="white")
    for name, (grid, _) in grids.items():
        (left, top), (across, down), (low, high) = places[name], sizes[name], _range(grid)
        axes = figure.add_axes((left / width, 1 - (top + down) / height, across / width, down / height))
        shown = np.clip((grid - low) / (high - low), 0, 1) if grid.ndim == 3 else grid
        axes.imshow(shown, cmap="viridis", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
        axes.axis("off")
        axes.set_title(
            f"{name}   {kinds.get(name, 'input')}   {' x '.join(map(str, features[name].shape[1:]))}   "
            f"{low:.3g} to {high:.3g}",
            loc="left",
            size=9,
            parse_math=False,
        )
    figure.savefig(path, format="png", dpi=min(110, _PIXELS / max(width, height)))


def _places(sizes: dict[str, tuple[float, float]]) -> tuple[dict[str, tuple[float, float]], float, float]:
    """Where grids begin, from the left and the top, and width and height of the whole; many are in columns."""
    total = sum(down + _TITLE for _, down in sizes.values())
    count = max(1, round(math.sqrt(total / (1.4 * _WIDTH))))
    places, top, column, height = {}, 0.0, 0, 0.0
    for name, (_, down) in sizes.items():
        if top and top + (down + _TITLE) / 2 > total / count and column < count - 1:
            top, column = 0.0, column + 1
        places[name] = (_MARGIN + column * (_WIDTH + 2 * _MARGIN), _MARGIN + top + _TITLE)
        top += down + _TITLE
        height = max(height, top)
    return places, (column + 1) * (_WIDTH + 2 * _MARGIN), height + 2 * _MARGIN


def _size(grid: np.ndarray, number: int) -> tuple[float, float]:
    """Inches across and down of a grid that has that many maps, or numbers, in a row."""
    if len(grid) == 1:
        return min(_WIDTH, _CELL * number), _CELL
    across = min(_WIDTH, _MAP * number)
    return across, min(across * grid.shape[0] / grid.shape[1], _WIDTH)


def _grid(array: np.ndarray, layout: str | None, in_colour: bool) -> tuple[np.ndarray, int]:
    """An image's maps side by side, a sequence as one map with time from left to right, a vector as one row.

    And how many there are in a row. An image of three channels may be one in colour.
    """
    array = np.asarray(array, np.float32) if array.size else np.full(1, np.nan, np.float32)
    if layout != "channels_first" and array.ndim > 1:
        array = np.moveaxis(array, -1, 0)
    if in_colour and array.ndim == 3 and len(array) == 3:
        return np.moveaxis(array, 0, -1), 1
    if array.ndim > 2 and array[0].size > 1:
        return mosaic(array.reshape(*array.shape[:2], -1)[:_MAPS], _ACROSS), min(len(array), _ACROSS)
    if array.ndim == 2 and min(array.shape) > 1:
        return array, _ACROSS
    return array.reshape(1, -1)[:, :_CELLS], min(array.size, _CELLS)


def _range(grid: np.ndarray) -> tuple[float, float]:
    """Least and largest number of nearly all cells."""
    cells = grid[np.isfinite(grid)]
    if not cells.size:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(cells, (0.5, 99.5)))
    return low, high if high > low else low + 1.0
