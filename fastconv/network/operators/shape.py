"""Shapes and the order of axes: ONNX's operators of the same names and semantics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import _args, _core
from .registry import Step, Tensor, operator

__all__ = [
    "along_axes",
    "columns_along",
    "concat",
    "constant",
    "flatten",
    "identity",
    "pad",
    "reshape",
    "shape_of",
    "slice_",
    "squeeze",
    "transpose",
    "unsqueeze",
]


def constant(x: Tensor | None, name: str) -> np.ndarray:
    """The values of an input that must be constant when a plan is made."""
    if x is None or x.value is None:
        raise ValueError(f"`{name}` must be constant")
    result: np.ndarray = x.value
    return result


def integers(x: Tensor | None, name: str) -> list[int]:
    """The same as integers."""
    return [int(number) for number in constant(x, name).ravel()]


def view(x: Tensor, shape: tuple[int, ...]) -> Step:
    """The step of an operator that only renames axes."""
    if math.prod(shape) != x.size:
        raise ValueError(f"{x.size} numbers of shape {x.shape} do not fill shape {shape}")
    return Step((Tensor(shape, x.dtype),), view=True)


def axis_in(axis: int, ndim: int) -> int:
    """axis counted from the front."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"an axis must be in [{-ndim}, {ndim}); received {axis}")
    return axis % ndim


@operator("Identity", "Dropout")
def identity(node: Any, x: Any) -> Any:
    """x itself; what training drops has the attributes ``rate``, and ``axes`` along which all or none are dropped."""
    return view(x, x.shape)


@operator("Shape")
def shape_of(node: Any, x: Any) -> Any:
    """The sizes of x, from the attribute ``start`` to ``end``."""
    sizes = x.shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
    return Step((Tensor.of(np.array(sizes, np.int64)),))


@operator("Reshape")
def reshape(node: Any, x: Any, shape: Any) -> Any:
    """x in another shape, a constant: -1 is what is left, 0 is x's own size unless ``allowzero`` is set."""
    sizes = integers(shape, "shape")
    if not node.attributes.get("allowzero", False):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    if sizes.count(-1) == 1:
        rest = -math.prod(sizes)
        sizes[sizes.index(-1)] = x.size // rest if rest else 0
    return view(x, tuple(sizes))


@operator("Flatten")
def flatten(node: Any, x: Any) -> Any:
    """x as a matrix: the axes before the attribute ``axis``, 1 by default, and those from it on."""
    axis = node.attributes.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return view(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Squeeze")
def squeeze(node: Any, x: Any, axes: Any = None) -> Any:
    """x without the axes of length 1 that are named, or without all of them."""
    chosen = (
        {axis_in(axis, x.ndim) for axis in integers(axes, "axes")}
        if axes is not None
        else {axis for axis, size in enumerate(x.shape) if size == 1}
    )
    return view(x, tuple(size for axis, size in enumerate(x.shape) if axis not in chosen))


@operator("Unsqueeze")
def unsqueeze(node: Any, x: Any, axes: Any) -> Any:
    """x with axes of length 1 at these places of the result."""
    given = integers(axes, "axes")
    ndim = x.ndim + len(given)
    chosen, sizes = {axis_in(axis, ndim) for axis in given}, iter(x.shape)
    return view(x, tuple(1 if axis in chosen else next(sizes) for axis in range(ndim)))


@operator("AlongAxes")
def along_axes(node: Any, values: Any, x: Any) -> Any:
    """A constant that has the sizes of x along the attribute ``axes``, with axes of length 1 for the others."""
    axes = sorted(axis_in(axis, x.ndim) for axis in node.attributes["axes"])
    sizes = tuple(x.shape[axis] for axis in axes)
    if values.size != math.prod(sizes):
        raise ValueError(f"{values.size} numbers do not go with axes {axes} of shape {x.shape}")
    shape = tuple(size if axis in axes else 1 for axis, size in enumerate(x.shape))
    return Step((Tensor.of(constant(values, "values").reshape(shape)),))


@operator("Transpose")
def transpose(node: Any, x: Any) -> Any:
    """The axes of x in the order of the attribute ``perm``, by default reversed."""
    perm = node.attributes.get("perm") or tuple(range(x.ndim))[::-1]
    if sorted(perm) != list(range(x.ndim)):
        raise ValueError(f"`perm` must order {x.ndim} axes; received {perm}")
    shape = tuple(x.shape[axis] for axis in perm)
    kept = [axis for axis in perm if x.shape[axis] != 1]
    if kept == sorted(kept):
        return view(x, shape)
    if perm[-1] != x.ndim - 1 and shape[-1] <= _FEW and x.size >= _MANY:
        return Step((Tensor(shape, x.dtype),), lambda x, y: _interleave(x.transpose(perm), y))
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y, x.transpose(perm)))


# NumPy copies so few numbers in a row slowly, which as many copies of the other axes outweigh for so many in all.
_FEW, _MANY = 4, 1024


def _interleave(x: np.ndarray, y: np.ndarray) -> None:
    """Copy x to y, one place of the last axis after the other."""
    for i in range(y.shape[-1]):
        y[..., i] = x[..., i]


@operator("Concat")
def concat(node: Any, *inputs: Any) -> Any:
    """The inputs one after the other along the attribute ``axis``."""
    axis = axis_in(node.attributes["axis"], inputs[0].ndim)
    first = inputs[0]
    for x in inputs[1:]:
        if (
            x.dtype != first.dtype
            or x.shape[:axis] + x.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]
        ):
            raise ValueError(f"inputs must agree in dtype and all axes but {axis}")
    shape = (*first.shape[:axis], sum(x.shape[axis] for x in inputs), *first.shape[axis + 1 :])
    y = Tensor(shape, first.dtype)
    if first.dtype not in _args.PLAIN_FLOAT_IDS:
        return Step((y,), lambda *arrays: np.concatenate(arrays[:-1], axis, out=arrays[-1]))
    rows, counts = columns_along(axis, inputs)
    dtype = _args.PLAIN_FLOAT_IDS[first.dtype]

    def run(*arrays: Any) -> None:
        _core.join_columns(dtype, rows, list(zip(arrays[:-1], counts, strict=True)), arrays[-1])

    return Step((y,), run)


def columns_along(axis: int, arrays: Sequence[Tensor]) -> tuple[int, list[int]]:
    """Arrays that are joined along an axis as rows side by side: how many rows, and how many numbers each has of them.

    Examples
    --------
    >>> x = Tensor((2, 3, 4), np.dtype("float32"))
    >>> columns_along(1, [x, x])
    (2, [12, 12])
    """
    return math.prod(arrays[0].shape[:axis]), [math.prod(x.shape[axis:]) for x in arrays]


@operator("Slice")
def slice_(node: Any, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    """A part of x along axes; everything else is constant and as in ONNX."""
    begins, stops = integers(starts, "starts"), integers(ends, "ends")
    chosen = list(range(len(begins))) if axes is None else integers(axes, "axes")
    strides = [1] * len(begins) if steps is None else integers(steps, "steps")
    index = [slice(None)] * x.ndim
    for axis, begin, stop, stride in zip(chosen, begins, stops, strides, strict=True):
        axis = axis_in(axis, x.ndim)
        if stride == 0:
            raise ValueError("a step must not be 0")
        to_first = stride < 0 and stop < -x.shape[axis]
        index[axis] = slice(begin, None if to_first else stop, stride)
    part = tuple(index)
    shape = tuple(len(range(*cut.indices(size))) for cut, size in zip(part, x.shape, strict=True))
    return Step((Tensor(shape, x.dtype),), lambda *arrays: np.copyto(arrays[-1], arrays[0][part]))


@operator("Pad")
def pad(node: Any, x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    """x with cells before and after, negative ones cut off: ``pads`` is all befores, then all afters, of ``axes``.

    Attribute ``mode``: 'constant' (of ``value``, 0 by default), 'edge', 'reflect' or 'wrap'.
    """
    numbers = integers(pads, "pads")
    chosen = list(range(x.ndim)) if axes is None else [axis_in(axis, x.ndim) for axis in integers(axes, "axes")]
    if len(numbers) != 2 * len(chosen):
        raise ValueError(f"`pads` must have two numbers for each of {len(chosen)} axes; received {numbers}")
    pairs = [(0, 0)] * x.ndim
    for place, axis in enumerate(chosen):
        pairs[axis] = numbers[place], numbers[place + len(chosen)]
    shape = tuple(size + before + after for size, (before, after) in zip(x.shape, pairs, strict=True))
    # What is cut off is there before anything is added, so that nothing on the way is larger than the result.
    if any(size + min(pair[0], 0) + min(pair[1], 0) < 0 for size, pair in zip(x.shape, pairs, strict=True)):
        raise ValueError(f"pads {pairs} cut more off shape {x.shape} than there is")
    mode = node.attributes.get("mode", "constant")
    fill = 0 if value is None else constant(value, "value").item()
    words = {"mode": mode, "constant_values": fill} if mode == "constant" else {"mode": mode}
    cut = tuple(
        slice(max(-before, 0), size - max(-after, 0)) for size, (before, after) in zip(x.shape, pairs, strict=True)
    )
    grown = [(max(before, 0), max(after, 0)) for before, after in pairs]

    def run(x: Any, *others: Any) -> None:
        np.copyto(others[-1], np.pad(x[cut], grown, **words))

    return Step((Tensor(shape, x.dtype),), run)
