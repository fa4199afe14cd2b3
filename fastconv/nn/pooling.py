"""Max and average pooling and their gradients."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args, _core
from .pooling_ties import to_all_maxima

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from .._typing import Ints, PaddingLike

__all__ = ["avg_pool2d", "avg_pool2d_grad", "max_pool2d", "max_pool2d_grad"]


class Geometry:
    """The checked arguments that pooling functions share."""

    def __init__(
        self,
        average: bool,
        shape: tuple[int, ...],
        dtype: np.dtype | int,
        pool_size: Ints,
        strides: Ints | None,
        padding: PaddingLike,
        data_format: str,
    ) -> None:
        layout = _args.LAYOUTS[_args.choice(data_format, "data_format", _args.LAYOUTS)]
        pool = _args.pair(pool_size, "pool_size")
        steps = pool if strides is None else _args.pair(strides, "strides")
        n, h, w, c = _args.sizes(shape, data_format)
        pads = _args.padding_pairs(padding, (h, w), pool, steps)
        for axis, window, name in zip(pads, pool, ("top and bottom", "left and right"), strict=True):
            if max(axis) >= window:
                raise ValueError(f"`padding` must be smaller than `pool_size`, {pool}; received {axis} for {name}")
        self.core = _core.Pool2D(_args.dtype_id(dtype), layout, average, (n, h, w, c), pool, steps, pads)
        try:
            out_h, out_w = self.core.output_size()
        except ValueError as error:
            message = f"`x` of shape {shape} cannot be pooled with `pool_size` {pool}, `padding` {pads}: {error}"
            raise ValueError(message) from None
        if not (out_h and out_w) and h and w:
            raise ValueError(
                f"`pool_size` of {pool[0]} x {pool[1]} does not fit into `x` of shape {shape} with padding={padding!r}"
            )
        self.output_shape = _args.shape_of(n, out_h, out_w, c, data_format)

    def check_dy(self, dy: np.ndarray) -> None:
        if dy.shape != self.output_shape:
            raise ValueError(f"`dy` must have the shape of the pooled output, {self.output_shape}; received {dy.shape}")


def _are_plain(pool_size: object, strides: object, padding: object, data_format: object) -> bool:
    """Whether equal arguments are of one type, so that what was found for some holds for the others: 2 equals 2.0."""
    steps = pool_size if strides is None else strides
    return type(pool_size) is type(steps) is int and type(padding) is type(data_format) is str


@functools.lru_cache(maxsize=256)
def _call(
    average: bool,
    shape: tuple[int, ...],
    number: int,
    pool_size: int,
    strides: int | None,
    padding: str,
    data_format: str,
) -> tuple[_core.Call, tuple[int, int, int, int]]:
    geometry = Geometry(average, shape, number, pool_size, strides, padding, data_format)
    return _core.pool2d_call(geometry.core), geometry.output_shape


def _pool(average: bool, x: Any, pool_size: Any, strides: Any, padding: Any, data_format: str, out: Any) -> np.ndarray:
    number = _args.PLAIN_FLOAT_IDS.get(x.dtype) if type(x) is np.ndarray and x.ndim == 4 else None
    if number is not None and _are_plain(pool_size, strides, padding, data_format):
        call, shape = _call(average, x.shape, number, pool_size, strides, padding, data_format)
        y = _args.plain_output(out, shape, x.dtype)
        if y is not None and _core.call_directly(call, x, y):
            return y
    x = _args.float_array(x, "x", 4)
    geometry = Geometry(average, x.shape, x.dtype, pool_size, strides, padding, data_format)
    y, returned = _args.output(out, geometry.output_shape, x.dtype, (x,))
    geometry.core.forward(_args.buffer(x), _args.buffer(y))
    return _args.finish(y, returned)


def max_pool2d(
    x: ArrayLike,
    pool_size: Ints = 2,
    *,
    strides: Ints | None = None,
    padding: PaddingLike = "valid",
    data_format: str = "channels_last",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The maximum of each window.

    Parameters
    ----------
    x : array_like
        (n, h, w, c), or (n, c, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or float64.
    pool_size : int or two ints
        Height and width of the window.
    strides : int or two ints, optional
        Rows and columns from one window to the next; `pool_size` by default.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        Less than the window on each side; 'same' puts the odd cell at the bottom and right. Padded cells never win.
    data_format : {'channels_last', 'channels_first'}
        Both are read as they lie.
    out : numpy.ndarray, optional
        Where the result goes.

    Returns
    -------
    numpy.ndarray
        (n, out_h, out_w, c) or (n, c, out_h, out_w), of x's dtype. NaN in a window gives NaN.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or the window is larger than the padded image, which Keras' layers refuse as
        well; of an image without rows or columns the result is empty.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> fastconv.max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _pool(False, x, pool_size, strides, padding, data_format, out)


def avg_pool2d(
    x: ArrayLike,
    pool_size: Ints = 2,
    *,
    strides: Ints | None = None,
    padding: PaddingLike = "valid",
    data_format: str = "channels_last",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The mean of each window, padded cells not counted; arguments as in `max_pool2d`.

    Half types are summed in float32; a sum is taken row by row of the window, which keeps its error small.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> fastconv.avg_pool2d(np.arange(9.0).reshape(1, 3, 3, 1), padding="same")[0, :, :, 0]
    array([[2. , 3.5],
           [6.5, 8. ]])
    """
    return _pool(True, x, pool_size, strides, padding, data_format, out)


def max_pool2d_grad(
    x: ArrayLike,
    dy: ArrayLike,
    pool_size: Ints = 2,
    *,
    strides: Ints | None = None,
    padding: PaddingLike = "valid",
    data_format: str = "channels_last",
    ties: str = "first",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of `max_pool2d` with respect to `x`.

    The first maximum of a window, row by row, takes the window's ``dy``, as in TensorFlow, or all do; where windows
    overlap the contributions add up. NaN is no maximum, save as the first cell of a window.

    Parameters
    ----------
    x : array_like
        The input of `max_pool2d`.
    dy : array_like
        Gradient of its output, of the output's shape and x's dtype.
    pool_size, strides, padding, data_format
        As in `max_pool2d`.
    ties : {'first', 'all'}
        'all' gives the whole ``dy`` of a window to each of its maxima, as networks written on NumPy have it that
        compare windows with their maximum. It is computed with NumPy, and slower. NaN is no maximum.
    out : numpy.ndarray, optional
        Where the result goes.

    Returns
    -------
    numpy.ndarray
        Of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> x = np.array([[1.0, 3.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    >>> fastconv.max_pool2d_grad(x, np.full((1, 1, 1, 1), 5.0))[0, :, :, 0]
    array([[0., 5.],
           [0., 0.]])
    """
    x, dy = _args.float_array(x, "x", 4), _args.float_array(dy, "dy", 4)
    _args.same_dtype({"x": x, "dy": dy})
    geometry = Geometry(False, x.shape, x.dtype, pool_size, strides, padding, data_format)
    geometry.check_dy(dy)
    dx, returned = _args.output(out, x.shape, x.dtype, (x, dy))
    if _args.choice(ties, "ties", ("first", "all")) == "first":
        geometry.core.grad(_args.buffer(x), _args.buffer(dy), _args.buffer(dx))
    else:
        y = np.empty(geometry.output_shape, x.dtype)
        geometry.core.forward(_args.buffer(x), _args.buffer(y))
        to_all_maxima(x, y, dy, pool_size, strides, padding, data_format, dx)
    return _args.finish(dx, returned)


def avg_pool2d_grad(
    dy: ArrayLike,
    x_shape: Sequence[SupportsIndex],
    pool_size: Ints = 2,
    *,
    strides: Ints | None = None,
    padding: PaddingLike = "valid",
    data_format: str = "channels_last",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of `avg_pool2d` with respect to its input: each window's ``dy`` shared evenly among its cells.

    Parameters
    ----------
    dy : array_like
        Gradient of the output of `avg_pool2d`, four-dimensional.
    x_shape : four ints
        Shape of the input of `avg_pool2d`.
    pool_size, strides, padding, data_format
        As in `max_pool2d`.
    out : numpy.ndarray, optional
        Where the result goes.

    Returns
    -------
    numpy.ndarray
        Of shape `x_shape` and dy's dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> fastconv.avg_pool2d_grad(np.full((1, 1, 1, 1), 8.0), (1, 2, 2, 1))[0, :, :, 0]
    array([[2., 2.],
           [2., 2.]])
    """
    dy, shape = _args.float_array(dy, "dy", 4), _args.four_sizes(x_shape, "x_shape")
    geometry = Geometry(True, shape, dy.dtype, pool_size, strides, padding, data_format)
    geometry.check_dy(dy)
    dx, returned = _args.output(out, shape, dy.dtype, (dy,))
    geometry.core.grad(None, _args.buffer(dy), _args.buffer(dx))
    return _args.finish(dx, returned)
