"""Operators of batches of images or sequences beside convolution and pooling."""

from __future__ import annotations

import functools

import numpy as np

from .geometry import channels, data_format, spatial, with_sizes
from .registry import Step, Tensor, operator
from .shape import axis_in, view

__all__ = ["batch_dot", "center_crop", "fold_time", "move_axis", "repeat", "resize_images", "reverse", "unfold_time"]


@operator("MoveAxis")
def move_axis(node, x):
    """``numpy.moveaxis`` by the attributes ``source`` and ``destination``."""
    source, destination = (axis_in(node.attributes[word], x.ndim) for word in ("source", "destination"))
    order = [axis for axis in range(x.ndim) if axis != source]
    order.insert(destination, source)
    shape = tuple(x.shape[axis] for axis in order)
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y, x.transpose(order)))


@operator("Repeat")
def repeat(node, x):
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
def reverse(node, x):
    """x with the attribute ``axes`` read from the end."""
    axes = tuple(axis_in(axis, x.ndim) for axis in node.attributes["axes"])
    return Step((Tensor(x.shape, x.dtype),), lambda x, y: np.copyto(y, np.flip(x, axes)))


@operator("CenterCrop")
def center_crop(node, x):
    """The middle of images, of the attribute ``sizes``, which must not be larger than the images; ``data_format``."""
    layout, sizes = data_format(node.attributes), node.attributes["sizes"]
    old = spatial(x.shape, layout)
    if any(new > size for new, size in zip(sizes, old, strict=True)):
        raise ValueError(f"images of {old} are smaller than the crop of {sizes}")
    begins = [(size - new) // 2 for new, size in zip(sizes, old, strict=True)]
    cut = with_sizes(
        slice(None),
        tuple(slice(begin, begin + new) for begin, new in zip(begins, sizes, strict=True)),
        slice(None),
        layout,
    )
    shape = with_sizes(x.shape[0], tuple(sizes), channels(x.shape, layout), layout)
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y, x[cut]))


@operator("ResizeImages")
def resize_images(node, x):
    """Images of other sizes, cells at their centres, borders repeated.

    Attributes: ``sizes``, or ``scales`` as whole numbers; ``mode``, 'bilinear' or 'nearest'; ``data_format``.
    """
    layout = data_format(node.attributes)
    old = spatial(x.shape, layout)
    scales = node.attributes.get("scales")
    sizes = node.attributes.get("sizes") or tuple(a * b for a, b in zip(old, scales, strict=True))
    if min(*sizes, *old) < 1:
        raise ValueError(f"images of {old} cannot become images of {sizes}")
    first = 1 if layout == "channels_last" else 2
    mode = node.attributes["mode"]

    def run(x, y):
        for axis, (a, b) in enumerate(zip(old, sizes, strict=True), first):
            x = _along(x, axis, *_mix(a, b, mode, x.dtype))
        np.copyto(y, x)

    return Step((Tensor(with_sizes(x.shape[0], tuple(sizes), channels(x.shape, layout), layout), x.dtype),), run)


@functools.lru_cache(32)
def _mix(old: int, new: int, mode: str, dtype: np.dtype):
    """For each new cell the two old ones it lies between, and the share of the second."""
    places = (np.arange(new) + 0.5) * (old / new)
    if mode == "nearest":
        before = np.minimum(np.floor(places).astype(np.intp), old - 1)
        return before, before, np.zeros(new, dtype)
    places = np.clip(places - 0.5, 0, old - 1)
    before = np.floor(places).astype(np.intp)
    return before, np.minimum(before + 1, old - 1), (places - before).astype(dtype)


def _along(x, axis: int, before, after, share):
    if not share.any():
        return x.take(before, axis)
    share = share.reshape(-1, *(1,) * (x.ndim - axis - 1))
    first = x.take(before, axis)
    return first + (x.take(after, axis) - first) * share


@operator("FoldTime")
def fold_time(node, x):
    """(batch, time, ...) as (batch * time, ...)."""
    return view(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


@operator("UnfoldTime")
def unfold_time(node, x, like):
    """The inverse for what FoldTime made of `like`."""
    step = view(x, (*like.shape[:2], *x.shape[1:]))
    return Step(step.outputs, view=True, reads=(0,))


@operator("BatchDot")
def batch_dot(node, a, b):
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

    def run(a, b, y):
        rows = np.moveaxis(a, first, -1).reshape(len(a), -1, length)
        columns = np.moveaxis(b, second, -1).reshape(len(b), -1, length)
        if normalize:
            rows, columns = _unit(rows), _unit(columns)
        np.matmul(rows, columns.swapaxes(1, 2), out=y.reshape(len(a), rows.shape[1], columns.shape[1]))

    return Step((Tensor(shape, a.dtype),), run)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.sqrt(np.maximum(np.square(rows).sum(-1, keepdims=True), 1e-12)).astype(rows.dtype)
