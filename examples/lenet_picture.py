"""The picture of mnist_lenet.py: what a trained LeNet-5 looks at, what it sees, and what it says."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

INK, GREY, WRONG = "#222222", "#8a8a8a", "#c1272d"


def mosaic(tiles: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Equal tiles (n, h, w) laid out in rows, with a gap of NaN, which is drawn as paper."""
    n, h, w = tiles.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap), np.nan, tiles.dtype)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = tile
    return sheet


def show(axes, sheet: np.ndarray, title: str, **how) -> None:
    axes.imshow(sheet, interpolation="nearest", **how)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.axis("off")
    axes.set_anchor("NW")


def show_filters(axes, kernels: np.ndarray, columns: int, title: str) -> None:
    """Kernels (n, h, w): blue is negative, white zero, red positive; one scale for all."""
    limit = np.abs(kernels).max()
    show(axes, mosaic(kernels, columns), title, cmap="RdBu_r", vmin=-limit, vmax=limit)


def show_maps(axes, maps: np.ndarray, columns: int, title: str) -> None:
    """Feature maps (h, w, n), each scaled to its own brightest pixel."""
    tiles = maps.transpose(2, 0, 1)
    peak = tiles.max(axis=(1, 2), keepdims=True)
    show(axes, mosaic(tiles / np.where(peak > 0, peak, 1), columns), title, cmap="magma", vmin=0, vmax=1)


def show_times(axes, results: dict[str, dict]) -> None:
    """Seconds of every epoch, a bar each."""
    names, colours = list(results), [GREY, "#d1662a", "#3a6ea5"]
    for row, (name, colour) in enumerate(zip(names, colours, strict=True)):
        seconds = results[name]["epoch_seconds"]
        height = 0.8 / len(seconds)
        places = row - 0.4 + height * (np.arange(len(seconds)) + 0.5)
        axes.barh(places, seconds, height * 0.92, color=colour)
        accuracy = f"test accuracy {results[name]['test_accuracy']:.2%}"
        axes.text(0, row + 0.47, accuracy, va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.3, -0.5)
    axes.set_title("Seconds an epoch", fontsize=10, color=INK, loc="left")
    axes.tick_params(labelsize=9, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def show_confusion(axes, said: np.ndarray, y: np.ndarray) -> None:
    """How often a digit (row) was taken for another (column); right answers would outshine them."""
    count = np.zeros((10, 10), int)
    np.add.at(count, (y, said), 1)
    np.fill_diagonal(count, 0)
    axes.imshow(count, cmap="Reds")
    for (row, column), n in np.ndenumerate(count):
        if n:
            colour = "white" if 2 * n > count.max() else INK
            axes.text(column, row, n, ha="center", va="center", fontsize=6.5, color=colour)
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.tick_params(labelsize=7, length=0, pad=2)
    axes.spines[:].set_color(GREY)
    axes.set_title("Mistakes: digit (row) taken for (column)", fontsize=10, color=INK, loc="left")
    axes.set_anchor("NW")


def show_predictions(figure, x: np.ndarray, y: np.ndarray, probability: np.ndarray, rows=3, columns=14) -> None:
    """The first digits of the test set, and in the last row those the model is most surely wrong about."""
    said = probability.argmax(axis=1)
    wrong = np.flatnonzero(said != y)
    wrong = wrong[np.argsort(-probability[wrong, said[wrong]], kind="stable")][:columns]
    chosen = np.concatenate([np.arange(min(len(x), rows * columns - len(wrong))), wrong])
    figure.suptitle(
        f"Predictions on the test set; the last {len(wrong)} are its surest mistakes (said / is)",
        fontsize=10,
        color=INK,
        x=0.01,
        ha="left",
    )
    for axes in (grid := figure.subplots(rows, columns).ravel()):
        axes.axis("off")
    for axes, i in zip(grid, chosen, strict=False):
        axes.imshow(x[i, ..., 0], cmap="gray_r", vmin=0, vmax=1)
        right = said[i] == y[i]
        title, colour = (f"{said[i]}", INK) if right else (f"{said[i]} / {y[i]}", WRONG)
        axes.set_title(title, fontsize=10, pad=2, color=colour)


def draw(model, data: dict[str, np.ndarray], results: dict[str, dict], path: Path) -> None:
    """Write the picture of a trained model to `path`."""
    import keras

    digit = data["x_test"][:1]
    layers = model.layers[0], model.layers[2]  # the two convolutions
    inside = keras.Model(model.inputs[0], [layer.output for layer in layers])
    first, second = (np.asarray(maps)[0] for maps in inside(digit))
    kernels_1, kernels_2 = (np.asarray(layer.kernel) for layer in layers)

    figure = plt.figure(figsize=(14, 9.5), layout="constrained", facecolor="white")
    figure.suptitle("LeNet-5 on MNIST, trained on fastconv's layers", fontsize=15, color=INK, x=0.01, ha="left")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[1, 1, 1.6], hspace=0.05)
    one, two, three, four = top.subplots(1, 4, width_ratios=[1.45, 0.95, 1.5, 1])
    show_filters(one, kernels_1[:, :, 0].transpose(2, 0, 1), 3, "Layer 1: its six 5x5 filters")
    show(two, digit[0, ..., 0], "A digit of the test set", cmap="gray_r")
    show_maps(three, first, 3, "What layer 1 makes of it: 24x24x6")
    show_maps(four, second, 4, "and layer 2: 8x8x16")

    left, centre, right = middle.subplots(1, 3, width_ratios=[2.75, 1.15, 1.05])
    tiles = kernels_2.transpose(2, 3, 0, 1).reshape(-1, *kernels_2.shape[:2])
    show_filters(left, tiles, kernels_2.shape[3], "Layer 2: 16 filters (columns) of 6 channels (rows)")
    probability = model.predict(data["x_test"], batch_size=1000, verbose=0)
    show_confusion(centre, probability.argmax(axis=1), data["y_test"])
    show_times(right, results)
    show_predictions(bottom, data["x_test"], data["y_test"], probability)
    figure.savefig(path, dpi=110)
    plt.close(figure)
