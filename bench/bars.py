"""The keras suite as bars: how many times as fast as stock Keras on TensorFlow everyone is, a group a row."""

from __future__ import annotations

from pathlib import Path

import report
import rows

STOCK = "keras-tf"
# Colour of whoever may be drawn, in the order of the bars; fastconv's are hatched.
_COLORS = {
    STOCK: "tab:orange",
    "keras-jit": "goldenrod",
    "keras-torch": "tab:red",
    "keras-jax": "tab:purple",
    "fastconv-tf": "tab:orange",
    "fastconv-torch": "tab:red",
    "fastconv-jax": "tab:purple",
    "fastconv-numpy": "tab:blue",
}


def save(results: dict, path: str) -> list[str]:
    """Write FILE-keras.png where there is something to draw; the files written."""
    found = [row for row in results["rows"] if row["suite"] == "keras" and rows.seconds(row, STOCK)]
    if not found:
        return []
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = [name for name in _COLORS if any(rows.seconds(row, name) for row in found)]
    figure, axis = plt.subplots(figsize=(11, 2 + 0.16 * len(found) * (len(names) + 1.5)), layout="constrained")
    width = 1 / (len(names) + 1.5)
    for i, name in enumerate(names):
        bars = [
            (y + (i - len(names) / 2) * width, rows.seconds(row, STOCK) / seconds)
            for y, row in enumerate(found)
            if (seconds := rows.seconds(row, name))
        ]
        drawn = axis.barh(
            *zip(*bars, strict=True),
            height=width,
            color=_COLORS[name],
            label=name,
            edgecolor="white",
            hatch="//" if name.startswith("fastconv") else "",
        )
        axis.bar_label(drawn, fmt="%.2f", fontsize=6, padding=2)
    axis.axvline(1, color="black", linewidth=1)
    axis.margins(x=0.08)
    axis.set_yticks(range(len(found)), [row["case"] for row in found], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("time of stock Keras on TensorFlow / time (right of the line: faster)")
    figure.legend(loc="outside right upper", fontsize=8)
    figure.suptitle(report.machine_line(results).split("; measured")[0], fontsize=10)
    file = Path(path)
    written = str(file.with_name(f"{file.stem}-keras{file.suffix or '.png'}"))
    figure.savefig(written, dpi=120)
    plt.close(figure)
    return [written]
