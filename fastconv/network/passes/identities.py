"""Nodes that change nothing go."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["drop_identities"]


def drop_identities(graph: Graph) -> None:
    """Take away Identity and Dropout, and activations that are linear.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Neg", ("x",), ("y",)), Node("Identity", ("y",), ("z",))])
    >>> drop_identities(graph)
    >>> [(node.op, node.outputs) for node in graph.nodes]
    [('Neg', ('z',))]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        if node.op in ("Identity", "Dropout") or (
            node.op == "Activation" and node.attributes["activation"][0] == "linear"
        ):
            rewriter.bypass(node)
    rewriter.finish()
