"""Runs of the benchmark as a page shows them: a block of ``ratios`` lists files of ``bench/run.py --json``."""

from __future__ import annotations

import html
import json
import math
import re
import sys

import blocks

sys.path.append(str(blocks.ROOT / "bench"))

import overview
import report
import rows

RUNS = blocks.ROOT / "docs/runs"
LEAST, MOST = 1 / 4, 32  # the ends of a bar's logarithmic scale
_BLOCK = re.compile(r"^```ratios\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawn(page: str) -> str:
    """The page with its runs as tables and bars."""
    return _BLOCK.sub(lambda match: _shown(match[1].split()), page)


def _shown(names: list[str]) -> str:
    runs = [json.loads((RUNS / name).read_text(encoding="utf-8")) for name in names]
    parts = []
    for run in runs:
        parts.append(f"### {run['machine']['isa']}")
        parts += [_table(heads, cells) for _, heads, cells in overview.grids(run["rows"])]
        parts.append(f"{report.machine_line(run)}.")
    return "\n\n".join([*parts, "### Each case", _bars(runs)])


def _table(heads: list[str], cells: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *cells])


def _bars(runs: list[dict]) -> str:
    """A row a case, a column a run: the ratio to the best peer, and a bar that starts where both take as long."""
    ratios = [{_name(row): rows.ratio(row, rows.ours(row)) for row in run["rows"]} for run in runs]
    heads = "".join(f'<th scope="col">{html.escape(run["machine"]["isa"])}</th>' for run in runs)
    lines = [
        f'<tr><th scope="row">{html.escape(name)}</th>{"".join(_cell(found.get(name)) for found in ratios)}</tr>'
        for name in dict.fromkeys(name for found in ratios for name in found)
    ]
    return (
        f'<table class="ratios"><thead><tr><th scope="col">suite, case</th>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _name(row: dict) -> str:
    return f"{row['suite']}, {row['case']}"


def _cell(ratio: float | None) -> str:
    if not ratio:
        return "<td></td>"
    one, end = _place(1), _place(ratio)
    kind = "ahead" if ratio >= 1 else "behind"
    ends = f"--from: {min(one, end):.1f}%; --to: {max(one, end):.1f}%"
    return f'<td>{ratio:.2f}<span class="{kind}" style="{ends}"></span></td>'


def _place(ratio: float) -> float:
    """Where a ratio lies on a bar, in percent."""
    return 100 * math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
