"""Figures derived from a row: rates, share of the machine's peak, the best peer."""
from __future__ import annotations

OURS = "fastconv"
_OWN = (OURS, "fastconv-prepared")


def seconds(row: dict, name: str = OURS) -> float | None:
    return row["results"].get(name, {}).get("seconds")


def rate(row: dict, what: str) -> float | None:
    """`what` ('flops', 'bytes' or 'images') a second, None where the row does not count it."""
    time = seconds(row)
    return row[what] / time if time and row[what] else None


def share(row: dict, machine: dict) -> float | None:
    """The time this machine's measured peak would need (arithmetic or memory, whichever is more), over fastconv's."""
    time = seconds(row)
    peak = machine["peak_flops"].get(row["dtype"])
    if not time or not row["bytes"] or (row["flops"] and not peak):
        return None
    arithmetic = row["flops"] / peak if row["flops"] else 0
    return max(arithmetic, row["bytes"] / machine["copy_bandwidth"]) / time


def ratios(row: dict) -> list[tuple[str, float]]:
    """(peer, its time over fastconv's) from the fastest peer to the slowest; wrong answers do not count."""
    time = seconds(row)
    if not time:
        return []
    found = [(name, result["seconds"] / time) for name, result in row["results"].items()
             if name not in _OWN and not result["wrong"]]
    return sorted(found, key=lambda pair: pair[1])


def prepared(row: dict) -> float | None:
    """The time of a prepared kernel over the plain call's."""
    ours, other = seconds(row), seconds(row, "fastconv-prepared")
    return other / ours if ours and other else None


def best(row: dict) -> tuple[str, float] | None:
    """The fastest peer that gives the same answer, and its ratio; one that saturates only where there is no other."""
    found = ratios(row)
    same = [pair for pair in found if row["results"][pair[0]]["error"] is not None]
    return (same or found or [None])[0]


def problems(row: dict) -> list[str]:
    """A line for every candidate that is wrong or failed."""
    wrong = [f"{name}: wrong answer, error {result['error']:.1e}" for name, result in row["results"].items()
             if result["wrong"]]
    return wrong + [f"{name}: {text}" for name, text in row["problems"].items()]


def failed(row: dict) -> bool:
    """Whether fastconv itself is wrong or missing."""
    return OURS not in row["results"] or any(row["results"].get(name, {}).get("wrong") for name in _OWN)
