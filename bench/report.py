"""Rows as text: tables for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator

import image_summary
import keras_summary
import network_summary
import overview
import rows
import summary
import timing
from rich.console import Console
from rich.table import Table

_HEADS = [
    "case",
    "fastconv",
    "images/s",
    "GFLOP/s",
    "GB/s",
    "of peak",
    "error",
    "best peer",
    "ratio",
    *list(rows.OWN.values())[1:],
    "x of copy",
    "other peers",
]
_LEFT = ("case", "layers of", "images of", "networks'", "start of", "suite", "behind in", "best peer", "other peers")
BUSY = 0.5  # load average; the benchmark's own start adds little to it
_TIMES = "\u00d7"


def _time(value: float | None) -> str:
    if value is None:
        return "failed"
    for unit, scale in (("s", 1), ("ms", 1e-3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e6:.3g} \u00b5s"


def _number(value: float | None, unit: float = 1e9) -> str:
    return "" if value is None else f"{value / unit:.3g}" if value / unit < 1000 else f"{value / unit:.0f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}{_TIMES}" if value < 10 else f"{value:.0f}{_TIMES}"


def _cells(row: dict, machine: dict) -> list[str]:
    """The row's text under each of _HEADS."""
    best, share = rows.best(row), rows.share(row, machine)
    error = rows.error(row)
    notes = {name: f" ({result['note']})" if result["note"] else "" for name, result in row["results"].items()}
    others = [f"{name} {_ratio(value)}{notes[name]}" for name, value in rows.ratios(row) if best and name != best[0]]
    skipped = [f"{name} skipped (about {_time(value)})" for name, value in row.get("skipped", {}).items()]
    copies = [
        f"{value:.2f}{' with out=' * (name == 'fastconv-out')}"
        for name in rows.OWN
        if (value := rows.copies(row, name))
    ]
    further = [
        "" if name == rows.ours(row) or (value := rows.ratio(row, name)) is None else _ratio(value)
        for name in list(rows.OWN)[1:]
    ]
    return [
        row["case"],
        _time(rows.seconds(row)),
        _number(rows.rate(row, "images"), 1),
        _number(rows.rate(row, "flops")),
        _number(rows.rate(row, "bytes")),
        "" if share is None else f"{100 * share:.0f} %",
        "" if error is None else f"{error:.1e}",
        best[0] + notes[best[0]] if best else "",
        _ratio(best[1]) if best else "",
        *further,
        ", ".join(copies),
        ", ".join(others + skipped),
    ]


def _grids(found: list[dict], machine: dict) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(suite, heads, rows of cells) of each suite, without the columns that it leaves empty."""
    for suite in dict.fromkeys(row["suite"] for row in found):
        cells = [_cells(row, machine) for row in found if row["suite"] == suite]
        kept = [i for i in range(len(_HEADS)) if any(row[i] for row in cells)]
        yield suite, [_HEADS[i] for i in kept], [[row[i] for i in kept] for row in cells]


def _short(found: list[dict]) -> list[dict]:
    """Of each suite the quick rows; all of one that has none of them."""
    quick = {row["suite"] for row in found if row["quick"]}
    return [row for row in found if row["quick"] or row["suite"] not in quick]


def machine_line(results: dict) -> str:
    """CPU, ISA, threads, peaks, versions and date, in one line."""
    machine = results["machine"]
    peaks = ", ".join(f"{dtype} {value / 1e9:.0f} GFLOP/s" for dtype, value in machine["peak_flops"].items())
    versions = ", ".join(f"{name} {version}" for name, version in sorted(results["versions"].items()))
    threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    return (
        f"{machine['cpu']}, {machine['isa']}, float32 precision {machine['precision']}, {threads}; "
        f"measured peak {peaks}, copy {machine['copy_bandwidth'] / 1e9:.0f} GB/s; "
        f"Python {machine['python']}, {versions}; {machine['date']}"
    )


def method(results: dict) -> str:
    """How the figures were obtained."""
    machine = results["machine"]
    return (
        f"Times are medians of at most {results['rounds']} interleaved rounds, fewer for slow calls; "
        f"{timing.SETTLE}. Ratios are a peer's time over fastconv's: above 1, fastconv is faster; those of NCHW "
        "and of prepared kernels are the best peer's. "
        f"Peak is {machine['peak_method']} and {machine['copy_method']}; `of peak` is the time these allow for the "
        "row's arithmetic or memory traffic over the time taken (what stays in cache can pass 100 %). "
        "Error is the distance to a float64 reference, in norm; of filter2d's integers, the share of cells off."
    )


def print_overview(console: Console, results: dict) -> None:
    """A line a suite and every loss by name, within 80 columns, the machine, and what went wrong."""
    narrow = Console(width=min(overview.WIDTH, console.width), file=console.file, highlight=False)
    for title, heads, cells in overview.grids(results["rows"]):
        _print(narrow, title, heads, cells)
    narrow.print(machine_line(results), style="dim")
    for line in notices(results):
        narrow.print(line, style="yellow", markup=False)


def print_tables(console: Console, results: dict) -> None:
    """One table a suite, what they come to by groups, and how the figures were obtained."""
    for suite, heads, cells in _grids(results["rows"], results["machine"]):
        _print(console, suite, heads, cells)
    for module in (summary, image_summary, keras_summary, network_summary):
        for title, heads, cells in module.grids(results["rows"]):
            _print(console, title, heads, cells)
    console.print(method(results), style="dim")


def _print(console: Console, title: str, heads: list[str], cells: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for head in heads:
        table.add_column(
            head,
            justify="left" if head in _LEFT else "right",
            overflow="fold",
            style={"other peers": "dim", "fastconv": "bold"}.get(head),
        )
    for row in cells:
        table.add_row(*row)
    console.print(table)


def notices(results: dict) -> list[str]:
    """Missing peers, wrong answers, failures."""
    lines = [f"skipped, not installed: {', '.join(results['missing'])}"] if results["missing"] else []
    if results["machine"]["load"] > BUSY:
        lines.append(f"other programs were busy when this began (load average {results['machine']['load']:.1f}): noisy")
    for row in results["rows"]:
        lines += [f"{row['suite']}, {row['case']}: {text}" for text in rows.problems(row)]
    return lines


def markdown(results: dict, details: bool = False) -> str:
    """The overview as README has it; with `details` the documentation's tables."""
    if details:
        grids, last = _documented(results["rows"], results["machine"]), ["", method(results)]
    else:
        grids, last = [(heads[0], heads, cells) for _, heads, cells in overview.grids(results["rows"])], []
    lines = [line for grid in grids for line in _markdown_table(*grid)]
    return "\n".join([*lines, machine_line(results) + ".", *last, *(f"- {line}" for line in notices(results))])


def _documented(found: list[dict], machine: dict) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """The quick rows, and of all layers, images and Keras models what they come to."""
    yield from _grids(_short(found), machine)
    further = [row for row in found if not row["quick"]]
    if any(row["layer"] for row in further):
        yield from [*summary.grids(found)][:1]
    if any(row["image"] for row in further):
        yield from [*image_summary.grids(found)][:1]
    if any(row["suite"] == "keras" for row in further):
        yield from keras_summary.grids(found)
    yield from network_summary.grids(found)


def _markdown_table(title: str, heads: list[str], cells: list[list[str]]) -> list[str]:
    """The lines of a table whose first head is its title, and an empty one."""
    return [
        f"| {' | '.join([title, *heads[1:]])} |",
        f"| {' | '.join('---' if head in _LEFT else '---:' for head in heads)} |",
        *(f"| {' | '.join(row)} |" for row in cells),
        "",
    ]
