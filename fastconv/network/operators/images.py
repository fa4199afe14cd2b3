"""Operators of batches of images or sequences beside convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Step, Tensor, operator
from .shape import axis_in, view

__all__ = ["batch_dot", "fold_time", "move_axis", "repeat", "reverse", "swap_axes", "unfold_time"]


@operator("MoveAxis")
def move_axis(node: Any, x: Any) -> Any:
    """``numpy.moveaxis`` by the attributes ``source`` and ``destination``."""
    source, destination = (axis_in(node.attributes[word], x.ndim) for word in ("source", "destination"))
    order = [axis for axis in range(x.ndim) if axis != source]
    order.insert(destination, source)
    shape = tuple(x.shape[axis] for axis in order)
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y, x.transpose(order)))


@operator("SwapAxes")
def swap_axes(node: Any, x: Any) -> Any:
    """x with the two attribute ``axes`` in each other's place."""
    first, second = (axis_in(axis, x.ndim) for axis in node.attributes["axes"])
    shape = list(x.shape)
    shape[first], shape[second] = shape[second], shape[first]
    return Step((Tensor(tuple(shape), x.dtype),), lambda x, y: np.copyto(y, x.swapaxes(first, second)))


@operator("Repeat")
def repeat(node: Any, x: Any) -> Any:
    """Each cell along the attribute ``axes`` as often in a row as ``counts`` says."""
    counts = [1] * x.ndim
    for axis, count in zip(node.attributes["axes"], node.attributes["counts"], strict=True):
        counts[axis_in(axis, x.ndim)] = count
    if min(counts, default=1) < 1:
        raise ValueError(f"`counts` must be at least 1; received {node.attributes['counts']}")
    shape = tuple(size * count for size, count in zip(x.shape, counts, strict=True))
    source = tuple(number for size in x.shape for number in (size, 1))
    target = tuple(number for pair in zip(x.shape, counts, strict=True) for number in pair)
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y.reshape(target), x.reshape(source)))


@operator("Reverse")
def reverse(node: Any, x: Any) -> Any:
    """x with the attribute ``axes`` read from the end."""
    axes = tuple(axis_in(axis, x.ndim) for axis in node.attributes["axes"])
    return Step((Tensor(x.shape, x.dtype),), lambda x, y: np.copyto(y, np.flip(x, axes)))


@operator("FoldTime")
def fold_time(node: Any, x: Any) -> Any:
    """(batch, time, ...) as (batch * time, ...)."""
    return view(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


@operator("UnfoldTime")
def unfold_time(node: Any, x: Any, like: Any) -> Any:
    """The inverse for what FoldTime made of `like`."""
    step = view(x, (*like.shape[:2], *x.shape[1:]))
    return Step(step.outputs, view=True, reads=(0,))


@operator("BatchDot")
def batch_dot(node: Any, a: Any, b: Any) -> Any:
    """Sums of products along the two attribute ``axes`` for each cell of the first axis, as ``keras.layers.Dot``.

    Attribute ``normalize``: both are first divided by their norms along the axis.
    """
    first, second = axis_in(node.attributes["axes"][0], a.ndim), axis_in(node.attributes["axes"][1], b.ndim)
    if a.shape[0] != b.shape[0] or a.shape[first] != b.shape[second] or 0 in (first, second):
        raise ValueError(f"shapes {a.shape} and {b.shape} have no product along axes {first} and {second}")
    left = a.shape[1:first] + a.shape[first + 1 :]
    right = b.shape[1:second] + b.shape[second + 1 :]
    shape = (a.shape[0], *left, *right) if left or right else (a.shape[0], 1)
    normalize, length = node.attributes.get("normalize", False), a.shape[first]

    def run(a: Any, b: Any, y: Any) -> None:
        rows = np.moveaxis(a, first, -1).reshape(len(a), -1, length)
        columns = np.moveaxis(b, second, -1).reshape(len(b), -1, length)
        if normalize:
            rows, columns = _unit(rows), _unit(columns)
        np.matmul(rows, columns.swapaxes(1, 2), out=y.reshape(len(a), rows.shape[1], columns.shape[1]))

    return Step((Tensor(shape, a.dtype),), run)


def _unit(rows: np.ndarray) -> np.ndarray:
    result: np.ndarray = rows / np.sqrt(np.maximum(np.square(rows).sum(-1, keepdims=True), 1e-12)).astype(rows.dtype)
    return result
