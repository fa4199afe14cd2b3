"""Channels that are shuffled by two Reshapes and a Transpose, with channels last."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Node
from .relayout import Relayout

__all__ = ["channel_shuffle"]


def channel_shuffle(layout: Relayout, node: Node) -> bool:
    """The Reshape of (n, groups * c, h, w) to (n, groups, c, h, w), whose next two axes are exchanged and joined.

    Source: ShuffleNet, arXiv:1707.01083, section 3.1.
    """
    x, sizes = node.inputs[0], _sizes(layout, node)
    exchange = _next(layout, node, "Transpose")
    join = None
    if exchange is not None and tuple(exchange.attributes.get("perm") or ()) == (0, 2, 1, 3, 4):
        join = _next(layout, exchange, "Reshape")
    joined = [] if join is None else _sizes(layout, join)
    if exchange is None or join is None or len(sizes) != 5 or len(joined) != 4:
        return False
    if not layout.has_twin(x) or layout.rank(x) != 4:
        return False
    batch, groups, c, *size = sizes
    known = (0, layout.batch(x))  # else images and channels might be mixed
    if (
        groups * c != layout.channels(x)
        or joined[1:] != [groups * c, *size]
        or min(groups, *size) < 1
        or (batch not in known or joined[0] not in (*known, -1))
    ):
        return False
    parted, whole = (
        layout.add_constant(np.array([0, *size, *last], np.int64), node.outputs[0])
        for last in ((groups, c), (groups * c,))
    )
    name = layout.between(replace(node, attributes={}), (layout.twin(x, 4), parted))
    name = layout.between(exchange, (name,), attributes={"perm": (0, 1, 2, 4, 3)})
    layout.move(join, (name, whole), 4, groups * c, layout.batch(x), attributes={})
    layout.skip(exchange)
    layout.skip(join)
    return True


def _next(layout: Relayout, node: Node, op: str) -> Node | None:
    """The only reader of a node, if it is of that operator."""
    readers = layout.readers[node.outputs[0]]
    found = readers[0] if len(readers) == 1 else None
    return found if found is not None and found.op == op and found.inputs[0] == node.outputs[0] else None


def _sizes(layout: Relayout, node: Node) -> list[int]:
    """The constant shape that a Reshape gives, empty where it is not known or takes 0 for a size."""
    shape = layout.constant(node.inputs[1]) if node.op == "Reshape" else None
    return [] if shape is None or node.attributes.get("allowzero") else [int(size) for size in shape.ravel()]
