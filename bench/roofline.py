"""A roofline: the rate of every library on every row, over the row's arithmetic intensity, a panel a batch size.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009. Intensity counts
each array once, so what stays in cache between the calls can lie above the line of the memory.
"""

from __future__ import annotations

import report
import rows

_OURS = {"fastconv": ("black", "o"), "fastconv-nchw": ("crimson", "D")}
_MARKERS = "sv^PX<>p"


def save(results: dict, path: str) -> None:
    """Write a PNG (or what the name's ending says)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = [row for row in results["rows"] if row["flops"] and row["bytes"]]
    panels: dict[str, list[dict]] = {}
    for row in sorted(found, key=lambda row: row["layer"]["batch"] if row["layer"] else 0):
        batch = f", batch {row['layer']['batch']}" if row["layer"] else ""
        panels.setdefault(row["suite"] + batch, []).append(row)
    styles = _styles(found)
    edges = _edges(found, results["machine"])
    count = max(len(panels), 1)
    figure, axes = plt.subplots(
        1, count, squeeze=False, sharex=True, sharey=True, layout="constrained", figsize=(max(6.5 * count, 11), 8)
    )
    for axis, (title, part) in zip(axes[0], panels.items(), strict=False):
        _points(axis, part, styles)
        _ceilings(axis, edges, sorted({row["dtype"] for row in part}), results["machine"])
        axis.set_title(f"{title}: {len(part)} rows", loc="left", fontsize=11)
        axis.set_xlabel("arithmetic intensity: operations / bytes of input, kernel and output")
    axes[0, 0].set_ylabel("GFLOP/s")
    handles = [
        plt.Line2D([], [], linestyle="", color=color, marker=marker, label=name)
        for name, (color, marker) in styles.items()
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=8, frameon=False)
    figure.suptitle(report.machine_line(results).split("; Python")[0], fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _styles(found: list[dict]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each library; fastconv's are the same in every picture."""
    others = sorted({name for row in found for name in rows.peers(row)})
    own = [name for name in _OURS if any(rows.rate(row, "flops", name) for row in found)]
    return {name: _OURS[name] for name in own} | {
        name: (f"C{i % 10}", _MARKERS[i % len(_MARKERS)]) for i, name in enumerate(others)
    }


def _points(axis, found: list[dict], styles: dict[str, tuple[str, str]]) -> None:
    """One scatter a library, fastconv's above the others'."""
    for name, (color, marker) in styles.items():
        points = [(row["flops"] / row["bytes"], rate / 1e9) for row in found if (rate := rows.rate(row, "flops", name))]
        own = name in _OURS
        axis.scatter(
            [x for x, _ in points],
            [y for _, y in points],
            s=24 if own else 20,
            color=color,
            marker=marker,
            alpha=0.85 if own else 0.4,
            linewidths=0,
            zorder=3 if own else 2,
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(which="major", alpha=0.25)


def _edges(found: list[dict], machine: dict) -> tuple[float, float]:
    """The intensities to draw the ceilings between: those of all rows, and enough to see where the two meet."""
    values = [row["flops"] / row["bytes"] for row in found]
    corners = [
        machine["peak_flops"][row["dtype"]] / machine["copy_bandwidth"]
        for row in found
        if row["dtype"] in machine["peak_flops"]
    ]
    return min([*values, *corners], default=1) / 2, max([*values, *corners], default=1) * 2


def _ceilings(axis, edges: tuple[float, float], dtypes: list[str], machine: dict) -> None:
    """The measured arithmetic peak of the rows' types, and the line of the memory that leads up to it."""
    low, high = edges
    bandwidth = machine["copy_bandwidth"] / 1e9
    for dtype in dtypes:
        if dtype not in machine["peak_flops"]:
            continue
        peak = machine["peak_flops"][dtype] / 1e9
        corner = peak / bandwidth
        axis.plot([low, corner, high], [bandwidth * low, peak, peak], color="black", linewidth=1.2, zorder=1)
        axis.annotate(
            f"{dtype} {peak:.0f} GFLOP/s",
            (high, peak),
            (0, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
        )
    axis.annotate(
        f"copy {bandwidth:.0f} GB/s",
        (low, bandwidth * low),
        (10, -2),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=8,
    )
