"""Rectifiers with one slope are activations."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["recognize_slopes"]


def recognize_slopes(graph: Graph) -> None:
    """Turn PRelu with a single constant slope into the activation leaky_relu.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("PRelu", ("x", "s"), ("y",))], {"s": np.float32([0.25])})
    >>> recognize_slopes(graph)
    >>> [(node.op, node.inputs, node.attributes) for node in graph.nodes]
    [('Activation', ('x',), {'activation': ('leaky_relu', 0.25)})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        slope = rewriter.constant(node.inputs[1]) if node.op == "PRelu" else None
        if slope is not None and slope.size == 1 and slope.dtype.kind == "f":
            rewriter.set_inputs(node, node.inputs[:1])
            node.op, node.attributes = "Activation", {"activation": ("leaky_relu", slope.item())}
    rewriter.finish()
