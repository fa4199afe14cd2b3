"""A network drawn layer by layer, from top to bottom."""

from __future__ import annotations

import math
from typing import Any

from ..graph import Graph, Value
from .figure import new_figure
from .layers import Block, blocks
from .placement import place_boxes

__all__ = ["plot_network"]

# Inches.
_WIDTH, _HEIGHT, _PITCH, _LANE, _MARGIN, _TITLE = 2.8, 0.4, 0.66, 0.3, 0.35, 0.35
_PIXELS = 30_000  # of a side
_OTHER = "#eceae4"
_FAMILIES = (  # parts of the names of kinds, and a colour
    (("input",), "#dfe3e8"),
    (("padding", "cropping"), _OTHER),
    (("conv",), "#bcd6f2"),
    (("dense", "gemm", "matmul", "einsum"), "#f6cfae"),
    (("pool",), "#c9e7c4"),
    (("norm", "rescaling"), "#e3d4f0"),
    (("lstm", "gru", "bidirectional", "timedistributed"), "#f4c6d7"),
    (("add", "sum", "concat", "multiply", "mul", "average", "maximum", "minimum", "subtract", "dot"), "#f8e7a4"),
    (("relu", "activation", "softmax", "sigmoid", "tanh", "elu", "swish", "clip", "gelu"), "#f3c4bd"),
)


def plot_network(graph: Graph, shaped: Any, path: Any) -> None:
    """Draw a graph into a PNG file.

    Parameters
    ----------
    graph : Graph
    shaped : callable
        Gives the shapes of a list of values.
    path : path or binary file object
    """
    shown = blocks(graph)
    values = shaped([Value(block.value) for block in shown])
    ranks, places, lines = place_boxes([block.sources for block in shown], _WIDTH + _LANE, _LANE)
    columns = _columns(ranks, places)
    at = {
        item: (x + places[item], _MARGIN + _TITLE + _PITCH * row)
        for (first, last, x) in columns
        for row, rank in enumerate(ranks[first:last])
        for item in rank
    }
    width = max((x for x, _ in at.values()), default=_WIDTH) + _WIDTH / 2 + _MARGIN
    height = 2 * _MARGIN + _TITLE + _PITCH * max((last - first for first, last, _ in columns), default=1) - _PITCH / 2
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(_MARGIN, _MARGIN * 0.8, _title(graph, shown), size=10, weight="bold", va="center")
    gaps = {
        item: min(at[other][0] for rank in ranks[first:last] for other in rank) - (_WIDTH + 2 * _LANE) / 2
        for first, last, _ in columns[1:]
        for item in ranks[first]
    }
    for upper, lower in lines:
        _draw_line(axes, at[upper], at[lower], upper < len(shown), lower < len(shown), gaps.get(lower))
    for i, (block, value) in enumerate(zip(shown, values, strict=True)):
        _draw_box(axes, *at[i], block, value)
    figure.savefig(path, format="png", dpi=min(110, _PIXELS / max(width, height)))


def _title(graph: Graph, shown: list[Block]) -> str:
    weights = sum(array.size for array in graph.constants.values() if array.dtype.kind in "fV")
    return f"{len(shown) - len(graph.inputs)} layers, {weights:,} parameters"


def _columns(ranks: Any, places: Any) -> list[tuple[int, int, float]]:
    """(first rank, rank after the last, left edge) of columns that make a long network a picture of 4:3 or so."""
    width = max(places, default=0) + _WIDTH
    count = max(1, round(math.sqrt(0.75 * len(ranks) * _PITCH / width)) if len(ranks) > 24 else 1)
    size, columns, left = math.ceil(len(ranks) / count), [], _MARGIN
    for first in range(0, len(ranks), max(size, 1)):
        part = ranks[first : first + size]
        low = min(places[item] for rank in part for item in rank) - (_WIDTH + _LANE) / 2
        high = max(places[item] for rank in part for item in rank) + (_WIDTH + _LANE) / 2
        columns.append((first, first + len(part), left - low - _LANE / 2))
        left += high - low + 2 * _LANE
    return columns


def _draw_line(axes: Any, start: Any, end: Any, from_box: bool, to_box: bool, gap: float | None) -> None:
    """A line down to the next rank; where that is in the next column, by the gap between the columns."""
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = start, end
    y0, y1 = y0 + (_HEIGHT / 2 if from_box else 0), y1 - (_HEIGHT / 2 if to_box else 0)
    style: dict[str, Any] = {"color": "#7b8794", "linewidth": 1.0}
    if gap is not None:
        points = [(x0, y0), (x0, y0 + 0.13), (gap, y0 + 0.13), (gap, y1 - 0.13), (x1, y1 - 0.13), (x1, y1)]
        path = Path(points)
        style["linestyle"] = (0, (4, 2))
    else:
        bend = (y1 - y0) / 2
        path = Path(
            [(x0, y0), (x0, y0 + bend), (x1, y1 - bend), (x1, y1)], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        )
    if to_box:
        axes.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=8, shrinkA=0, shrinkB=0, **style))
    else:
        axes.add_patch(PathPatch(path, fill=False, **style))


def _draw_box(axes: Any, x: float, y: float, block: Block, value: Value) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top, pad = x - _WIDTH / 2, y - _HEIGHT / 2, 0.07
    axes.add_patch(
        FancyBboxPatch(
            (left, top),
            _WIDTH,
            _HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=_colour(block.kind),
            edgecolor="#52606d",
            linewidth=0.7,
            zorder=2,
        )
    )
    words = {"va": "center", "zorder": 3, "parse_math": False}
    numbers = f"{block.parameters:,}" if block.parameters else ""
    shape = "" if value.shape is None else " x ".join("?" if size is None else str(size) for size in value.shape)
    right = {"ha": "right", "color": "#3e4c59", **words}
    axes.text(left + pad, y - 0.09, _short(block.name, 34 - len(numbers)), size=7.5, weight="bold", **words)
    axes.text(left + _WIDTH - pad, y - 0.09, numbers, size=7, **right)
    axes.text(left + pad, y + 0.1, _short(block.kind, 36 - len(shape)), size=7, **words)
    axes.text(left + _WIDTH - pad, y + 0.1, shape or "scalar", size=7, **right)


def _colour(kind: str) -> str:
    kind = kind.lower()
    return next((colour for parts, colour in _FAMILIES if any(part in kind for part in parts)), _OTHER)


def _short(text: str, most: int) -> str:
    """A text of few characters; what is left out is in its middle, as ends tell layers apart."""
    most = max(most, 12)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[len(text) - most + most // 2 :]}"
