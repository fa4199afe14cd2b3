"""Filters along one axis, and along two, one after the other."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args
from .factors import MULTIPLIED, Factors
from .stacks import Options, any_image, filter_image, float_of, result_dtype

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["convolve1d", "correlate1d", "sep_filter2d"]

FEW_TAPS = 1 << 14  # of a product of two kernels, up to which the core finds the factors by itself
_WIDE_ROW = 64  # cells after an axis from which they are rows of an image, not channels


def correlate1d(
    image: ArrayLike,
    weights: ArrayLike,
    axis: SupportsIndex = -1,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    anchor: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Correlate along one axis, as `scipy.ndimage.correlate1d` does.

    Parameters
    ----------
    image : array_like of one axis or more
        In a dtype that `filter2d` takes.
    weights : array_like of shape (k,)
        Numbers, neither flipped nor conjugated.
    axis : int, optional
        Along which the weights lie; the last unless given.
    anchor : int, optional
        The weight that lies over the output, -1 standing for k // 2, as where it is not given.
    border, value, dtype, delta, out, algorithm
        As in `filter2d`. SciPy's default border is 'reflect'.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else the image's own; integers are rounded and saturate. SciPy truncates them.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    See Also
    --------
    convolve1d, sep_filter2d

    Examples
    --------
    >>> import fastconv
    >>> fastconv.correlate1d([2.0, 8, 0, 4, 1, 9, 9, 0], [1, 3], border="reflect")
    array([ 8., 26.,  8., 12.,  7., 28., 36.,  9.])
    """
    options = Options(border, value, out, algorithm, anchor, None, None, dtype, delta)
    return _along(image, _weights(weights, "weights"), axis, options)


def convolve1d(
    image: ArrayLike,
    weights: ArrayLike,
    axis: SupportsIndex = -1,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    anchor: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Convolve along one axis, as `scipy.ndimage.convolve1d` does: the weights are flipped.

    Parameters
    ----------
    image, weights, axis
        As in `correlate1d`.
    anchor : int, optional
        The weight, counted before they are flipped, that lies over the output; -1 stands for k // 2.
    border, value, dtype, delta, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray
        As `correlate1d` gives it.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.convolve1d([2.0, 8, 0, 4, 1, 9, 9, 0], [1, 3], border="reflect")
    array([14., 24.,  4., 13., 12., 36., 27.,  0.])
    """
    weights = _weights(weights, "weights")
    anchor = weights.size - 1 - _place(anchor, weights.size)
    options = Options(border, value, out, algorithm, anchor, None, None, dtype, delta)
    return _along(image, weights[::-1], axis, options)


def sep_filter2d(
    image: Any,
    kernel_x: Any,
    kernel_y: Any,
    *,
    border: Any = "reflect101",
    value: Any = 0,
    anchor: Any = None,
    axes: Any = None,
    channel_axis: Any = None,
    dtype: Any = None,
    delta: Any = 0,
    out: Any = None,
    algorithm: Any = "auto",
) -> np.ndarray:
    """Correlate with the product of a row and a column, as `cv2.sepFilter2D` does.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes.
    kernel_x, kernel_y : array_like of shape (k,)
        Taps along rows, to the right, and along columns, downwards; in OpenCV's order.
    border, value, anchor, axes, channel_axis, dtype, delta, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own; rounded once.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Notes
    -----
    Large kernels go one after the other, with sums between them that are not rounded to integers, as `gaussian_blur`
    tells; small ones go to the core as one.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.sep_filter2d(np.array([[0.0, 0, 4, 0, 0]]), [1, 2, 1], [0.25], border="constant")
    array([[0., 1., 2., 1., 0.]])
    """
    row, column = _weights(kernel_x, "kernel_x"), _weights(kernel_y, "kernel_y")
    options = Options(border, value, out, algorithm, anchor, axes, channel_axis, dtype, delta)
    return separable(image, column, row, options)


def separable(
    image: Any, column: np.ndarray, row: np.ndarray, options: Options, result: np.dtype | None = None
) -> np.ndarray:
    """`filter_image` with the product of a column and a row."""
    real = column.dtype.kind != "c" and row.dtype.kind != "c"
    if column.size * row.size > MULTIPLIED and real and options.algorithm == "auto":
        factors = Factors(np.ascontiguousarray(column, np.float64), np.ascontiguousarray(row, np.float64))
        return filter_image(image, factors, options, result)
    if column.size * row.size <= FEW_TAPS or min(column.size, row.size) == 1:
        return filter_image(image, column[:, None] * row, options, result)
    array = any_image(image)
    wanted = result_dtype(options.dtype, result or array.dtype, array.dtype)
    work = np.result_type(float_of(array.dtype), float_of(wanted))
    anchors = (None, None) if options.anchor is None else _args.pair(options.anchor, "anchor", -1)
    down = options._replace(out=None, dtype=work, delta=0, anchor=None if anchors[0] is None else (anchors[0], 0))
    sums = filter_image(array, column[:, None], down)
    # A column of equal cells outside has the sum of its taps times the value.
    outside = options.value * column.sum() if isinstance(options.value, numbers.Complex) else options.value
    across = options._replace(value=outside, dtype=wanted, anchor=None if anchors[1] is None else (0, anchors[1]))
    return filter_image(sums, row[None], across)


def _weights(weights: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(weights)
    except ValueError as error:
        raise ValueError(f"`{name}` must be numbers of shape (k,): {error}") from None
    if array.ndim == 2 and 1 in array.shape:  # as OpenCV's kernels are
        array = array.reshape(-1)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"`{name}` must have shape (k,), k at least 1; received {array.shape}")
    if array.dtype.kind not in "fiubc" and array.dtype.name != "bfloat16":
        raise TypeError(f"`{name}` must hold numbers; received dtype {array.dtype}")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _place(anchor: Any, size: int) -> int:
    """The weight over the output, from 0 on."""
    place = -1 if anchor is None else _args.integer(anchor, "anchor", -1)
    if place >= size:
        raise ValueError(f"`anchor` must lie within the weights, of which there are {size}; received {anchor!r}")
    return size // 2 if place < 0 else place


def _along(image: Any, weights: np.ndarray, axis: Any, options: Options) -> np.ndarray:
    """The axis becomes an image's rows or columns, whichever leaves long runs of cells."""
    anchor = _place(options.anchor, weights.size)
    array = np.asarray(image)
    if not array.ndim:
        raise ValueError("`image` must have one axis or more; received a number")
    axis = _args.integer(axis, "axis", -(2**63))
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"`axis` must be in [{-array.ndim}, {array.ndim}); received {axis}")
    axis %= array.ndim
    before, after = math.prod(array.shape[:axis]), math.prod(array.shape[axis + 1 :])
    frame = any_image(array.reshape(before, array.shape[axis], after))
    wanted = result_dtype(options.dtype, array.dtype, frame.dtype)
    computed, returned = _args.output(options.out, array.shape, wanted, (array,))
    rows = after > 1 and (before == 1 or after >= _WIDE_ROW)
    plane = options._replace(
        out=computed.reshape(frame.shape),
        dtype=wanted,
        axes=(1, 2) if rows else (0, 1),
        anchor=(anchor, 0) if rows else (0, anchor),
    )
    filter_image(frame, weights[:, None] if rows else weights[None], plane)
    return _args.finish(computed, returned)
