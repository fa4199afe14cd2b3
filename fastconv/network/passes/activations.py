"""An activation goes into the node before it."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["fuse_activations"]

_FUSES = ("Conv", "ConvTranspose", "Dense", "Add", "Sub", "Mul", "BatchNormalization")


def fuse_activations(graph: Graph) -> None:
    """Let convolutions, dense layers, normalizations and arithmetic compute the activation that alone reads them.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Conv", ("x", "k"), ("y",)),
    ...               Node("Activation", ("y",), ("z",), {"activation": ("relu", 0.0)})], {"k": None})
    >>> fuse_activations(graph)
    >>> [(node.op, node.outputs, node.attributes) for node in graph.nodes]
    [('Conv', ('z',), {'activation': ('relu', 0.0)})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        if node.op not in _FUSES or node.attributes.get("activation"):
            continue
        reader = rewriter.only_reader(node)
        if reader is not None and reader.op == "Activation":
            rewriter.absorb(node, reader)
            node.attributes["activation"] = reader.attributes["activation"]
    rewriter.finish()
