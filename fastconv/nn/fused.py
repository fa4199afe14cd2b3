"""A convolution and the pooling after it, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

from .. import _args
from . import pooling
from .convolution import Keywords, float_operands

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from .._typing import Ints, PaddingLike

__all__ = ["conv2d_pool2d"]


def conv2d_pool2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    pool: str = "max",
    pool_size: Ints = 2,
    pool_strides: Ints | None = None,
    pool_padding: PaddingLike = "valid",
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    dilation_rate: Ints = 1,
    groups: SupportsIndex = 1,
    data_format: str = "channels_last",
    activation: str | None = None,
    algorithm: str = "auto",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """`conv2d`, then `max_pool2d` or `avg_pool2d` of its result, which is never whole in memory.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, algorithm
        As in `conv2d`, in float16, bfloat16, float32 or float64.
    pool : {'max', 'avg'}
    pool_size, pool_strides, pool_padding
        `pool_size`, `strides` and `padding` of `max_pool2d`.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.

    Returns
    -------
    ndarray, shape (n, out_h, out_w, c_out), or (n, c_out, out_h, out_w)
        Of x's dtype; within rounding what the two calls one after the other give.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed or shapes do not fit.

    Notes
    -----
    Rows of windows are computed a band at a time, from a piece of the convolution that stays in the L2 cache.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, kernel = np.arange(36, dtype=np.float32).reshape(1, 6, 6, 1), np.ones((3, 3, 1, 1), np.float32)
    >>> fastconv.conv2d_pool2d(x, kernel)[0, :, :, 0]
    array([[126., 144.],
           [234., 252.]], dtype=float32)
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation, algorithm)
    _args.choice(pool, "pool", ("max", "avg"))
    x, kernel, bias = float_operands(x, kernel, bias)
    convolution, shape = keywords.geometry(x.dtype, x.shape, kernel.shape)
    windows = pooling.Geometry(pool == "avg", shape, x.dtype, pool_size, pool_strides, pool_padding, data_format)
    y, returned = _args.output(out, windows.output_shape, x.dtype, (x, kernel, bias))
    convolution.forward_pooled(windows.core, *map(_args.buffer, (x, kernel, bias, y)))
    return _args.finish(y, returned)
