"""Which nodes of a network compute in 8 bits, and which values are held in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..graph import Graph, Node

__all__ = ["LAYERS", "Chosen", "axis_of", "choose", "layers_of", "new_name", "split_activations"]

LAYERS = ("Conv", "Dense")
_MOVES = ("MaxPool", "GlobalMaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity")
_RECTIFIERS = ("relu", "relu6")
_FLOAT = np.dtype(np.float32)


@dataclass
class Chosen:
    """What computes in 8 bits.

    Parameters
    ----------
    layers : list of (Node, str)
        Layers with weights, and the value that each gives, after a rectifier if there is one.
    values : dict of str to str
        Values held in 8 bits, and the value whose scale each has: its own, or that of what it is taken from.
    """

    layers: list[tuple[Node, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, str]:
        """By the output of each layer the value that it gives."""
        return {node.outputs[0]: value for node, value in self.layers}


def axis_of(node: Node) -> int:
    """The axis of the channels of what a layer reads."""
    return 1 if node.attributes.get("data_format") == "channels_first" else -1


def new_name(stem: str, taken: set[str]) -> str:
    """A name that is not taken; then it is."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem} {number}"
    taken.add(name)
    return name


def split_activations(graph: Graph) -> None:
    """Let activations that layers and sums compute be nodes of their own.

    Examples
    --------
    >>> graph = Graph([], [], [Node("Conv", ("x", "k"), ("y",), {"activation": ("relu", 0.0)})])
    >>> split_activations(graph)
    >>> [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    [('Conv', ('x', 'k'), ('y:linear',)), ('Activation', ('y:linear',), ('y',))]
    """
    nodes, taken = [], graph.names()
    for node in graph.nodes:
        activation = node.attributes.get("activation") if node.op in (*LAYERS, "Add") else None
        if activation is None:
            nodes.append(node)
            continue
        (name,) = node.outputs
        linear = {word: value for word, value in node.attributes.items() if word != "activation"}
        inner = new_name(f"{name}:linear", taken)
        nodes.append(replace(node, attributes=linear, outputs=(inner,)))
        words = {"activation": activation}
        nodes.append(replace(node, op="Activation", attributes=words, inputs=(inner,), outputs=(name,)))
    graph.nodes = nodes


def layers_of(graph: Graph) -> list[Node]:
    """The convolutions and dense layers of constant float32 weights, in order."""

    def is_constant(name: str) -> bool:
        return not name or (name in graph.constants and graph.constants[name].dtype == _FLOAT)

    return [
        node
        for node in graph.nodes
        if node.op in LAYERS
        and len(node.inputs) in (2, 3)
        and all(map(is_constant, node.inputs[1:]))
        and not is_constant(node.inputs[0])
        and not node.attributes.get("activation")
    ]


def choose(graph: Graph, kept: set[str]) -> Chosen:
    """All layers but those whose outputs are named, and what stands between them."""
    readers, chosen = graph.readers(), Chosen()
    layers = {id(node) for node in layers_of(graph) if node.outputs[0] not in kept}
    values = chosen.values
    for node in graph.nodes:
        data = [name for name in node.inputs if name and name not in graph.constants]
        if id(node) in layers:
            values.setdefault(node.inputs[0], node.inputs[0])
            given = _rectified(readers, node)
            values[given] = given
            chosen.layers.append((node, given))
        elif not data or not all(name in values for name in data) or len(node.outputs) != 1:
            continue
        elif node.op in _MOVES and len(data) == 1:
            values[node.outputs[0]] = values[data[0]]
        elif (node.op == "Add" and len(data) == 2) or node.op == "Concat":
            given = _rectified(readers, node)
            values[given] = given
        elif node.op == "Activation" and node.outputs[0] not in values:
            values[node.outputs[0]] = node.outputs[0]
    return chosen


def _rectified(readers: dict[str, Any], node: Node) -> str:
    """What a node gives, after the rectifier that alone reads it."""
    (name,) = node.outputs
    (reader, *others) = readers[name] or [None]
    if reader is None or others or reader.op != "Activation" or node.op == "Concat":
        return name
    return reader.outputs[0] if reader.attributes["activation"][0] in _RECTIFIERS else name
