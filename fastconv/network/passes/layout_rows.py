"""How images become rows for dense layers, with channels last: rules as `layout_rules` has them."""

from __future__ import annotations

import math
from dataclasses import replace

from ..graph import Node
from .layout_shuffle import channel_shuffle
from .relayout import Relayout

__all__ = ["dense", "flatten", "reshape"]


def reshape(layout: Relayout, node: Node) -> bool:
    """A shuffle of channels, or images as rows."""
    return channel_shuffle(layout, node) or flatten(layout, node)


def flatten(layout: Relayout, node: Node) -> bool:
    """Images as rows for dense layers, whose weights get the rows' order."""
    x, (y,) = node.inputs[0], node.outputs
    rank, channels, readers = layout.twin_rank(x), layout.channels(x), layout.readers[y]
    if (
        rank is None
        or not channels
        or not _is_flat(layout, node)
        or not all(
            reader is not None
            and reader.op in ("Dense", "QuantizedDense")
            and reader.inputs[0] == y
            and reader.inputs.count(y) == 1
            and _rows(layout, reader) % channels == 0
            for reader in readers
        )
    ):
        return False
    layout.give(replace(node, op="Flatten", inputs=(layout.twin(x, rank),), attributes={"axis": 1}), 2)
    layout.reorder_rows(y, channels)
    return True


def _is_flat(layout: Relayout, node: Node) -> bool:
    """Whether all axes but the first become one."""
    if node.op == "Flatten":
        result: bool = node.attributes.get("axis", 1) == 1
        return result
    shape = layout.constant(node.inputs[1])
    return (
        shape is not None
        and shape.size == 2
        and not node.attributes.get("allowzero")
        and (shape.ravel()[1] == -1 and shape.ravel()[0] in (0, layout.batch(node.inputs[0])))
    )


def _rows(layout: Relayout, node: Node) -> float:
    """How many rows the constant weights of a dense layer have, infinity where they are not constant."""
    weights = layout.constant(node.inputs[1])
    return math.inf if weights is None or weights.ndim != 2 else len(weights)


def dense(layout: Relayout, node: Node) -> bool:
    """A dense layer of images that were flattened with channels last."""
    x, weights, *bias = node.inputs
    channels = layout.channels_of_rows(x)
    if channels is None:
        return False
    rows = layout.constant(weights)
    moved = rows.reshape(channels, -1, rows.shape[1]).swapaxes(0, 1).reshape(rows.shape)
    inputs = (x, layout.add_constant(moved, weights), *map(layout.original, bias))
    layout.give(replace(node, inputs=inputs), 2)
    return True
