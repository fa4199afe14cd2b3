"""Which two axes of an array are an image's, and arrays as stacks of images with channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _args

SHAPES = "(h, w) or (h, w, channels), or any with `axes`"


def image_axes(shape: tuple[int, ...], axes: Any, channel_axis: Any) -> tuple[int, int]:
    """The axes of rows and of columns: `axes`, or the two that `channel_axis` leaves, or the first two."""
    ndim = len(shape)
    channel = None if channel_axis is None else _axis(channel_axis, "channel_axis", ndim)
    if axes is not None:
        rows, columns = two_axes(axes, ndim)
        if channel in (rows, columns):
            raise ValueError(f"`channel_axis` must be none of `axes`; received {channel_axis!r} and {axes!r}")
        return rows, columns
    if channel is None:
        if ndim not in (2, 3):
            raise ValueError(f"`image` must have shape {SHAPES}; received {shape}")
        return 0, 1
    rest = [axis for axis in range(ndim) if axis != channel]
    if len(rest) != 2:
        raise ValueError(f"`axes` must name the two axes of an image of shape {shape} with `channel_axis` {channel}")
    return rest[0], rest[1]


def two_axes(axes: Any, ndim: int) -> tuple[int, int]:
    """Two different axes of an array, counted from the front."""
    try:
        rows, columns = (_axis(axis, "axes", ndim) for axis in axes)
    except (TypeError, ValueError) as error:
        if "`axes`" in str(error):
            raise
        raise ValueError(f"`axes` must be two integers; received {axes!r}") from None
    if rows == columns:
        raise ValueError(f"`axes` must be two different axes; received {axes!r}")
    return rows, columns


def _axis(value: Any, name: str, ndim: int) -> int:
    axis = _args.integer(value, name, -(2**63))
    if not -ndim <= axis < ndim:
        raise ValueError(f"`{name}` must be in [{-ndim}, {ndim}) for {ndim} axes; received {axis}")
    return axis % ndim


def to_stack(array: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """array as (n, h, w, channels); a view where columns come right after rows and the memory allows."""
    h, w = array.shape[rows], array.shape[columns]
    if columns == rows + 1:
        return array.reshape(math.prod(array.shape[:rows]), h, w, math.prod(array.shape[columns + 1 :]))
    moved = np.moveaxis(array, (rows, columns), (-2, -1))
    return moved.reshape(math.prod(moved.shape[:-2]), h, w, 1)


def from_stack(stack: np.ndarray, shape: tuple[int, ...], rows: int, columns: int) -> np.ndarray:
    """The inverse of `to_stack` for an array of that shape."""
    if columns == rows + 1:
        return stack.reshape(shape)
    rest = [size for axis, size in enumerate(shape) if axis not in (rows, columns)]
    return np.moveaxis(stack.reshape(*rest, shape[rows], shape[columns]), (-2, -1), (rows, columns))
