"""Sums of two values are additions."""

from __future__ import annotations

from ..graph import Graph

__all__ = ["recognize_sums"]


def recognize_sums(graph: Graph) -> None:
    """Turn Sum of two values into Add, which other passes know.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("Sum", ("x", "x"), ("y",))])
    >>> recognize_sums(graph)
    >>> [node.op for node in graph.nodes]
    ['Add']
    """
    for node in graph.nodes:
        if node.op == "Sum" and len(node.inputs) == 2:
            node.op = "Add"
