"""The sum that ends a residual block goes into a convolution."""

from __future__ import annotations

from ..graph import Graph, Node
from .rewriter import Rewriter

__all__ = ["fuse_residuals"]


def fuse_residuals(graph: Graph) -> None:
    """Let a convolution of constant weights compute the Add that alone reads it, with its activation.

    Where both summands are such convolutions, the second takes the sum.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")],
    ...               [Node("Conv", ("x", "k"), ("y",)), Node("Add", ("x", "y"), ("z",))], {"k": None})
    >>> fuse_residuals(graph)
    >>> [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    [('Conv', ('x', 'k', '', 'x'), ('z',))]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        if node.op != "Add" or node.inputs[0] == node.inputs[1] or any(name in graph.constants for name in node.inputs):
            continue
        for place in (1, 0):
            before = rewriter.source(node.inputs[place])
            if before is not None and _takes_sum(rewriter, before, node):
                _fuse(rewriter, before, node, node.inputs[1 - place])
                break
    rewriter.finish()


def _takes_sum(rewriter: Rewriter, before: Node, node: Node) -> bool:
    weights = [name for name in before.inputs[1:] if name]
    return (
        before.op == "Conv"
        and rewriter.only_reader(before) is node
        and len(before.inputs) < 4
        and not before.attributes.get("activation")
        and all(name in rewriter.graph.constants for name in weights)
    )


def _fuse(rewriter: Rewriter, before: Node, node: Node, other: str) -> None:
    """The sum becomes the convolution, as what is added may be computed after the convolution's place."""
    inputs = (*before.inputs, "")[:3]
    activation = node.attributes.get("activation")
    node.op, node.attributes = "Conv", before.attributes | {"activation": activation}
    node.name, node.kind = before.name, before.kind
    rewriter.set_inputs(node, (*inputs, other))
    rewriter.remove(before)
