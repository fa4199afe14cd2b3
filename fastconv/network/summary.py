"""A network's layers as a table."""

from __future__ import annotations

import math
from typing import Any

from .graph import Graph, Node, Value
from .table import Table

__all__ = ["summarize"]


def summarize(graph: Graph, values: list[Value]) -> Table:
    """Layers with their outputs' shapes and numbers of parameters.

    Parameters
    ----------
    graph : Graph
    values : list of Value
        The output of each of ``graph.layers``, with its shape.

    Examples
    --------
    >>> import numpy as np
    >>> graph = Graph([Value("x")], [Value("y")], [Node("Dense", ("x", "w"), ("y",), {}, "first", "Dense")],
    ...               {"w": np.ones((2, 3), np.float32)}, {"first": "y"})
    >>> summarize(graph, [Value("y", (None, 3))])
    layer  kind   output     parameters
    first  Dense  (None, 3)           6
    6 parameters, 24 bytes
    """
    by_name: dict[str, list[Node]] = {}
    for node in graph.nodes:
        by_name.setdefault(node.name, []).append(node)
    rows = []
    for name, value in zip(graph.layers, values, strict=True):
        nodes = by_name.get(name, [])
        rows.append(
            [name, nodes[0].kind or nodes[0].op if nodes else "", _spelled(value.shape), _parameters(graph, nodes)]
        )
    weights = [array for array in graph.constants.values() if array.dtype.kind in "fV"]
    total = sum(array.size for array in weights)
    return Table(
        ["layer", "kind", "output", "parameters"],
        rows,
        [f"{total:,} parameters, {sum(array.nbytes for array in weights):,} bytes"],
    )


def _parameters(graph: Graph, nodes: list[Node]) -> int:
    """Numbers in the floats that nodes read, each array once."""
    names = {name for node in nodes for name in node.inputs if name in graph.constants}
    return sum(math.prod(graph.constants[name].shape) for name in names if graph.constants[name].dtype.kind in "fV")


def _spelled(shape: Any) -> str:
    return "" if shape is None else str(tuple(shape))
