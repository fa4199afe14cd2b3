"""The ratios as a picture: every peer's time over fastconv's, a panel a suite. Images and Keras have their own."""

from __future__ import annotations

import report
import rows


def save(results: dict, path: str) -> list[str]:
    """Write a PNG (or what the name's ending says) where there is something to draw; the files written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    suites: dict[str, list[dict]] = {}
    for row in results["rows"]:
        if rows.ratios(row) and not _elsewhere(row):
            suites.setdefault(row["suite"], []).append(row)
    if not suites and any(map(_elsewhere, results["rows"])):
        return []
    names = sorted({name for found in suites.values() for row in found for name, _ in rows.ratios(row)})
    styles = {name: (f"C{i % 10}", "osD^vP*X"[i % 8]) for i, name in enumerate(names)}
    heights = [len(found) + 1 for found in suites.values()] or [1]
    figure, axes = plt.subplots(
        len(heights),
        1,
        squeeze=False,
        sharex=True,
        layout="constrained",
        figsize=(11, 2.5 + 0.3 * sum(heights)),
        gridspec_kw={"height_ratios": heights},
    )
    for axis, (suite, found) in zip(axes[:, 0], suites.items(), strict=False):
        _panel(axis, suite, found, styles)
    axes[-1, 0].set_xlabel("time of the peer / time of fastconv (right of the line: fastconv is faster)")
    handles = [plt.Line2D([], [], linestyle="", color=c, marker=m, label=name) for name, (c, m) in styles.items()]
    if handles:
        figure.legend(handles=handles, loc="outside right upper")
    figure.suptitle(report.machine_line(results).split("; measured")[0])
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return [path]


def _elsewhere(row: dict) -> bool:
    """Whether curves.py or bars.py draws it."""
    return bool(row["image"]) or row["suite"] == "keras"


def _panel(axis, suite: str, found: list[dict], styles: dict[str, tuple[str, str]]) -> None:
    for y, row in enumerate(found):
        for name, ratio in rows.ratios(row):
            color, marker = styles[name]
            axis.plot(ratio, y, color=color, marker=marker, alpha=0.8)
    axis.set_xscale("log")
    axis.axvline(1, color="black", linewidth=1)
    axis.set_yticks(range(len(found)), [row["case"] for row in found], fontsize=8)
    axis.set_ylim(len(found) - 0.5, -0.5)
    axis.grid(axis="x", which="both", alpha=0.2)
    axis.set_title(suite, loc="left", fontsize=10)
