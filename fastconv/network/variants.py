"""Copies of a graph that compute in another precision, or hold their weights in another dtype."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import _args, config
from .branches import changed
from .fcn import dtype_named
from .graph import Graph, Node

__all__ = ["with_precision", "with_weights"]

# Operators and the places of their weights.
_WEIGHTS = {"Conv": (1,), "ConvTranspose": (1,), "Dense": (1,), "MatMul": (0, 1), "LSTM": (1, 2), "GRU": (1, 2)}
_HALVES = ("float16", "bfloat16")
_FLOAT = np.dtype("float32")


def with_precision(graph: Graph, precision: str | None) -> Graph:
    """A copy whose convolutions have that precision, or for None the one that is set.

    Examples
    --------
    >>> graph = with_precision(Graph([], [], [Node("Conv", ("x", "k"), ("y",))]), "high")
    >>> graph.nodes[0].attributes
    {'precision': 'high'}
    """
    if precision is not None:
        _args.choice(precision, "precision", config._PRECISIONS)

    def change(node: Node) -> Node:
        if node.op not in ("Conv", "ConvTranspose"):
            return node
        return replace(node, attributes=node.attributes | {"precision": precision})

    graph = graph.copy()
    graph.nodes = [changed(node, change) for node in graph.nodes]
    return graph


def with_weights(graph: Graph, dtype: str) -> Graph:
    """A copy whose float32 weights of products are in a dtype, each before a Cast to float32.

    Parameters
    ----------
    graph : Graph
    dtype : {'float16', 'bfloat16', 'float32'}
        float32 takes such Casts away.

    Raises
    ------
    ValueError
        If it is none of these, or a weight is beyond its range.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("Dense", ("x", "k"), ("y",))],
    ...               {"k": np.ones((2, 3), np.float32)})
    >>> half = with_weights(graph, "float16")
    >>> [(node.op, node.inputs) for node in half.nodes], half.constants["k:float16"].dtype
    ([('Cast', ('k:float16',)), ('Dense', ('x', 'k'))], dtype('float16'))
    >>> [node.op for node in with_weights(half, "float32").nodes]
    ['Dense']
    """
    _args.choice(dtype, "dtype", (*_HALVES, _FLOAT.name))
    graph = graph.copy()
    _restore(graph)
    if dtype == _FLOAT.name:
        return graph
    places = ((node, place) for node in graph.nodes for place in _WEIGHTS.get(node.op, ()))
    weights = {
        node.inputs[place]: node for node, place in places if _is_float32(graph.constants.get(node.inputs[place]))
    }
    halves = {name: graph.new_name(f"{name}:{dtype}") for name in weights}
    for name, node in weights.items():
        graph.constants[halves[name]] = _rounded(graph.constants.pop(name), dtype_named(dtype), node)
    nodes = []
    for node in graph.nodes:  # a Cast comes before the first node that reads it, of which layer it is
        for name in dict.fromkeys(node.inputs):
            if name in halves:
                nodes.append(Node("Cast", (halves.pop(name),), (name,), {"dtype": _FLOAT.name}, node.name, node.kind))
        nodes.append(node)
    graph.nodes = nodes
    return graph


def _is_float32(weight: np.ndarray | None) -> bool:
    return weight is not None and weight.dtype == _FLOAT


def _rounded(weight: np.ndarray, dtype: np.dtype, node: Node) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = weight.astype(dtype)
    if (np.isfinite(weight) & ~np.isfinite(half)).any():
        raise ValueError(f"{node} has weights beyond the range of {dtype.name}")
    return half


def _restore(graph: Graph) -> None:
    """Take Casts of weights to float32 away."""
    kept, restored = [], set()
    for node in graph.nodes:
        weight = graph.constants.get(node.inputs[0]) if node.op == "Cast" else None
        if weight is None or weight.dtype.name not in _HALVES or node.attributes["dtype"] != _FLOAT.name:
            kept.append(node)
        else:
            graph.constants[node.outputs[0]] = weight.astype(_FLOAT)
            restored.add(node.inputs[0])
    graph.nodes = kept
    for name in restored.difference(value.name for value in graph.outputs).difference(graph.layers.values()):
        if not any(name in node.inputs for node in kept):
            del graph.constants[name]
