"""A graph as training runs it: activations whose derivative their result does not tell stand alone."""

from __future__ import annotations

from dataclasses import replace

from ... import _core
from ..graph import Graph, Node
from ..operators.activation import activation_number

__all__ = ["prepared"]

_FUSED = ("Conv", "Dense")  # operators whose gradients take an activation's derivative from the result


def prepared(graph: Graph, apart: tuple[str, ...]) -> Graph:
    """A copy without what its outputs do not need.

    Parameters
    ----------
    graph : Graph
    apart : tuple of str
        Activations that stand alone where they give an output, which a loss may take with them.
    """
    graph = graph.with_outputs([value.name for value in graph.outputs])
    needed, nodes = {value.name for value in graph.outputs}, []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    last = _producers(nodes[::-1], graph)
    graph.nodes = [part for node in reversed(nodes) for part in _split(node, graph, apart if id(node) in last else ())]
    return graph


def _producers(nodes: list[Node], graph: Graph) -> set[int]:
    """The nodes that give outputs, through those that only hand them on."""
    sources = {name: node for node in nodes for name in node.outputs}
    found = set()
    for value in graph.outputs:
        node = sources.get(value.name)
        while node is not None and node.op == "Identity":
            node = sources.get(node.inputs[0])
        found.add(id(node))
    return found


def _split(node: Node, graph: Graph, apart: tuple[str, ...]) -> list[Node]:
    """The node, or the node and its activation after it."""
    activation = node.attributes.get("activation")
    if node.op == "Activation" or not activation or activation[0] == "linear":
        return [node]
    if (
        node.op in _FUSED
        and activation[0] not in apart
        and _core.activation_from_output(*activation_number(node.attributes))
    ):
        return [node]
    inner = f"{node.outputs[0]}:linear"
    linear = replace(node, outputs=(inner,), attributes=node.attributes | {"activation": None}, prepared={})
    return [linear, Node("Activation", (inner,), node.outputs, {"activation": activation}, node.name, node.kind)]
