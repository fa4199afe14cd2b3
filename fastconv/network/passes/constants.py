"""Nodes that read constants only become constants."""

from __future__ import annotations

from typing import Any

from ..graph import Graph
from ..operators import Tensor, fold, plan_node

__all__ = ["fold_constants"]

_BYTES = 1 << 20  # of results that may be larger than what they are made of


def fold_constants(graph: Graph) -> None:
    """Run what needs no input, such as a Transpose of weights, unless its result is far larger than its inputs.

    Results take at most twice the memory that the graph's constants do, or 1 MiB; what is left is up to plans.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x")], [Value("y")],
    ...               [Node("Neg", ("c",), ("d",)), Node("Add", ("x", "d"), ("y",))], {"c": np.array([1.0, 2.0])})
    >>> fold_constants(graph)
    >>> [node.op for node in graph.nodes], graph.constants["d"]
    (['Add'], array([-1., -2.]))
    """
    left = []
    room = max(_BYTES, 2 * sum(array.nbytes for array in graph.constants.values()))
    for node in graph.nodes:
        names = list(filter(None, node.inputs))
        known = node.op != "If" and names and all(name in graph.constants for name in names)
        size = _fold(graph, node, room) if known else None
        if size is None:
            left.append(node)
        else:
            room -= size
    graph.nodes = left
    read = {name for node in left for name in node.inputs} | {value.name for value in graph.outputs}
    graph.constants = {name: array for name, array in graph.constants.items() if name in read}


def _fold(graph: Graph, node: Any, room: int) -> int | None:
    """Make a node's outputs constants; the bytes they take, or None where those are too many."""
    inputs = [Tensor.of(graph.constants[name]) if name else None for name in node.inputs]
    step = plan_node(node, inputs)
    size = sum(tensor.nbytes for tensor in step.outputs)
    if size > min(room, max(_BYTES, 2 * sum(x.nbytes for x in inputs if x is not None))):
        return None
    outputs = step.outputs if all(tensor.value is not None for tensor in step.outputs) else fold(step, inputs)
    graph.constants.update((name, tensor.value) for name, tensor in zip(node.outputs, outputs, strict=False) if name)
    return size
