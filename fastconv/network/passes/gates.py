"""Products of a value with a gate of itself are activations."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["recognize_gates"]

_PRODUCTS = {"sigmoid": "silu", "hard_sigmoid": "hard_silu"}


def recognize_gates(graph: Graph) -> None:
    """Turn ``x * sigmoid(x)`` and ``x * hard_sigmoid(x)`` into silu and hard_silu.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("z")], [
    ...     Node("Activation", ("x",), ("y",), {"activation": ("sigmoid", 0.0)}), Node("Mul", ("y", "x"), ("z",))])
    >>> recognize_gates(graph)
    >>> [(node.op, node.inputs, node.outputs, node.attributes) for node in graph.nodes]
    [('Activation', ('x',), ('z',), {'activation': ('silu', 0.0)})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        word = _PRODUCTS.get(node.attributes["activation"][0]) if node.op == "Activation" else None
        reader = rewriter.only_reader(node) if word else None
        if (
            reader is not None
            and reader.op == "Mul"
            and set(reader.inputs) == {node.inputs[0], node.outputs[0]}
            and (not reader.attributes.get("activation"))
        ):
            rewriter.absorb(node, reader)
            node.attributes["activation"] = (word, 0.0)
    rewriter.finish()
