"""Softmax along one or several axes, and its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _args, _core
from .activations import same_kind

__all__ = ["softmax", "softmax_grad"]


def _along(axis: object, *arrays: np.ndarray) -> tuple[list[int] | None, tuple[int, int, int], tuple[np.ndarray, ...]]:
    """(order, (outer, length, inner), arrays): the axes of a softmax as one, the arrays transposed by order if any."""
    order, begin, end = _args.side_by_side(_args.axes(axis, arrays[0].ndim), arrays[0].shape)
    if order is not None:
        arrays = tuple(np.array(array.transpose(order), order="C") for array in arrays)
    shape = arrays[0].shape
    return order, (math.prod(shape[:begin]), math.prod(shape[begin:end]), math.prod(shape[end:])), arrays


def softmax(x: Any, axis: Any = -1, *, out: Any = None) -> np.ndarray:
    """exp(x) divided by its sum along one or several axes, so computed that nothing overflows.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64, at least one dimension.
    axis : int or tuple of ints
        The axis that sums to 1, or the axes that do together. Where these are not side by side, x is copied.
    out : numpy.ndarray, optional
        Where the result goes, of x's shape and dtype; may be `x`.

    Returns
    -------
    numpy.ndarray
        Of x's shape and dtype. A row with NaN or +inf becomes NaN, as in SciPy and TensorFlow.

    Raises
    ------
    TypeError, ValueError
        If a dtype, `axis` or the shape of `out` is not as above.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.softmax([[1.0, 1.0], [0.0, 1000.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    >>> fastconv.softmax([[[1.0, 1.0], [1.0, 1.0]]], axis=(1, 2))
    array([[[0.25, 0.25],
            [0.25, 0.25]]])
    """
    dtype = _args.small_float(x) if out is None and type(axis) is int and axis == -1 else None
    if dtype is not None and x.ndim and x.size:
        y: np.ndarray = x.copy()
        _core.softmax(dtype, y.size // y.shape[-1], y.shape[-1], 1, y, y)
        return y
    x = _args.float_array(x, "x")
    order, sizes, (values,) = _along(axis, x)
    y, returned = _args.output(out, x.shape, x.dtype, (x,), elementwise=True)
    target = y if order is None else values
    _core.softmax(_args.dtype_id(x.dtype), *sizes, _args.buffer(values), _args.buffer(target))
    return _finish_along(order, target, y, returned)


def softmax_grad(y: Any, dy: Any, axis: Any = -1, *, out: Any = None) -> np.ndarray:
    """Gradient of `softmax` from its output: ``y * (dy - sum(y * dy))`` along `axis`; arguments as in `softmax`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.softmax_grad([0.25, 0.75], [1.0, 0.0])
    array([ 0.1875, -0.1875])
    """
    y, dy = same_kind(y, "y", dy)
    order, sizes, (values, slopes) = _along(axis, y, dy)
    dx, returned = _args.output(out, y.shape, y.dtype, (y, dy), elementwise=True)
    target = dx if order is None else values
    _core.softmax_grad(
        _args.dtype_id(y.dtype), *sizes, _args.buffer(values), _args.buffer(slopes), _args.buffer(target)
    )
    return _finish_along(order, target, dx, returned)


def _finish_along(order: list[int] | None, target: np.ndarray, y: np.ndarray, returned: np.ndarray) -> np.ndarray:
    if order is not None:
        y.transpose(order)[...] = target
    return _args.finish(y, returned)
