"""What changed between two result files."""

from __future__ import annotations

import rows
from rich.console import Console
from rich.table import Table

BAND = 0.05


def change(old: dict, new: dict) -> str:
    """'faster', 'slower' or '': a change is more than the noise band, and more than the spread of both runs."""
    before, after = (row["results"][rows.ours(new)] for row in (old, new))
    if after["seconds"] < before["seconds"] * (1 - BAND) and after["high"] < before["low"]:
        return "faster"
    if after["seconds"] > before["seconds"] * (1 + BAND) and after["low"] > before["high"]:
        return "slower"
    return ""


def print_comparison(console: Console, old: dict, new: dict) -> None:
    """A table of the rows that both files have."""
    before = {(row["suite"], row["case"]): row for row in old["rows"]}
    pairs = [
        (one, row)
        for row in new["rows"]
        if (one := before.get((row["suite"], row["case"]))) and rows.seconds(row) and rows.seconds(one, rows.ours(row))
    ]
    for key in ("cpu", "isa", "precision", "threads"):
        if old["machine"].get(key) != new["machine"][key]:
            console.print(f"{key} differs: {old['machine'].get(key)} then, {new['machine'][key]} now", style="yellow")
    if not pairs:
        console.print("The two files have no row in common.")
        return
    table = Table(title=f"fastconv since {old['machine']['date']}", title_justify="left", title_style="bold")
    for head in ("suite", "case", "then", "now", "now / then", "best peer's ratio then", "now", "change"):
        table.add_column(head)
    for one, two in pairs:
        verdict = change(one, two)
        times = [rows.seconds(row, rows.ours(two)) for row in (one, two)]
        table.add_row(
            two["suite"],
            two["case"],
            *(f"{1e3 * t:.4g} ms" for t in times),
            f"{times[1] / times[0]:.2f}",
            *(f"{b[1]:.2f}" if (b := rows.best(row)) else "" for row in (one, two)),
            {"faster": "[green]faster[/]", "slower": "[red]slower[/]"}.get(verdict, "[dim]same[/]"),
        )
    console.print(table)
    verdicts = [change(*pair) for pair in pairs]
    counts = f"{verdicts.count('faster')} faster, {verdicts.count('slower')} slower, {verdicts.count('')} the same"
    console.print(f"{counts} (within {BAND:.0%}, or within the spread of the rounds)")
