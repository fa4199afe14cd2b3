"""The image suite as pictures, one a dtype: time over the size of the kernel, a panel a size and kind of kernel."""

from __future__ import annotations

from pathlib import Path

import report
import rows
from image_summary import area

# Colour and marker of whoever may be drawn, in the order of the legend.
_STYLES = {
    "fastconv": ("black", "o"),
    "opencv": ("tab:blue", "s"),
    "opencv-sep": ("tab:cyan", "D"),
    "opencv-box": ("tab:purple", "P"),
    "scipy": ("tab:red", "v"),
    "scipy-fft": ("tab:orange", "^"),
    "scipy-oa": ("tab:olive", "<"),
    "ndimage": ("tab:green", "X"),
    "ndimage-sep": ("limegreen", "p"),
    "torch-nchw": ("tab:brown", ">"),
    "tensorflow": ("tab:pink", "1"),
    "onnxruntime": ("orchid", "2"),
    "jax": ("tab:gray", "3"),
    rows.COPY: ("0.3", ""),
}
_KINDS = ("random", "gaussian", "box", "sobel")


def save(results: dict, path: str) -> list[str]:
    """Write FILE-DTYPE.png for every dtype with a panel of more than one kernel size; the files written."""
    images = [row for row in results["rows"] if row["image"] and row["image"]["channels"] == 1]
    written = []
    for dtype in dict.fromkeys(row["dtype"] for row in images):
        panels = _panels([row for row in images if row["dtype"] == dtype])
        if panels:
            file = Path(path)
            written.append(str(file.with_name(f"{file.stem}-{dtype}{file.suffix or '.png'}")))
            _draw(panels, dtype, results, written[-1])
    return written


def _panels(images: list[dict]) -> dict[tuple[str, str], list[dict]]:
    """(size, kind) -> its rows by kernel, of the operation and border that the suite has at most kernels."""
    groups: dict[tuple, list[dict]] = {}
    for row in sorted(images, key=lambda row: (area(row), row["image"]["kernel"])):
        key = row["image"]["size"], row["image"]["kind"], row["op"], row["image"]["border"]
        groups.setdefault(key, []).append(row)
    panels: dict[tuple[str, str], list[dict]] = {}
    for (size, kind, *_), part in groups.items():
        if len(part) > max(1, len(panels.get((size, kind), []))):
            panels[size, kind] = part
    return panels


def _draw(panels: dict[tuple[str, str], list[dict]], dtype: str, results: dict, path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sizes = list(dict.fromkeys(size for size, _ in panels))
    kinds = [kind for kind in _KINDS if any(kind == other for _, other in panels)]
    widths = [max(len(part) for (_, other), part in panels.items() if other == kind) + 2.5 for kind in kinds]
    figure, axes = plt.subplots(
        len(sizes),
        len(kinds),
        squeeze=False,
        sharex="col",
        sharey="row",
        layout="constrained",
        width_ratios=widths,
        figsize=(max(0.55 * sum(widths), 9), 3.1 * len(sizes) + 1.6),
    )
    for i, size in enumerate(sizes):
        for j, kind in enumerate(kinds):
            if (size, kind) in panels:
                _panel(axes[i, j], panels[size, kind], f"{size}, {kind}")
            else:
                axes[i, j].set_visible(False)
        axes[i, min(j for j, kind in enumerate(kinds) if (size, kind) in panels)].set_ylabel("milliseconds a call")
    for j, kind in enumerate(kinds):
        present = sorted({row["image"]["kernel"] for size in sizes for row in panels.get((size, kind), [])})
        axes[0, j].set_xticks(present, [str(kernel) for kernel in present])
        axes[0, j].set_xticks([], minor=True)
        axes[max(i for i, size in enumerate(sizes) if (size, kind) in panels), j].set_xlabel("width of the kernel")
    drawn = {name for part in panels.values() for row in part for name in row["results"]}
    handles = [
        plt.Line2D([], [], color=color, marker=marker, label=name, **_line(name))
        for name, (color, marker) in _STYLES.items()
        if name in drawn
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 7), frameon=False)
    figure.suptitle(
        f"{dtype} images: time over kernel size\n{report.machine_line(results).split('; measured')[0]}", fontsize=12
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(axis, part: list[dict], title: str) -> None:
    """A curve for everyone who has a time, fastconv's over the others'."""
    for name, (color, marker) in _STYLES.items():
        points = [(row["image"]["kernel"], 1e3 * seconds) for row in part if (seconds := rows.seconds(row, name))]
        if points:
            axis.plot(*zip(*points, strict=True), color=color, marker=marker, **_line(name))
    border = part[0]["image"]["border"]
    axis.set_title(title + ("" if border in ("fill", "constant") else f", {border}"), loc="left", fontsize=10)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.margins(x=0.06)
    axis.tick_params(labelbottom=True, labelleft=True)
    axis.grid(which="major", alpha=0.3)
    axis.grid(which="minor", axis="y", alpha=0.1)


def _line(name: str) -> dict:
    """fastconv's stands out, those of the libraries for networks and of the copy stand back."""
    if name == "fastconv":
        return {"linewidth": 2.4, "markersize": 6, "zorder": 3}
    faint = name in ("tensorflow", "onnxruntime", "jax")
    return {
        "linewidth": 0.8 if faint else 1.3,
        "markersize": 5,
        "alpha": 0.85,
        "zorder": 1 if faint else 2,
        "linestyle": "--" if name == rows.COPY else ":" if faint else "-",
    }
