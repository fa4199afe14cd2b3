"""Losses and metrics of training by epoch."""

from __future__ import annotations

from typing import Any

from .figure import new_figure

__all__ = ["plot_history"]


def plot_history(history: dict[str, list[float]], path: Any) -> None:
    """Draw a chart for each loss and metric into a PNG file, with that of validation data in the same chart."""
    names = [name for name in history if not (name.startswith("val_") and name[4:] in history)]
    figure = new_figure(4.5 * max(len(names), 1), 3.4, layout="constrained")
    charts = figure.subplots(1, max(len(names), 1), squeeze=False)[0]
    for chart, name in zip(charts, names, strict=False):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            values = history.get(key, [])
            if values:
                chart.plot(range(1, len(values) + 1), values, marker="o", label=label)
        chart.set_xlabel("epoch")
        chart.set_title(name, parse_math=False)
        chart.legend()
    figure.savefig(path, format="png", dpi=120)
