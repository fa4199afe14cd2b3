"""What the rows of the image suite come to: means by dtype, size, kind and kernel, and the rows left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import geometric_mean

import rows

AHEAD = 1.05  # a lead that noise does not make


def grids(found: list[dict]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, heads, cells) of the means, of the rows beside a copy, and of the rows behind; nothing without images."""
    images = [row for row in found if row["image"]]
    if not images:
        return
    yield (
        "images: the best peer's time over fastconv's, geometric mean and least, and rows under 1.05 and 1",
        ["images of", "rows", "mean", "least", "< 1.05", "< 1"],
        [[label, *cells] for label, part in _groups(images) if (cells := _statistics(part))],
    )
    names = [name for name in rows.OWN if any(rows.copies(row, name) for row in images)]
    if names:
        yield (
            "images: fastconv's time over that of a plain copy of the image",
            ["case", "copy", *("plain call" if name == "fastconv" else rows.OWN[name] for name in names)],
            [
                [
                    row["case"],
                    f"{1e3 * rows.seconds(row, rows.COPY):.3g} ms",
                    *(_text(rows.copies(row, name)) for name in names),
                ]
                for row in images
                if any(rows.copies(row, name) for name in names)
            ],
        )
    compared = [row for row in images if rows.failed(row) or _ratio(row)]
    behind = sorted(
        (pair for row in compared if (pair := (_ratio(row) or 0, row["case"], row))[0] < AHEAD),
        key=lambda pair: pair[:2],
    )
    if behind:
        yield (
            f"images: {len(behind)} of {len(images)} rows with a ratio under {AHEAD}",
            ["case", "ratio", "best peer"],
            [[name, _text(ratio) if ratio else "failed", rows.fastest(row) or ""] for ratio, name, row in behind],
        )


def _groups(images: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """(label, rows): each dtype, then over all of them each size, kind, kernel, border and number of channels.

    Integers that wrap are a group by themselves: SciPy alone gives their answer, so slowly that a mean would drown.
    """
    wrapping = [row for row in images if _wraps(row)]
    images = [row for row in images if not _wraps(row)]

    def by(label: str, key: Callable[[dict], object]) -> Iterator[tuple[str, list[dict]]]:
        for value in dict.fromkeys(map(key, images)):
            yield label.format(value), [row for row in images if key(row) == value]

    yield "all", images
    yield from by("{}", lambda row: row["dtype"])
    yield "integers that wrap", wrapping
    yield from sorted(by("{}", lambda row: row["image"]["size"]), key=lambda pair: area(pair[1][0]))
    yield from by("kind {}", lambda row: row["image"]["kind"])
    yield from sorted(
        by("kernel {0}x{0}", lambda row: row["image"]["kernel"]), key=lambda pair: pair[1][0]["image"]["kernel"]
    )
    yield from by("border {}", lambda row: row["image"]["border"])
    yield from by("channels {}", lambda row: row["image"]["channels"])


def _wraps(row: dict) -> bool:
    return row["op"] == "convolve2d" and row["dtype"].startswith("uint")


def area(row: dict) -> int:
    """The cells of a row's image."""
    height, width = map(int, row["image"]["size"].split("x"))
    return height * width


def _ratio(row: dict) -> float | None:
    return rows.ratio(row, rows.ours(row))


def _statistics(part: list[dict]) -> list[str]:
    values = [value for row in part if (value := _ratio(row))]
    if not values:
        return []
    return [
        str(len(values)),
        f"{geometric_mean(values):.2f}",
        f"{min(values):.2f}",
        *(str(sum(value < bound for value in values)) for bound in (AHEAD, 1)),
    ]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
