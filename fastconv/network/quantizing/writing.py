"""A graph whose chosen values go by way of 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Graph, Node
from .calibration import Observed
from .choosing import Chosen, axis_of, new_name

__all__ = ["in_bytes"]

_BIAS = 2.0**30  # the largest that a bias may count


def in_bytes(
    graph: Graph, chosen: Chosen, scales: dict[str, Any], seen: dict[str, Observed], per_channel: bool
) -> Graph:
    """A copy in which layers read integers, and chosen values are rounded to them.

    Parameters
    ----------
    graph : Graph
    chosen : Chosen
    scales : dict of str to (float32, int, dtype)
        Of each value that has a scale of its own.
    seen : dict of str to Observed
        Of what layers read; the mean error of rounded weights goes into biases.
    per_channel : bool
        Whether each output of a layer has a scale.
    """
    made = graph.copy()
    writer = _Writer(made, scales, chosen)
    weights = {id(old): node for old, node in zip(graph.nodes, made.nodes, strict=True)}
    for node, _ in chosen.layers:
        writer.layer(weights[id(node)], seen[node.inputs[0]], per_channel)
    nodes = []
    for node in made.nodes:
        nodes += [*writer.before.get(id(node), ()), *writer.with_bytes(node)]
    made.nodes = [*writer.of_inputs(), *nodes]
    made.drop_unread_constants()
    return made


class _Writer:
    def __init__(self, graph: Graph, scales: dict[str, Any], chosen: Chosen) -> None:
        self._graph, self._chosen, self._scales = graph, chosen, scales
        self.before: dict[int, list[Node]] = {}
        self._taken = graph.names()
        self._names: dict[str, str] = {}
        self._renamed = {v.name: self._name(f"{v.name}:reals") for v in graph.inputs if v.name in chosen.values}

    def _name(self, word: str) -> str:
        """What is called by this word: the same name each time, which the network did not have."""
        if word not in self._names:
            self._names[word] = new_name(word, self._taken)
        return self._names[word]

    def scale(self, value: str) -> Any:
        """Scale, zero point and dtype of a value."""
        return self._scales[self._chosen.values[value]]

    def _constant(self, word: str, array: Any) -> str:
        name = self._name(word)
        self._graph.constants[name] = np.asarray(array)
        return name

    def _through(self, value: str, exact: str, held: str) -> list[Node]:
        """The nodes that take a value through 8 bits."""
        scale, zero, dtype = self.scale(value)
        stem = self._chosen.values[value]
        words = self._constant(f"{stem}:scale", scale), self._constant(f"{stem}:zero", np.asarray(zero, dtype))
        whole = self._name(f"{value}:bytes")
        given = Node("QuantizeLinear", (exact, *words), (whole,), {}, whole, "QuantizeLinear")
        back = Node("DequantizeLinear", (whole, *words), (held,), {}, f"{value}:reals", "DequantizeLinear")
        return [given, back]

    def of_inputs(self) -> list[Node]:
        """Those of the network's inputs."""
        return [node for name, held in self._renamed.items() for node in self._through(name, name, held)]

    def with_bytes(self, node: Node) -> list[Node]:
        """A node, and what takes its outputs through 8 bits."""
        inputs = tuple(self._renamed.get(name, name) for name in node.inputs)
        outputs = tuple(self._name(f"{name}:exact") if name in self._chosen.values else name for name in node.outputs)
        pairs = [(name, exact) for name, exact in zip(node.outputs, outputs, strict=True) if name != exact]
        more = [each for name, exact in pairs for each in self._through(name, exact, name)]
        return [replace(node, inputs=inputs, outputs=outputs), *more]

    def layer(self, node: Node, seen: Observed, per_channel: bool) -> None:
        """Weights of a layer as integers."""
        x_scale = float(self.scale(node.inputs[0])[0])
        kernel = self._graph.constants[node.inputs[1]]
        outputs = kernel.shape[-1]
        bias = self._graph.constants[node.inputs[2]] if node.inputs[2:] and node.inputs[2] else np.zeros(outputs)
        axes = tuple(range(kernel.ndim - 1)) if per_channel else None
        largest = np.abs(kernel).max(axes, initial=0).astype(np.float64)
        needed = np.abs(bias) / (x_scale * _BIAS)
        scales = np.maximum(largest / 127, needed if per_channel else needed.max(initial=0))
        scales = np.where(scales > 0, scales, 1).astype(np.float32)
        whole = np.clip(np.rint(kernel / scales), -127, 127).astype(np.int8)
        exact = bias + _mean_error(kernel - whole * scales, seen.means(axis_of(node)), node.attributes.get("groups", 1))
        counted = np.rint(exact / (x_scale * scales.astype(np.float64)))
        kernel_name, bias_name = (self._name(f"{node.outputs[0]}:{word}") for word in ("kernel", "bias"))
        axis = kernel.ndim - 1 if per_channel else 0
        self.before[id(node)] = [
            self._from_integers(kernel_name, whole, scales, axis, node),
            self._from_integers(
                bias_name,
                np.clip(counted, -(2.0**31), 2.0**31 - 1).astype(np.int32),
                np.float32(x_scale) * scales,
                0,
                node,
            ),
        ]
        node.inputs = node.inputs[0], kernel_name, bias_name

    def _from_integers(self, name: str, whole: np.ndarray, scales: Any, axis: int, node: Node) -> Node:
        parts = [
            self._constant(f"{name} integers", whole),
            self._constant(f"{name} scales", scales),
            self._constant(f"{name} zeros", np.zeros(np.shape(scales), whole.dtype)),
        ]
        return Node("DequantizeLinear", tuple(parts), (name,), {"axis": axis}, node.name, "DequantizeLinear")


def _mean_error(error: np.ndarray, means: Any, groups: int) -> Any:
    """What the rounding of weights takes from the outputs on average: its products with the mean of each input."""
    means = np.broadcast_to(np.asarray(means, np.float64), (error.shape[-2] * groups,))
    taps = error.reshape(-1, *error.shape[-2:]).sum(0, dtype=np.float64)
    of_groups = taps.reshape(error.shape[-2], groups, -1)
    return np.einsum("igo,gi->go", of_groups, means.reshape(groups, -1)).reshape(-1)
