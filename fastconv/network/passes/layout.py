"""Images whose channels come first are computed with channels last."""

from __future__ import annotations

from typing import Any

from ..graph import Graph
from .identities import drop_identities
from .layout_rules import RULES, SAME_RANK
from .relayout import Relayout
from .unread import drop_unread

__all__ = ["put_channels_last"]

_STARTS = ("Conv", "ConvTranspose", "QuantizedConv")


def put_channels_last(graph: Graph) -> None:
    """Let convolutions of channels_first images, and what stands between them, work on channels_last ones.

    Outputs keep their order. A node that no rule knows reads its inputs as they were. A graph without channels_first
    convolutions stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Node, Value
    >>> first = {"data_format": "channels_first"}
    >>> graph = Graph([Value("x", (1, 2, 5, 5))], [Value("z")],
    ...               [Node("Conv", ("x", "k"), ("y",), dict(first)), Node("Conv", ("y", "k"), ("z",), dict(first))],
    ...               {"k": np.ones((3, 3, 2, 2), np.float32)})
    >>> put_channels_last(graph)
    >>> [(node.op, node.attributes) for node in graph.nodes]      # doctest: +NORMALIZE_WHITESPACE
    [('Transpose', {'perm': (0, 2, 3, 1)}), ('Conv', {'data_format': 'channels_last'}),
     ('Conv', {'data_format': 'channels_last'}), ('Transpose', {'perm': (0, 3, 1, 2)})]
    """
    if not any(node.op in _STARTS and node.attributes.get("data_format") == "channels_first" for node in graph.nodes):
        return
    layout = Relayout(graph)
    for node in graph.nodes:
        if layout.is_skipped(node):
            continue
        rule = RULES.get(node.op)
        if rule is None or not rule(layout, node):
            layout.keep(node, _rank(layout, node))
    layout.finish()
    drop_identities(graph)
    drop_unread(graph)


def _rank(layout: Relayout, node: Any) -> int | None:
    """How many axes a node's output has that is written as the file orders it, if that is plain to see."""
    if node.op == "Flatten":
        return 2
    if node.op == "Transpose":
        return len(node.attributes.get("perm") or ()) or layout.rank(node.inputs[0])
    if node.op == "Reshape":
        shape = layout.constant(node.inputs[1])
        return None if shape is None else shape.size
    if node.op in SAME_RANK:
        ranks: list[Any] = [layout.rank(name) for name in node.inputs if name]
        return None if None in ranks else max(ranks, default=None)
    return None
