"""Figures derived from a row: rates, share of the machine's peak, the best peer."""

from __future__ import annotations

# fastconv's own candidates, and what tables call them.
OWN = {
    "fastconv": "NHWC",
    "fastconv-nchw": "NCHW",
    "fastconv-prepared": "NHWC prepared",
    "fastconv-nchw-prepared": "NCHW prepared",
    "fastconv-out": "with out=",
    "fastconv-tf": "TensorFlow ops",
    "fastconv-torch": "on torch",
    "fastconv-jax": "on JAX",
    "fastconv-numpy": "on NumPy",
}
COPY = "copy"  # no library's answer, but what the memory allows


def tried(row: dict) -> list[str]:
    """fastconv's own candidates of a row, whether they worked or not."""
    return [name for name in OWN if name in row["results"] or name in row["problems"]]


def ours(row: dict) -> str:
    """The candidate that stands for fastconv: NHWC and not prepared, where that was asked for."""
    return next(iter(tried(row)), next(iter(OWN)))


def seconds(row: dict, name: str | None = None) -> float | None:
    """Of fastconv, unless another candidate is named; None where its answer is wrong or missing."""
    result = row["results"].get(name or ours(row), {})
    return None if result.get("wrong") else result.get("seconds")


def error(row: dict, name: str | None = None) -> float | None:
    return row["results"].get(name or ours(row), {}).get("error")


def rate(row: dict, what: str, name: str | None = None) -> float | None:
    """`what` ('flops', 'bytes' or 'images') a second, None where the row does not count it."""
    time = seconds(row, name)
    return row[what] / time if time and row[what] else None


def share(row: dict, machine: dict) -> float | None:
    """The time this machine's measured peak would need (arithmetic or memory, whichever is more), over fastconv's."""
    time = seconds(row)
    peak = machine["peak_flops"].get(row["dtype"])
    if not time or not row["bytes"] or (row["flops"] and not peak):
        return None
    arithmetic = row["flops"] / peak if row["flops"] else 0
    return max(arithmetic, row["bytes"] / machine["copy_bandwidth"]) / time


def peers(row: dict) -> list[str]:
    """The other libraries' candidates whose answers are right."""
    return [name for name in row["results"] if name not in OWN and name != COPY and seconds(row, name)]


def ratios(row: dict) -> list[tuple[str, float]]:
    """(peer, its time over fastconv's) from the fastest peer to the slowest; wrong answers do not count."""
    time = seconds(row)
    found = [(name, seconds(row, name) / time) for name in peers(row)] if time else []
    return sorted(found, key=lambda pair: pair[1])


def fastest(row: dict) -> str | None:
    """The fastest peer that gives the same answer; one that saturates only where there is no other."""
    found = sorted(peers(row), key=lambda name: seconds(row, name))
    same = [name for name in found if error(row, name) is not None]
    return next(iter(same or found), None)


def ratio(row: dict, name: str) -> float | None:
    """The fastest peer's time over that of one of fastconv's candidates."""
    time, peer = seconds(row, name), fastest(row)
    return seconds(row, peer) / time if time and peer else None


def copies(row: dict, name: str) -> float | None:
    """The time of one of fastconv's candidates over that of a plain copy of the image."""
    time, copy = seconds(row, name), seconds(row, COPY)
    return time / copy if time and copy else None


def best(row: dict) -> tuple[str, float] | None:
    """The fastest peer, and its ratio."""
    found = ratio(row, ours(row))
    return (fastest(row), found) if found else None


def problems(row: dict) -> list[str]:
    """A line for every candidate that is wrong or failed."""
    wrong = [
        f"{name}: wrong answer, error {result['error']:.1e}"
        for name, result in row["results"].items()
        if result["wrong"]
    ]
    return wrong + [f"{name}: {text}" for name, text in row["problems"].items()]


def failed(row: dict) -> bool:
    """Whether fastconv itself is wrong or missing."""
    return not tried(row) or any(name in row["problems"] or row["results"][name]["wrong"] for name in tried(row))
