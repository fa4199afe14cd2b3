"""MNIST's test images as photographs of paper, and nets for pictures, for the tests of commands and of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastconv.network import Graph, Net, Node, Value

ROOT = Path(__file__).resolve().parents[1]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) of uint8, and labels."""
    with np.load(ROOT / "examples/mnist_small.npz", allow_pickle=False) as file:
        return file["x_test"], file["y_test"]


def photographed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A digit, dark on paper under uneven light, somewhere in a picture of 300x400 of uint8."""
    ink = np.zeros((300, 400))
    times = int(rng.integers(4, 9))
    top, left = (int(rng.integers(0, size - 28 * times)) for size in ink.shape)
    ink[top : top + 28 * times, left : left + 28 * times] = np.kron(image / 255, np.ones((times, times)))
    y, x = np.meshgrid(np.linspace(-1, 1, 300), np.linspace(-1, 1, 400), indexing="ij")
    light = 180 * (1 + rng.uniform(-0.2, 0.2) * x + rng.uniform(-0.2, 0.2) * y)
    return np.clip(light * (1 - 0.7 * ink) + rng.normal(0, 4, ink.shape), 0, 255).astype(np.uint8)


def means_net(shape, *first: Node, layers=(), dtype="float32", **constants) -> Net:
    """A network that gives the mean of each channel of (N, H, W, C), or what its first nodes make of it."""
    graph = Graph([Value("x", shape, np.dtype(dtype))], [Value("y")], list(first), constants)
    given = first[-1].outputs[0] if first else "x"
    graph.nodes.append(Node("ReduceMean", (given, "axes"), ("y",), {"keepdims": False}, name="mean"))
    graph.constants["axes"] = np.array([1, 2])
    graph.layers = {"mean": "y"} | {name: given for name in layers}
    return Net(graph)
