"""What the rows of networks' layers come to: means by network, batch and kind of layer, and the rows left behind."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

import rows

_KINDS = {
    "fewer than 8 channels": lambda layer: layer["groups"] == 1 and layer["channels"] < 8,
    "64 channels in and out, or more": lambda layer: (
        layer["groups"] == 1 and min(layer["channels"], layer["filters"]) >= 64
    ),
    "depthwise": lambda layer: layer["groups"] > 1,
}


def grids(found: list[dict]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, heads, cells) of the means, and of the rows under 1.0 where there are any; nothing without layers."""
    layers = [row for row in found if row["layer"]]
    if not layers:
        return
    names = [name for name in rows.OWN if any(name in rows.tried(row) for row in layers)]
    heads = [text for name in names for text in (rows.OWN[name], "least", "< 1")]
    errors = ["largest error", "", *(text for name in names for text in (_largest_error(layers, name), "", ""))]
    yield (
        "layers: the best peer's time over fastconv's, geometric mean, least, and rows under 1",
        ["layers of", "rows", *heads],
        [
            [label, str(len(part)), *(text for name in names for text in _statistics(part, name))]
            for label, part in _groups(layers)
        ]
        + [errors],
    )
    behind = sorted(
        ((min(values), row) for row in layers if (values := _ratios([row], names)) and min(values) < 1),
        key=lambda pair: pair[0],
    )
    if behind:
        yield (
            f"layers: {len(behind)} of {len(layers)} rows with a ratio under 1",
            ["case", *(rows.OWN[name] for name in names), "best peer"],
            [[row["case"], *(_text(rows.ratio(row, name)) for name in names), rows.fastest(row)] for _, row in behind],
        )


def _groups(layers: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """(label, rows): each network, each batch, each kind of layer, all; none that is empty."""

    def where(test) -> list[dict]:
        return [row for row in layers if test(row["layer"])]

    for net in dict.fromkeys(row["layer"]["net"] for row in layers):
        yield net, where(lambda layer, net=net: layer["net"] == net)
    for batch in sorted({row["layer"]["batch"] for row in layers}):
        yield f"batch {batch}", where(lambda layer, batch=batch: layer["batch"] == batch)
    yield from ((label, part) for label, test in _KINDS.items() if (part := where(test)))
    yield "all", layers


def _ratios(layers: list[dict], names: list[str]) -> list[float]:
    return [value for row in layers for name in names if (value := rows.ratio(row, name))]


def _statistics(layers: list[dict], name: str) -> list[str]:
    values = _ratios(layers, [name])
    if not values:
        return ["", "", ""]
    return [f"{geometric_mean(values):.2f}", f"{min(values):.2f}", str(sum(value < 1 for value in values))]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _largest_error(layers: list[dict], name: str) -> str:
    errors = [error for row in layers if (error := rows.error(row, name)) is not None]
    return f"{max(errors):.1e}" if errors else ""
