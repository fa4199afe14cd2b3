"""What the rows of the keras suite come to: a backend's own layers against fastconv's on it, by what is run."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

import rows

# fastconv on a backend, and what it takes the place of.
_PAIRS = {
    "TensorFlow": ("fastconv-tf", "keras-tf"),
    "torch": ("fastconv-torch", "keras-torch"),
    "JAX": ("fastconv-jax", "keras-jax"),
}


def grids(found: list[dict]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, heads, cells) of the means; nothing without rows of the suite."""
    found = [row for row in found if row["suite"] == "keras"]
    if not found:
        return
    names = [name for name, pair in _PAIRS.items() if any(_ratio(row, pair) for row in found)]
    heads = ["networks'", "rows", *(head for name in names for head in (f"on {name}", "least"))]
    kinds = dict.fromkeys(map(_kind, found))
    cells = [
        [kind, str(len(part)), *(text for name in names for text in _statistics(part, _PAIRS[name]))]
        for kind in kinds
        for part in [[row for row in found if _kind(row) == kind]]
    ]
    yield (
        "keras: the time of a backend's own layers over fastconv's on that backend, geometric mean and least",
        heads,
        cells,
    )


def _kind(row: dict) -> str:
    """The operation; forward passes by batch."""
    return (
        f"{row['op'].replace('_', ' ')}, batch {row['images']}"
        if row["op"] == "forward"
        else row["op"].replace("_", " ")
    )


def _ratio(row: dict, pair: tuple[str, str]) -> float | None:
    ours, stock = (rows.seconds(row, name) for name in pair)
    return stock / ours if ours and stock else None


def _statistics(part: list[dict], pair: tuple[str, str]) -> tuple[str, str]:
    ratios = [ratio for row in part if (ratio := _ratio(row, pair))]
    return (f"{geometric_mean(ratios):.2f}", f"{min(ratios):.2f}") if ratios else ("", "")
