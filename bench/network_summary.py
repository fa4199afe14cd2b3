"""The starts of the networks suite: what a process takes from its beginning to the first prediction, by library."""

from __future__ import annotations

from collections.abc import Iterator

_HEADS = ["start of", "library", "s", "CPU s", "MB held", "MB installed"]


def grids(found: list[dict]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, heads, cells); nothing without such rows."""
    cells = [
        [row["case"].removesuffix(" start"), name, *_figures(result)]
        for row in found
        if row["op"] == "start"
        for name, result in row["results"].items()
        if "seconds" in result
    ]
    if cells:
        yield "networks: a process from its beginning to the first prediction", _HEADS, cells


def _figures(result: dict) -> list[str]:
    numpy = result.get("numpy_cpu_seconds")
    beyond = "" if numpy is None else f" ({result['cpu_seconds'] - numpy:.3f} beyond NumPy's import)"
    return [
        f"{result['seconds']:.2f}",
        f"{result['cpu_seconds']:.3f}{beyond}",
        f"{result['rss_bytes'] / 1e6:.0f}",
        f"{result['installed_bytes'] / 1e6:.0f}",
    ]
