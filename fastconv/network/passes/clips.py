"""Clips that are activations."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["recognize_clips"]


def recognize_clips(graph: Graph) -> None:
    """Turn Clip from 0, and from 0 to 6, into the activations relu and relu6.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("Clip", ("x", "a", "b"), ("y",))],
    ...               {"a": np.float32(0), "b": np.float32(6)})
    >>> recognize_clips(graph)
    >>> [(node.op, node.inputs, node.attributes) for node in graph.nodes]
    [('Activation', ('x',), {'activation': ('relu6', 0.0)})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        if node.op != "Clip":
            continue
        names = [*node.inputs[1:], "", ""][:2]
        low, high = (rewriter.constant(name) if name else None for name in names)
        if low is None or low.dtype.kind != "f" or low.size != 1 or low.item() != 0:
            continue
        word = "relu" if not names[1] else "relu6" if high is not None and high.size == 1 and high.item() == 6 else ""
        if word:
            rewriter.set_inputs(node, node.inputs[:1])
            node.op, node.attributes = "Activation", {"activation": (word, 0.0)}
    rewriter.finish()
