"""What a run comes to: a line a suite, and every row that a peer wins."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

import rows

WIDTH = 80
_SUMMARY = ["suite", "rows", "mean", "worst", "behind", "failed"]
_LOSSES = ["behind in", "ratio", "best peer"]


def grids(found: list[dict]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, heads, cells) of the suites, then of the losses, the worst first; nothing that is empty.

    A row counts by fastconv's first candidate, as in the tables of `report.py`. Rows without a peer have no ratio.
    """
    if not found:
        return
    suites = list(dict.fromkeys(row["suite"] for row in found))
    cells = [[suite, *_figures([row for row in found if row["suite"] == suite])] for suite in suites]
    if len(suites) > 1:
        cells.append(["all", *_figures(found)])
    yield "the best peer's time over fastconv's: above 1, fastconv is faster", _SUMMARY, cells
    losses = sorted(filter(_is_loss, found), key=lambda row: _ratio(row) or 0)
    if losses:
        yield (
            f"{len(losses)} of {len(found)} rows behind or failed",
            _LOSSES,
            [
                [f"{row['suite']}, {row['case']}", _text(_ratio(row)) or "failed", rows.fastest(row) or ""]
                for row in losses
            ],
        )


def _ratio(row: dict) -> float | None:
    return None if rows.failed(row) else rows.ratio(row, rows.ours(row))


def _is_loss(row: dict) -> bool:
    return rows.failed(row) or (_ratio(row) or 1) < 1


def _figures(part: list[dict]) -> list[str]:
    """Rows, geometric mean, least ratio, how many are behind, how many failed."""
    ratios = [value for row in part if (value := _ratio(row))]
    mean, worst = (geometric_mean(ratios), min(ratios)) if ratios else (None, None)
    failed = sum(map(rows.failed, part))
    return [
        str(len(part)),
        _text(mean),
        _text(worst),
        str(sum(value < 1 for value in ratios)),
        str(failed) if failed else "",
    ]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
