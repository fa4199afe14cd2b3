"""A graph as training runs it: activations whose derivative their result does not tell stand alone, those that a
normalization computes do not, and rectifiers follow the pooling after them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ... import _core
from ..graph import Graph, Node
from ..operators.activation import activation_number
from ..passes.rewriter import Rewriter

__all__ = ["normalized", "pooled_first", "prepared"]

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


def normalized(graph: Graph, state: Collection[str], sums: bool) -> Graph:
    """A copy for training, where normalizations compute the rectifier after them.

    Parameters
    ----------
    graph : Graph
        As of `prepared`.
    state : collection of str
        What layers move; a normalization whose statistics do not move stays as it is.
    sums : bool
        Whether they compute a sum between the two as well, as their sixth input. Its summands need one shape.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> norm = Node("BatchNormalization", ("x", "", "", "m", "v"), ("n",), {"axis": -1, "epsilon": 1e-3})
    >>> graph = Graph([Value("x")], [Value("z")], [norm, Node("Add", ("x", "n"), ("y",)),
    ...               Node("Activation", ("y",), ("z",), {"activation": ("relu", 0.0)})], {"m": None, "v": None})
    >>> [(node.op, node.inputs, node.outputs) for node in normalized(graph, ("m", "v"), sums=True).nodes]
    [('BatchNormalization', ('x', '', '', 'm', 'v', 'x'), ('z',))]
    """
    graph = graph.copy()
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        if node.op != "Activation" or node.attributes["activation"][0] != "relu":
            continue
        before = _before(rewriter, node, 0)
        if before is not None and _moves(before, state):
            _fuse(rewriter, before, node, ())
        elif before is not None and before.op == "Add" and sums:
            for place in (1, 0):
                norm = _before(rewriter, before, place)
                if norm is not None and _moves(norm, state):
                    other = before.inputs[1 - place]
                    rewriter.remove(before)
                    _fuse(rewriter, norm, node, (other,))
                    break
    rewriter.finish()
    return graph


def pooled_first(graph: Graph) -> Graph:
    """A copy where maxima are taken before the rectifier whose results they alone read.

    Rectifiers keep the order of numbers, so that the maxima are the same. They, and their derivative, then visit
    the pooled numbers alone. Where a maximum is 0 or less, the derivative is 0 whichever cell it came from.

    Parameters
    ----------
    graph : Graph
        As of `prepared`.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> relu, pool = {"activation": ("relu", 0.0)}, {"window": (2, 2)}
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Conv", ("x", "k"), ("y",), relu),
    ...               Node("MaxPool", ("y",), ("z",), pool)], {"k": None})
    >>> [(node.op, node.inputs, node.outputs) for node in pooled_first(graph).nodes]  # doctest: +NORMALIZE_WHITESPACE
    [('Conv', ('x', 'k'), ('y',)), ('MaxPool', ('y',), ('z:linear',)), ('Activation', ('z:linear',), ('z',))]
    """
    graph = graph.copy()
    rewriter = Rewriter(graph)
    after: dict[int, Node] = {}
    for node in rewriter.nodes():
        before = _before(rewriter, node, 0) if node.op == "MaxPool" and _thins_out(node) else None
        activation = None if before is None else before.attributes.get("activation")
        if before is None or before.op not in ("Conv", "Activation") or not activation or activation[0] != "relu":
            continue
        inner, attributes = f"{node.outputs[0]}:linear", {"activation": activation}
        after[id(node)] = Node("Activation", (inner,), node.outputs, attributes, before.name, before.kind)
        node.outputs = (inner,)
        if before.op == "Conv":
            before.attributes, before.prepared = before.attributes | {"activation": None}, {}
        else:
            rewriter.bypass(before)
    rewriter.finish()
    graph.nodes = [part for node in graph.nodes for part in (node, after.get(id(node))) if part is not None]
    return graph


def _thins_out(pool: Node) -> bool:
    """Whether a pooling has fewer results than numbers that it reads."""
    strides: tuple[int, ...] = pool.attributes.get("strides") or pool.attributes["window"]
    return max(strides) > 1


def _before(rewriter: Rewriter, node: Node, place: int) -> Node | None:
    """The node that gives an input to this one alone."""
    before = rewriter.source(node.inputs[place])
    return before if before is not None and rewriter.only_reader(before) is node else None


def _moves(node: Node, state: Collection[str]) -> bool:
    return node.op == "BatchNormalization" and len(node.inputs) == 5 and all(name in state for name in node.inputs[3:])


def _fuse(rewriter: Rewriter, norm: Node, node: Node, added: tuple[str, ...]) -> None:
    """The rectifier becomes the normalization, as what is added may be computed after the normalization's place."""
    activation = node.attributes["activation"]
    node.op, node.attributes = norm.op, norm.attributes | {"activation": activation}
    node.name, node.kind = norm.name, norm.kind
    rewriter.set_inputs(node, (*norm.inputs, *added))
    rewriter.remove(norm)
