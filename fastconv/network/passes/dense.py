"""Products with constant matrices are dense layers."""

from __future__ import annotations

from ..graph import Graph
from .rewriter import Rewriter

__all__ = ["recognize_dense"]


def recognize_dense(graph: Graph) -> None:
    """Turn MatMul by a constant matrix of floats into Dense, which takes a bias and an activation.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")], [Node("MatMul", ("x", "w"), ("y",))], {"w": np.ones((2, 3))})
    >>> recognize_dense(graph)
    >>> [node.op for node in graph.nodes]
    ['Dense']
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        factor = rewriter.constant(node.inputs[1]) if node.op == "MatMul" else None
        if factor is not None and factor.ndim == 2 and factor.dtype.kind == "f":
            node.op = "Dense"
