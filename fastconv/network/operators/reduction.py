"""Reductions along axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from ...nn.pooling import Geometry
from .elementwise import quiet
from .geometry import as_image
from .registry import Step, Tensor, operator
from .shape import axis_in

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["along_axis", "global_geometry", "is_global", "reduce"]


def _log_sum_exp(x: Any, axis: Any, keepdims: Any, out: Any) -> None:
    """log(sum(exp(x))) that does not overflow."""
    top = np.max(x, axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    sums = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    np.copyto(out, sums.reshape(out.shape), casting="same_kind")


def _extreme(function: Any, of_integers: str, of_floats: float) -> Callable[..., Any]:
    """A maximum or minimum, which nothing at all has too: the least or largest number."""

    def reduce(x: Any, axis: Any, keepdims: Any, out: Any) -> None:
        first = {"f": of_floats, "b": of_integers == "max"}.get(x.dtype.kind)
        first = getattr(np.iinfo(x.dtype), of_integers) if first is None else first
        function(x, axis=axis, keepdims=keepdims, out=out, initial=first)

    return reduce


def _mean(x: Any, axis: Any, keepdims: Any, out: Any) -> None:
    """NumPy's mean, without its warning where there is nothing.

    Where other axes lie behind, it sums along an axis after the other: that adds long rows, and sums of sums are more
    accurate than one long sum.
    """
    if not x.size:
        out[...] = np.nan
    elif len(axis) < 2 or x.ndim - 1 in axis or x.dtype.kind != "f" or x.dtype.itemsize < 4:
        np.mean(x, axis=axis, keepdims=keepdims, out=out)
    else:
        sums = x
        for place in axis:
            sums = np.add.reduce(sums, place, keepdims=True)
        np.divide(sums.reshape(out.shape), x.dtype.type(x.size // out.size), out=out)


def global_geometry(average: bool, x: Tensor) -> Geometry:
    """The core's geometry of a mean or maximum along all spatial axes: a pooling whose window is the image."""
    shape = as_image(x.shape, "channels_last")
    window = shape[1:3]
    return Geometry(average, shape, x.dtype, window, window, ((0, 0), (0, 0)), "channels_last")


def is_global(x: Tensor, axes: tuple[int, ...]) -> bool:
    """Whether these are all spatial axes of images that the core pools, channels last."""
    return x.ndim in (3, 4) and axes == tuple(range(1, x.ndim - 1)) and 0 not in x.shape and x.dtype.char in "fd"


_FUNCTIONS = {
    "ReduceMean": _mean,
    "ReduceSum": np.sum,
    "ReduceProd": np.prod,
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": _extreme(np.max, "min", -np.inf),
    "ReduceMin": _extreme(np.min, "max", np.inf),
}


@operator(*_FUNCTIONS)
def reduce(node: Any, x: Any, axes: Any = None) -> Any:
    """x reduced along the constant ``axes``, along all by default.

    Attributes: ``keepdims``, True by default; ``noop_with_empty_axes``: no axes are no reduction.
    """
    chosen = _axes(node, x, axes)
    keepdims = bool(node.attributes.get("keepdims", True))
    shape = tuple(1 if axis in chosen else size for axis, size in enumerate(x.shape) if keepdims or axis not in chosen)
    if node.op in ("ReduceMean", "ReduceMax") and is_global(x, chosen):
        core = global_geometry(node.op == "ReduceMean", x).core
        return Step((Tensor(shape, x.dtype),), _core.pool2d_call(core), reads=(0,), algorithm="pool")
    function: Any = _FUNCTIONS[node.op]

    def run(x: Any, *axes_and_y: Any) -> None:
        function(x, axis=chosen, keepdims=keepdims, out=axes_and_y[-1])

    return Step((Tensor(shape, x.dtype),), quiet(run))


@operator("LogSoftmax", "Hardmax")
def along_axis(node: Any, x: Any) -> Any:
    """The logarithm of softmax, or 1 at the first maximum and else 0, along the attribute ``axis``."""
    axis, log = axis_in(node.attributes["axis"], x.ndim), node.op == "LogSoftmax"

    def run(x: Any, y: Any) -> None:
        if log:
            np.subtract(x, x.max(axis, keepdims=True), out=y)
            np.subtract(y, np.log(np.exp(y).sum(axis, keepdims=True)), out=y)
        else:
            places = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - 1 - axis))
            np.copyto(y, np.expand_dims(x.argmax(axis), axis) == places)

    return Step((Tensor(x.shape, x.dtype),), quiet(run))


def _axes(node: Any, x: Tensor, axes: Tensor | None) -> tuple[int, ...]:
    if axes is not None and axes.value is None:
        raise ValueError("the axes must be constant")
    given = [] if axes is None else [int(axis) for axis in axes.value.ravel()]
    if any(not -x.ndim <= axis < x.ndim for axis in given):
        raise ValueError(f"the axes must be in [{-x.ndim}, {x.ndim}); received {given}")
    if not given and not node.attributes.get("noop_with_empty_axes", False):
        return tuple(range(x.ndim))
    return tuple(sorted({axis % x.ndim for axis in given}))
