"""Error functions that belong to the activation gelu."""

from __future__ import annotations

import math

from ..graph import Graph, Node
from .rewriter import Rewriter
from .unread import drop_unread

__all__ = ["recognize_gelu"]


def recognize_gelu(graph: Graph) -> None:
    """Turn ``0.5 * x * (1 + erf(x / sqrt(2)))``, in whichever order it is multiplied, into the activation gelu.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")], [
    ...     Node("Div", ("x", "r"), ("a",)), Node("Erf", ("a",), ("b",)), Node("Add", ("b", "one"), ("c",)),
    ...     Node("Mul", ("x", "c"), ("y",)), Node("Mul", ("y", "h"), ("z",))],
    ...     {"r": np.float32(2 ** 0.5), "one": np.float32(1), "h": np.float32(0.5)})
    >>> recognize_gelu(graph)
    >>> [(node.op, node.inputs, node.outputs, node.attributes) for node in graph.nodes]
    [('Activation', ('x',), ('z',), {'activation': ('gelu', 0.0)})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        before = rewriter.source(node.inputs[0]) if node.op == "Erf" else None
        x = _scaled(rewriter, before, math.sqrt(0.5))
        last = None if x is None else _last(rewriter, node, x)
        if x is not None and last is not None:
            rewriter.set_inputs(last, (x,))
            last.op, last.attributes = "Activation", {"activation": ("gelu", 0.0)}
    rewriter.finish()
    drop_unread(graph)


def _last(rewriter: Rewriter, erf: Node, x: str) -> Node | None:
    """The product that ends a gelu of x, or None."""
    plus = rewriter.only_reader(erf)
    if plus is None or plus.op != "Add" or plus.attributes or _number(rewriter, plus) != 1:
        return None
    product = rewriter.only_reader(plus)
    if product is None or product.op != "Mul" or product.attributes or product.inputs[0] == product.inputs[1]:
        return None
    (other,) = (name for name in product.inputs if name != plus.outputs[0])
    if _scaled(rewriter, rewriter.source(other), 0.5) == x:
        return product
    half = rewriter.only_reader(product)
    return half if other == x and _scaled(rewriter, half, 0.5) == product.outputs[0] else None


def _scaled(rewriter: Rewriter, node: Node | None, factor: float) -> str | None:
    """What a node multiplies by the factor, or None."""
    if node is None or node.op not in ("Mul", "Div") or node.attributes:
        return None
    number = _number(rewriter, node)
    if number is None or (node.op == "Div" and node.inputs[0] in rewriter.graph.constants):
        return None
    found = number if node.op == "Mul" else 1 / number if number else 0.0
    (x,) = (name for name in node.inputs if name not in rewriter.graph.constants)
    return x if math.isclose(found, factor, rel_tol=1e-6) else None


def _number(rewriter: Rewriter, node: Node) -> float | None:
    """The single number that is one of a node's two inputs, or None."""
    arrays = [array for array in map(rewriter.constant, node.inputs) if array is not None]
    if len(arrays) != 1 or len(node.inputs) != 2 or arrays[0].ndim or arrays[0].dtype.kind != "f":
        return None
    result: float | None = arrays[0].item()
    return result
