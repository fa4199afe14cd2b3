"""The kernels of the first convolution as a grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Graph, Node
from .figure import mosaic, new_figure

__all__ = ["first_kernels", "plot_kernels"]

_KERNELS, _CHANNELS = 64, 16  # shown


def first_kernels(graph: Graph) -> tuple[Node, np.ndarray]:
    """The first convolution of more than one tap, and its kernels (height, width, c_in, c_out).

    Raises
    ------
    ValueError
        If there is none with constant kernels.
    """
    known = graph.constants | {
        node.outputs[0]: graph.constants[node.inputs[0]]
        for node in graph.nodes
        if node.op == "Cast" and node.inputs[0] in graph.constants
    }
    found = [(node, known[node.inputs[1]]) for node in graph.nodes if node.op == "Conv" and node.inputs[1] in known]
    if not found:
        raise ValueError("the network has no convolution of constant kernels")
    node, kernel = next(((node, kernel) for node, kernel in found if math.prod(kernel.shape[:-2]) > 1), found[0])
    kernel = np.asarray(kernel, np.float32)
    return node, kernel if kernel.ndim == 4 else kernel.reshape(1, *kernel.shape)


def plot_kernels(graph: Graph, path: Any) -> None:
    """Draw the first convolution's kernels into a PNG file: in colours where images have three channels, else each
    channel by itself, a row for a kernel."""
    node, kernel = first_kernels(graph)
    h, w, channels, count = kernel.shape
    shown = np.moveaxis(kernel, -1, 0)[:_KERNELS]
    most = float(np.abs(shown[np.isfinite(shown)]).max(initial=0)) or 1.0
    if channels == 3:
        grid = mosaic(0.5 + shown / (2 * most), math.ceil(math.sqrt(len(shown))))
        grid = np.clip(np.where(np.isnan(grid), 1, grid), 0, 1)
    elif channels == 1:
        grid = mosaic(shown[..., 0], math.ceil(math.sqrt(len(shown))))
    else:
        parts = np.moveaxis(shown[..., :_CHANNELS], -1, 1)
        grid = mosaic(parts.reshape(-1, h, w), parts.shape[1])
    across = max(4.0, min(10.0, 0.05 * grid.shape[1] + 2))
    height = across * grid.shape[0] / grid.shape[1]
    figure = new_figure(across + 1.3, height + 0.75, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    axes.axis("off")
    axes.set_title(
        f"{(node.name or node.outputs[0])}: {len(shown)} of {count} kernels, {h} x {w} x {channels}",
        size=10,
        parse_math=False,
    )
    if channels != 3:
        figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    figure.savefig(path, format="png", dpi=120)
