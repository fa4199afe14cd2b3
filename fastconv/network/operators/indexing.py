"""What picks, repeats and counts elements: ONNX's operators of the same names and semantics."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .registry import Step, Tensor, operator
from .shape import axis_in, constant, integers, view

__all__ = [
    "arg_max",
    "cum_sum",
    "depth_to_space",
    "expand",
    "gather",
    "gather_elements",
    "gather_nd",
    "one_hot",
    "range_",
    "size",
    "space_to_depth",
    "split",
    "tile",
    "top_k",
    "trilu",
]

_INT64 = np.dtype(np.int64)


def _indices(indices: np.ndarray, size: int) -> np.ndarray:
    """Indices of an axis of that size, counted from its beginning."""
    if indices.size and not (-size <= indices.min() and indices.max() < size):
        raise ValueError(f"an index must be in [{-size}, {size}); received {indices.min()} to {indices.max()}")
    return np.where(indices < 0, indices + size, indices)


def _require_integers(x: Tensor, name: str) -> None:
    if x.dtype.kind not in "iu":
        raise TypeError(f"`{name}` must be integers; received {x.dtype}")


@operator("Gather")
def gather(node: Any, x: Any, indices: Any) -> Any:
    """The parts of x at indices along the attribute ``axis``."""
    _require_integers(indices, "indices")
    axis = axis_in(node.attributes.get("axis", 0), x.ndim)
    shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
    size = x.shape[axis]
    return Step((Tensor(shape, x.dtype),), lambda x, i, y: np.copyto(y, np.take(x, _indices(i, size), axis)))


@operator("GatherElements")
def gather_elements(node: Any, x: Any, indices: Any) -> Any:
    """For each index the element of x at that place of the attribute ``axis`` and at the index's own other places."""
    _require_integers(indices, "indices")
    axis = axis_in(node.attributes.get("axis", 0), x.ndim)
    if indices.ndim != x.ndim or any(
        given > size for i, (given, size) in enumerate(zip(indices.shape, x.shape, strict=True)) if i != axis
    ):
        raise ValueError(f"indices of shape {indices.shape} do not fit {x.shape}")
    part = tuple(slice(None) if i == axis else slice(given) for i, given in enumerate(indices.shape))

    def run(x: Any, indices: Any, y: Any) -> None:
        np.copyto(y, np.take_along_axis(x[part], _indices(indices, x.shape[axis]), axis))

    return Step((Tensor(indices.shape, x.dtype),), run)


@operator("GatherND")
def gather_nd(node: Any, x: Any, indices: Any) -> Any:
    """The parts of x at the places that the last axis of indices names, after ``batch_dims`` axes that both share."""
    _require_integers(indices, "indices")
    batch = node.attributes.get("batch_dims", 0)
    if (
        not 0 <= batch < min(indices.ndim, x.ndim + 1)
        or x.shape[:batch] != indices.shape[:batch]
        or (batch + indices.shape[-1] > x.ndim)
    ):
        raise ValueError(f"indices of shape {indices.shape} do not fit {x.shape}")
    depth = indices.shape[-1]
    shape = indices.shape[:-1] + x.shape[batch + depth :]

    def run(x: Any, indices: Any, y: Any) -> None:
        own = np.ogrid[tuple(slice(size) for size in indices.shape[:batch])] if batch else []
        own = [np.reshape(axis, axis.shape + (1,) * (indices.ndim - 1 - batch)) for axis in own]
        named = [_indices(indices[..., i], x.shape[batch + i]) for i in range(depth)]
        np.copyto(y, x[(*own, *named)])

    return Step((Tensor(shape, x.dtype),), run)


@operator("Split")
def split(node: Any, x: Any, sizes: Any = None) -> Any:
    """Parts of x along the attribute ``axis``, of constant sizes or as many as ``parts``, the last one smaller."""
    axis, parts = axis_in(node.attributes.get("axis", 0), x.ndim), node.attributes["parts"]
    each = -(-x.shape[axis] // parts)
    given = (
        integers(sizes, "split")
        if sizes is not None
        else [max(min(each, x.shape[axis] - i * each), 0) for i in range(parts)]
    )
    if len(given) != len(node.outputs) or sum(given) != x.shape[axis] or min(given) < 0:
        raise ValueError(f"parts of sizes {given} do not make up {x.shape[axis]} for {len(node.outputs)} outputs")
    bounds = np.cumsum([0, *given])
    cuts = [(*[slice(None)] * axis, slice(low, high)) for low, high in itertools.pairwise(bounds)]
    outputs = tuple(Tensor((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in given)

    def run(x: Any, *arrays: Any) -> None:
        for cut, y in zip(cuts, arrays[-len(cuts) :], strict=True):
            np.copyto(y, x[cut])

    return Step(outputs, run, reads=(0,))


@operator("Expand")
def expand(node: Any, x: Any, shape: Any) -> Any:
    """x broadcast with a constant shape; with the attribute ``exact`` to it."""
    sizes = tuple(integers(shape, "shape"))
    if any(size < 0 for size in sizes):
        raise ValueError(f"a shape must not be negative; received {sizes}")
    shape = sizes if node.attributes.get("exact") else np.broadcast_shapes(x.shape, sizes)
    return Step((Tensor(shape, x.dtype),), lambda *arrays: np.copyto(arrays[-1], arrays[0]), reads=(0,))


@operator("Tile")
def tile(node: Any, x: Any, repeats: Any) -> Any:
    """x repeated along each axis a constant number of times."""
    counts = integers(repeats, "repeats")
    if len(counts) != x.ndim or min(counts, default=0) < 0:
        raise ValueError(f"`repeats` must have a count for each of {x.ndim} axes; received {counts}")
    shape = tuple(size * count for size, count in zip(x.shape, counts, strict=True))
    whole = tuple(n for size, count in zip(x.shape, counts, strict=True) for n in (count, size))
    single = tuple(n for size in x.shape for n in (1, size))

    def run(x: Any, y: Any) -> None:
        np.copyto(y.reshape(whole), x.reshape(single))

    return Step((Tensor(shape, x.dtype),), run, reads=(0,))


@operator("Size")
def size(node: Any, x: Any) -> Any:
    """The number of elements."""
    return Step((Tensor.of(np.array(x.size, np.int64)),))


@operator("Range")
def range_(node: Any, start: Any, limit: Any, delta: Any) -> Any:
    """Numbers from start on below limit; all three constant."""
    begin, end, step = (constant(x, name).item() for x, name in ((start, "start"), (limit, "limit"), (delta, "delta")))
    if not step or not all(map(np.isfinite, (begin, end, step))):
        raise ValueError(f"no numbers from {begin} to {end} by {step}")
    count = max(int(np.ceil((end - begin) / step)), 0)
    if count > 2**27:
        raise ValueError(f"{count} numbers are too many")
    return Step((Tensor.of((begin + np.arange(count) * step).astype(start.dtype)),))


@operator("ArgMax", "ArgMin")
def arg_max(node: Any, x: Any) -> Any:
    """The place of the extreme element along the attribute ``axis``; of equal ones the first, or ``last``."""
    axis, keepdims = axis_in(node.attributes["axis"], x.ndim), node.attributes["keepdims"]
    last = node.attributes["last"]
    find = np.argmax if node.op == "ArgMax" else np.argmin
    shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape) if keepdims or i != axis)

    def run(x: Any, y: Any) -> None:
        found = find(np.flip(x, axis) if last else x, axis)
        np.copyto(y, (x.shape[axis] - 1 - found if last else found).reshape(y.shape))

    return Step((Tensor(shape, _INT64),), run)


@operator("TopK")
def top_k(node: Any, x: Any, k: Any) -> Any:
    """The k largest elements along the attribute ``axis`` in order, and their places; smallest without ``largest``."""
    axis, (count,) = axis_in(node.attributes["axis"], x.ndim), integers(k, "k")
    if not 0 <= count <= x.shape[axis]:
        raise ValueError(f"k must be in [0, {x.shape[axis]}]; received {count}")
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    part = (*[slice(None)] * axis, slice(count))
    largest = node.attributes["largest"]

    def run(x: Any, *results: Any) -> None:
        values, places = results[-2:]
        if largest:  # from the end, so that the first of equal elements comes first
            order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
        else:
            order = np.argsort(x, axis, kind="stable")
        np.copyto(places, order[part])
        np.copyto(values, np.take_along_axis(x, places, axis))

    return Step((Tensor(shape, x.dtype), Tensor(shape, _INT64)), run, reads=(0,))


@operator("OneHot")
def one_hot(node: Any, indices: Any, depth: Any, values: Any) -> Any:
    """``values[1]`` at the places that indices name along a new axis of constant depth, else ``values[0]``."""
    (count,) = integers(depth, "depth")
    if count < 0 or values.shape != (2,):
        raise ValueError(f"a depth of {count} with values of shape {values.shape}")
    axis = axis_in(node.attributes["axis"], indices.ndim + 1)
    shape = (*indices.shape[:axis], count, *indices.shape[axis:])
    places = np.arange(count).reshape(count, *(1,) * (indices.ndim - axis))

    def run(indices: Any, values: Any, y: Any) -> None:
        wrapped = np.where(indices < 0, indices + count, indices)
        np.copyto(y, np.where(np.expand_dims(wrapped, axis) == places, values[1], values[0]))

    return Step((Tensor(shape, values.dtype),), run, reads=(0, 2))


@operator("CumSum")
def cum_sum(node: Any, x: Any, axis: Any) -> Any:
    """Sums of what comes before each element along a constant axis, itself included but for ``exclusive``."""
    along = axis_in(integers(axis, "axis")[0], x.ndim)
    exclusive, reverse = node.attributes["exclusive"], node.attributes["reverse"]

    def run(x: Any, y: Any) -> None:
        source, sums = (np.flip(x, along), np.flip(y, along)) if reverse else (x, y)
        np.cumsum(source, along, out=sums)
        if exclusive:
            np.subtract(sums, source, out=sums)

    return Step((Tensor(x.shape, x.dtype),), run, reads=(0,))


@operator("Trilu")
def trilu(node: Any, x: Any, k: Any = None) -> Any:
    """The upper triangle of matrices, or without ``upper`` the lower one, from the constant diagonal k on."""
    diagonal = 0 if k is None else integers(k, "k")[0]
    if x.ndim < 2:
        raise ValueError(f"matrices have two axes; received shape {x.shape}")
    cut = np.triu if node.attributes["upper"] else np.tril
    return Step((Tensor(x.shape, x.dtype),), lambda x, y: np.copyto(y, cut(x, diagonal)), reads=(0,))


def _blocks(node: Any, x: Tensor) -> int:
    block = node.attributes["block"]
    if x.ndim != 4 or block < 1:
        raise ValueError(f"images of 4 axes and a block of 1 or more are needed; received {x.shape} and {block}")
    result: int = block
    return result


@operator("DepthToSpace")
def depth_to_space(node: Any, x: Any) -> Any:
    """Channels moved into blocks of pixels. ``mode``: 'DCR', the block's places vary slower, or 'CRD', the channels."""
    b, (n, c, h, w) = _blocks(node, x), x.shape
    if c % (b * b):
        raise ValueError(f"{c} channels do not fill blocks of {b} x {b}")
    deep, order = (
        ((n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2))
        if node.attributes["mode"] == "DCR"
        else ((n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3))
    )
    return _rearranged(x, deep, order, (n, c // (b * b), h * b, w * b))


@operator("SpaceToDepth")
def space_to_depth(node: Any, x: Any) -> Any:
    """Blocks of pixels moved into channels: the inverse of DepthToSpace with the same ``mode``."""
    b, (n, c, h, w) = _blocks(node, x), x.shape
    if h % b or w % b:
        raise ValueError(f"images of {h} x {w} are not made up of blocks of {b} x {b}")
    order = (0, 3, 5, 1, 2, 4) if node.attributes["mode"] == "DCR" else (0, 1, 3, 5, 2, 4)
    return _rearranged(x, (n, c, h // b, b, w // b, b), order, (n, c * b * b, h // b, w // b))


def _rearranged(x: Tensor, deep: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]) -> Step:
    """x in one shape, its axes in an order, then in another shape."""
    between = tuple(deep[axis] for axis in order)

    def run(x: Any, y: Any) -> None:
        np.copyto(y.reshape(between), x.reshape(deep).transpose(order))

    return Step((Tensor(shape, x.dtype),), run) if between != deep else view(x, shape)
