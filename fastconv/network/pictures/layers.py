"""What a picture shows of a graph: its layers, what each takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..graph import Graph, Node

__all__ = ["Block", "blocks", "layouts"]

# Of operators without the attribute `data_format`.
_FORMATS: dict[str, str] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "MaxPool", "AveragePool"), "channels_last"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "LRN", "InstanceNormalization"), "channels_first"),
}


@dataclass
class Block:
    """One call of a layer, or an input of the network.

    Parameters
    ----------
    name, kind, value : str
        The layer's, and the value that it gives.
    parameters : int
        Numbers in the weights that it reads.
    sources : list of int
        The blocks whose values it reads, by their places.
    """

    name: str
    kind: str
    value: str
    parameters: int = 0
    sources: list[int] = field(default_factory=list)


def blocks(graph: Graph) -> list[Block]:
    """The inputs and the calls of layers, each after those that it reads; nodes of one name in a row are one call.

    What no input reaches, such as a Transpose of weights, is no layer.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Dense", ("x", "w"), ("y",), name="a", kind="Dense"),
    ...                                            Node("Tanh", ("y",), ("z",), name="a", kind="Dense")])
    >>> [(block.name, block.value, block.sources) for block in blocks(graph)]
    [('x', 'x', []), ('a', 'z', [0])]
    """
    found = [Block(value.name, "input", value.name) for value in graph.inputs]
    origins = {value.name: i for i, value in enumerate(graph.inputs)}
    weights = {name: {name} if array.dtype.kind in "fV" else set() for name, array in graph.constants.items()}
    named = set(graph.layers.values())
    for run in _calls(graph):
        read = dict.fromkeys(name for node in run for name in node.inputs if name)
        given = [name for node in run for name in node.outputs if name]
        held = set().union(*(weights.get(name, ()) for name in read))
        sources = list(dict.fromkeys(origins[name] for name in read if name in origins))
        if not sources and held:
            weights.update(dict.fromkeys(given, held))
            continue
        value = next((name for name in given if name in named), next(filter(None, run[-1].outputs)))
        origins.update(dict.fromkeys(given, len(found)))
        found.append(
            Block(
                run[0].name or value,
                run[0].kind or run[0].op,
                value,
                sum(graph.constants[name].size for name in held),
                sources,
            )
        )
    return found


def _calls(graph: Graph) -> list[list[Node]]:
    """Nodes of one name in a row."""
    runs: list[list[Node]] = []
    for node in graph.nodes:
        if runs and node.name and runs[-1][0].name == node.name:
            runs[-1].append(node)
        else:
            runs.append([node])
    return runs


def layouts(graph: Graph) -> dict[str, str]:
    """Where the channels of each value lie, as far as nodes say: their data format, or that of what they read.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Conv", ("x", "k"), ("y",)), Node("Tanh", ("y",), ("z",))])
    >>> layouts(graph)
    {'x': 'channels_last', 'y': 'channels_last', 'z': 'channels_last'}
    """
    found: dict[str, str] = {}
    for node in graph.nodes:
        own = node.attributes.get("data_format") or _FORMATS.get(node.op)
        if own:
            found.setdefault(node.inputs[0], own)
        layout = own or next((found[name] for name in node.inputs if name in found), None)
        if node.op == "Transpose":
            orders: dict[Any, str] = {(0, 2, 3, 1): "channels_last", (0, 3, 1, 2): "channels_first"}
            layout = orders.get(node.attributes.get("perm"))
        if layout:
            found.update(dict.fromkeys(filter(None, node.outputs), layout))
    return found
