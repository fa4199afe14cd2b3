"""Nodes whose results nobody reads go."""

from __future__ import annotations

from ..graph import Graph

__all__ = ["drop_unread"]


def drop_unread(graph: Graph) -> None:
    """Take away nodes and constants that no output depends on.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("Neg", ("x",), ("y",)), Node("Abs", ("x",), ("z",))])
    >>> drop_unread(graph)
    >>> [node.op for node in graph.nodes]
    ['Neg']
    """
    read = {value.name for value in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if read.intersection(node.outputs):
            read.update(node.inputs)
            kept.append(node)
    graph.nodes = kept[::-1]
    graph.constants = {name: array for name, array in graph.constants.items() if name in read}
