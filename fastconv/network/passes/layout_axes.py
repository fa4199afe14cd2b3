"""How operators along axes are written on images with channels last: rules as `layout_rules` has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Node
from .relayout import Relayout, moved_axis, size_of, to_first, to_last

__all__ = [
    "KEEPING",
    "along_axes",
    "along_axis",
    "concat",
    "extreme_place",
    "reduction",
    "resize",
    "response",
    "split",
    "squeeze",
    "transpose",
]

# What gives as many numbers along its axis as it takes.
KEEPING = ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization", "LRN", "BatchNormalization", "GroupNormalization")


def along_axis(layout: Relayout, node: Node, default: int = -1) -> bool:
    """What works along the attribute ``axis``, an axis or several, and keeps all others."""
    x, *others = node.inputs
    rank, axis = layout.twin_rank(x), node.attributes.get("axis", default)
    chosen = (axis,) if isinstance(axis, int) else tuple(axis)
    if rank is None or not all(-rank <= place < rank for place in chosen):
        return False
    moved = tuple(moved_axis(place, rank) - rank for place in chosen)
    kept = node.op in KEEPING or 1 not in [place % rank for place in chosen]
    layout.move(
        node,
        (layout.twin(x, rank), *map(layout.original, others)),
        rank,
        layout.channels(x) if kept else None,
        layout.batch(x) if node.op in KEEPING else None,
        attributes=node.attributes | {"axis": moved[0] if isinstance(axis, int) else moved},
    )
    return True


def response(layout: Relayout, node: Node) -> bool:
    """What sums the squares of channels."""
    return along_axis(layout, node, 1)


def split(layout: Relayout, node: Node) -> bool:
    """Parts along an axis."""
    return along_axis(layout, node, 0)


def concat(layout: Relayout, node: Node) -> bool:
    """Twins one after the other."""
    ranks: set[Any] = {layout.rank(name) for name in node.inputs}
    if not any(map(layout.has_twin, node.inputs)) or len(ranks) != 1 or None in ranks:
        return False
    (rank,), axis = ranks, node.attributes["axis"]
    counts: list[Any] = [size_of(layout, name, rank, 1) for name in node.inputs]
    channels = None if None in counts else sum(counts) if axis % rank == 1 else counts[0]
    batch = layout.batch(node.inputs[0]) if axis % rank else None
    layout.move(
        node,
        tuple(layout.twin(name, rank) for name in node.inputs),
        rank,
        channels,
        batch,
        attributes=node.attributes | {"axis": moved_axis(axis, rank)},
    )
    return True


def along_axes(layout: Relayout, node: Node) -> bool:
    """Slice and Pad: the input ``axes``, a constant, holds the moved axes; the other inputs stay."""
    rank = layout.twin_rank(node.inputs[0])
    place = 3
    *others, axes = (*node.inputs, "", "", "")[: place + 1]
    chosen = None if rank is None else _axes(layout, axes, rank, others[1] if node.op == "Slice" else None)
    if rank is None or chosen is None:
        return False
    moved = layout.add_constant(np.array([moved_axis(axis, rank) for axis in chosen], np.int64), node.outputs[0])
    inputs = (
        layout.twin(others[0], rank),
        *map(layout.original, others[1:]),
        moved,
        *map(layout.original, node.inputs[place + 1 :]),
    )
    kept = 0 not in [axis % rank for axis in chosen]
    layout.move(
        node, inputs, rank, _channels_of_part(layout, node, rank, chosen), layout.batch(others[0]) if kept else None
    )
    return True


def _channels_of_part(layout: Relayout, node: Node, rank: int, axes: list[int]) -> int | None:
    """Channels of what Slice or Pad gives."""
    channels, place = layout.channels(node.inputs[0]), [axis % rank for axis in axes]
    if channels is None or 1 not in place:
        return channels
    numbers: list[Any] = [None if array is None else array.ravel() for array in map(layout.constant, node.inputs[1:])]
    at = place.index(1)
    if node.op == "Pad":
        pads = numbers[0]
        return None if pads is None or pads.size != 2 * len(axes) else channels + int(pads[at] + pads[at + len(axes)])
    steps = numbers[3] if len(numbers) > 3 else np.ones(len(axes), int)
    if (
        steps is None
        or any(array is None or array.size != len(axes) for array in (*numbers[:2], steps))
        or (steps[at] != 1)
    ):
        return None
    begin, end = numbers[:2]
    return len(range(*slice(int(begin[at]), int(end[at])).indices(channels)))


def reduction(layout: Relayout, node: Node) -> bool:
    """A reduction: what keeps its axes, or whose axes that are left are in order."""
    x, *given = node.inputs
    rank = layout.twin_rank(x)
    if rank is None:
        return False
    axes = list(range(rank)) if not any(given) else _axes(layout, given[0], rank)
    if not axes or (not any(given) and node.attributes.get("noop_with_empty_axes")):
        return False
    kept = bool(node.attributes.get("keepdims", True))
    return _without(layout, node, rank, axes, kept, 1 if 1 in [axis % rank for axis in axes] else layout.channels(x))


def squeeze(layout: Relayout, node: Node) -> bool:
    """Axes of length 1 that go, where those that are left are in order."""
    rank = layout.twin_rank(node.inputs[0])
    if rank is None or len(node.inputs) < 2:
        return False
    axes = _axes(layout, node.inputs[1], rank)
    return axes is not None and _without(layout, node, rank, axes, False, None)


def _without(layout: Relayout, node: Node, rank: int, axes: list[int], kept: bool, channels: int | None) -> bool:
    """Write a node that reduces axes, which its second input names."""
    left = [axis for axis in to_last(rank) if axis not in [place % rank for place in axes]]
    if not kept and left != sorted(left):
        return False
    moved = layout.add_constant(np.array([moved_axis(axis, rank) for axis in axes], np.int64), node.outputs[0])
    inputs = (layout.twin(node.inputs[0], rank), moved)
    if kept:
        layout.move(node, inputs, rank, channels)
    else:
        layout.give(replace(node, inputs=inputs), len(left))
    return True


def extreme_place(layout: Relayout, node: Node) -> bool:
    """Where the extreme along an axis is; that axis stays, or what is left is in order."""
    rank: Any = layout.twin_rank(node.inputs[0])
    if rank is None or node.attributes["keepdims"]:
        return along_axis(layout, node)
    axis = node.attributes["axis"]
    left = [place for place in to_last(rank) if place != axis % rank]
    if left != sorted(left):
        return False
    layout.give(
        replace(
            node,
            inputs=(layout.twin(node.inputs[0], rank),),
            attributes=node.attributes | {"axis": moved_axis(axis, rank)},
        ),
        rank - 1,
    )
    return True


def resize(layout: Relayout, node: Node) -> bool:
    """The attribute ``axes`` holds the moved axes; scales and sizes stay."""
    rank: Any = layout.twin_rank(node.inputs[0])
    if rank is None:
        return False
    x, *others = node.inputs
    axes = tuple(moved_axis(axis, rank) for axis in node.attributes["axes"] or range(rank))
    layout.move(
        node, (layout.twin(x, rank), *map(layout.original, others)), rank, attributes=node.attributes | {"axes": axes}
    )
    return True


def transpose(layout: Relayout, node: Node) -> bool:
    """Orders that follow each other become one, which may be none."""
    (x,) = node.inputs
    perm = tuple(node.attributes.get("perm") or ())
    if not layout.has_twin(x):
        if len(perm) in (3, 4) and perm == to_first(len(perm)):
            return _turned(layout, node, perm)
        return False
    rank: Any = layout.rank(x)
    perm = perm or tuple(range(rank))[::-1]
    if sorted(perm) != list(range(rank)):
        return False
    order = tuple(moved_axis(axis, rank) for axis in perm)
    op, attributes = ("Transpose", {"perm": order}) if order != tuple(range(rank)) else ("Identity", {})
    layout.give(replace(node, op=op, inputs=(layout.twin(x, rank),), attributes=attributes), rank)
    return True


def _turned(layout: Relayout, node: Node, perm: tuple[int, ...]) -> bool:
    """What puts channels first: images, or sequences, of which only a convolution tells that they have channels."""
    (x,), (y,) = node.inputs, node.outputs
    layout.original(x)
    if len(perm) == 4:
        layout.declare(y, x, 4, batch=layout.batch(x))
        return True
    layout.turned(y, x)
    return False


def _axes(layout: Relayout, name: str, rank: int, counted: str | None = None) -> list[int] | None:
    """Axes that a constant names, or all, or as many as another constant has numbers; None if they are not known."""
    array = layout.constant(name) if name else None
    if array is not None:
        axes = [int(axis) for axis in array.ravel()]
        return axes if all(-rank <= axis < rank for axis in axes) else None
    if name:
        return None
    if counted is None:
        return list(range(rank))
    numbers = layout.constant(counted)
    return None if numbers is None or numbers.size > rank else list(range(numbers.size))
