"""How each operator is written on images with channels last: what `layout` looks up by an operator's name.

A rule writes a node by `Relayout.move` or `give` and returns True, or returns False and has done nothing. It may ask
for twins of the node's inputs; sizes it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Node
from .layout_axes import (
    KEEPING,
    along_axes,
    along_axis,
    concat,
    extreme_place,
    reduction,
    resize,
    response,
    split,
    squeeze,
    transpose,
)
from .layout_rows import dense, flatten, reshape
from .relayout import Relayout, size_of

__all__ = ["ELEMENTWISE", "RULES", "SAME_RANK"]


def convolution(layout: Relayout, node: Node) -> bool:
    """A convolution makes twins of what has none."""
    x, kernel, bias, added = (*node.inputs, "", "")[:4]
    rank, weights = layout.rank(kernel), layout.constant(kernel)
    if (
        node.attributes.get("data_format") != "channels_first"
        or rank not in (3, 4)
        or not (layout.rank(x) in (None, rank) and layout.fits(added, rank))
    ):
        return False
    channels = None
    if weights is not None:
        channels = (
            weights.shape[-1] if node.op != "ConvTranspose" else weights.shape[-2] * node.attributes.get("groups", 1)
        )
    layout.know_rank(x, rank)
    inputs = (layout.twin(x, rank), layout.original(kernel), layout.original(bias), layout.twin(added, rank))
    layout.move(
        node,
        inputs[: len(node.inputs)],
        rank,
        *((channels, layout.batch(x)) if not added else ()),
        attributes=node.attributes | {"data_format": "channels_last"},
    )
    return True


def images(layout: Relayout, node: Node) -> bool:
    """A pool or another operator of images that keeps their channels and takes either order."""
    (x,) = node.inputs
    rank = layout.twin_rank(x)
    if node.attributes.get("data_format") != "channels_first" or rank is None:
        return False
    layout.move(
        node,
        (layout.twin(x, rank),),
        rank,
        layout.channels(x),
        layout.batch(x),
        attributes=node.attributes | {"data_format": "channels_last"},
    )
    return True


def global_pool(layout: Relayout, node: Node) -> bool:
    """A mean or maximum along the spatial axes."""
    (x,) = node.inputs
    rank = layout.twin_rank(x)
    if rank is None:
        return False
    axes = layout.add_constant(np.arange(1, rank - 1), node.outputs[0])
    layout.move(
        node,
        (layout.twin(x, rank), axes),
        rank,
        layout.channels(x),
        attributes={"keepdims": True},
        op="ReduceMean" if node.op == "GlobalAveragePool" else "ReduceMax",
    )
    return True


def elementwise(layout: Relayout, node: Node) -> bool:
    """A function of the numbers of the first input; the others are single numbers."""
    x, *others = node.inputs
    rank = layout.twin_rank(x)
    if rank is None or not all(_is_number(layout, name, rank) for name in others if name):
        return False
    layout.move(node, (layout.twin(x, rank), *map(layout.original, others)), rank, layout.channels(x), layout.batch(x))
    return True


def _is_number(layout: Relayout, name: str, rank: int) -> bool:
    """Whether a value is a single number, of at most so many axes."""
    array = layout.constant(name)
    return layout.rank(name) == 0 or (array is not None and array.size == 1 and array.ndim <= rank)


def broadcast(layout: Relayout, node: Node) -> bool:
    """A function of the numbers of all inputs, one of which has a twin with as many axes as the result."""
    names = [name for name in node.inputs if name]
    ranks: list[Any] = [layout.rank(name) for name in names if layout.has_twin(name)]
    rank = max(ranks, default=None)
    if rank is None or not all(layout.fits(name, rank) for name in names):
        return False
    sizes = [{size_of(layout, name, rank, axis) for name in names if layout.rank(name) != 0} for axis in (1, 0)]
    layout.move(node, tuple(layout.operand(name, rank) for name in node.inputs), rank, *map(_only, sizes))
    return True


def prelu(layout: Relayout, node: Node) -> bool:
    """The same, where the slope is broadcast to the first input, not this to the slope."""
    return layout.has_twin(node.inputs[0]) and broadcast(layout, node)


def _only(known: set[int | None]) -> int | None:
    """The size that all sizes but those of 1 agree in."""
    known = known - {1}
    return (known.pop() if known else 1) if len(known) < 2 else None


ELEMENTWISE = (
    "Activation",
    "Rectifier",
    "Neg",
    "Abs",
    "Sqrt",
    "Log",
    "Floor",
    "Ceil",
    "Reciprocal",
    "Square",
    "Sign",
    "Exp",
    "Round",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Not",
    "IsNaN",
    "IsInf",
    "Cast",
    "ScaleShift",
    "Bounded",
    "Celu",
    "ThresholdedRelu",
    "Shrink",
    "Erf",
    "Identity",
    "Clip",
    "QuantizeLinear",
    "DequantizeLinear",
    "LookupBytes",
)
_BROADCAST = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Fmod",
    "And",
    "Or",
    "Xor",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Equal",
    "Where",
    "Sum",
    "Max",
    "Min",
    "Mean",
    "QuantizedAdd",
)

# What gives as many axes as the largest of its inputs has.
SAME_RANK = frozenset((*ELEMENTWISE, *_BROADCAST, *KEEPING, "PRelu", "Resize", "DepthToSpace", "SpaceToDepth", "Split"))

RULES: dict[str, Callable[[Relayout, Node], bool]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "QuantizedConv"), convolution),
    **dict.fromkeys(("MaxPool", "AveragePool", "ResizeImages", "CenterCrop"), images),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), global_pool),
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(_BROADCAST, broadcast),
    **dict.fromkeys(KEEPING, along_axis),
    **dict.fromkeys(("Slice", "Pad"), along_axes),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceProd", "ReduceLogSumExp", "ReduceMax", "ReduceMin"), reduction),
    **dict.fromkeys(("ArgMax", "ArgMin"), extreme_place),
    "LRN": response,
    "Split": split,
    "Concat": concat,
    "Squeeze": squeeze,
    "Resize": resize,
    "Transpose": transpose,
    "Flatten": flatten,
    "Reshape": reshape,
    "Dense": dense,
    "QuantizedDense": dense,
    "PRelu": prelu,
}
