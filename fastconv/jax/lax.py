"""`jax.lax.conv_general_dilated` and `jax.lax.reduce_window`, with their signatures, on fastconv's kernels.

What no kernel serves is left to JAX, so that a program may call these in the place of JAX's.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from . import _checks, _general, convolution, pooling

__all__ = ["conv_general_dilated", "reduce_window"]

_PRECISIONS = (None, lax.Precision.DEFAULT, lax.Precision.HIGH, lax.Precision.HIGHEST)


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any = None,
    rhs_dilation: Any = None,
    dimension_numbers: Any = None,
    feature_group_count: Any = 1,
    batch_group_count: Any = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Any:
    """`jax.lax.conv_general_dilated`: any convolution with strides and dilations of both arguments.

    Parameters
    ----------
    lhs, rhs : jax.Array
        Images and kernels, with their axes in the order that `dimension_numbers` tells.
    window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count, batch_group_count, \
precision, preferred_element_type, out_sharding
        As in `jax.lax.conv_general_dilated`.

    Returns
    -------
    jax.Array
        As `jax.lax.conv_general_dilated` returns it.

    Raises
    ------
    ValueError, TypeError
        As `jax.lax.conv_general_dilated`.

    Notes
    -----
    fastconv computes one and two spatial dimensions of float16, bfloat16, float32 and float64 with axes in the order
    NHWC or NCHW (NWC, NCW) for images and results, kernels in any order, and strides with dilated kernels, or dilated
    images with strides of 1 (transposed convolutions). JAX computes the rest: other orders and ranks, negative padding,
    strides with dilated images, `batch_group_count`, results of another dtype, and mixed dtypes.

    A dilated image is not made: its convolution is the gradient of a strided one for its input [1]_.

    References
    ----------
    .. [1] Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from fastconv.jax import lax
    >>> x, kernel = jnp.ones([1, 1, 4, 4]), jnp.ones([1, 1, 3, 3])
    >>> lax.conv_general_dilated(x, kernel, (1, 1), "VALID")[0, 0]
    Array([[9., 9.],
           [9., 9.]], dtype=float32)
    >>> lax.conv_general_dilated(x, kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2)).shape
    (1, 1, 9, 9)
    """
    lhs, rhs = jnp.asarray(lhs), jnp.asarray(rhs)
    served = None
    if batch_group_count == 1 and out_sharding is None and precision in _PRECISIONS and lhs.ndim in (3, 4):
        kept = preferred_element_type is None or jnp.dtype(preferred_element_type) == lhs.dtype
        if lhs.dtype == rhs.dtype and kept and _checks.refusal(lhs) is None:
            served = _general.served(
                lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count
            )
    if served is None:
        return lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation,
            rhs_dilation,
            dimension_numbers,
            feature_group_count,
            batch_group_count,
            precision,
            preferred_element_type,
            out_sharding,
        )
    x, kernel = served.arrays(lhs, rhs)
    y = served.dilated(x, kernel) if max(served.image_dilation) > 1 else served.strided(x, kernel)
    return y if lhs.ndim == 4 else jnp.squeeze(y, served.row)


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Any,
    window_dimensions: Any,
    window_strides: Any = None,
    padding: str = "VALID",
    base_dilation: Any = None,
    window_dilation: Any = None,
) -> Any:
    """`jax.lax.reduce_window`: what `computation` makes of each window's elements, beginning with `init_value`.

    Parameters
    ----------
    operand, init_value, computation, window_dimensions, window_strides, padding, base_dilation, window_dilation
        As in `jax.lax.reduce_window`.

    Returns
    -------
    jax.Array
        As `jax.lax.reduce_window` returns it.

    Raises
    ------
    ValueError, TypeError
        As `jax.lax.reduce_window`.

    Notes
    -----
    fastconv computes maxima (`jax.lax.max` from minus infinity) and sums (`jax.lax.add` from 0) over windows of the
    middle axes of (n, h, w, c) or the last two of (n, c, h, w), in float16, bfloat16, float32 and float64; a sum is a
    depthwise convolution with ones. JAX computes the rest: other windows and computations, dilations, trees, and
    windows that cover nothing but padding.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jax.lax import add, max
    >>> from fastconv.jax import lax
    >>> x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    >>> lax.reduce_window(x, -jnp.inf, max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").ravel()
    Array([ 5.,  7., 13., 15.], dtype=float32)
    >>> lax.reduce_window(x, 0.0, add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").ravel()
    Array([10., 18., 42., 50.], dtype=float32)
    """
    dilations = [tuple(d) for d in (base_dilation, window_dilation) if d is not None]
    served = None
    if isinstance(operand, jax.Array) and operand.ndim == 4 and all(max(d) == 1 for d in dilations):
        served = _served_window(operand, init_value, computation, window_dimensions, window_strides, padding)
    if served is None:
        return lax.reduce_window(
            operand, init_value, computation, window_dimensions, window_strides, padding, base_dilation, window_dilation
        )
    return served()


def _served_window(x: Any, start: Any, computation: Any, window: Any, strides: Any, padding: Any) -> Any:
    """A function without arguments that computes it, if a kernel does."""
    data_format = "channels_last" if window[-1] == 1 else "channels_first"
    strides = (1,) * 4 if strides is None else strides
    is_known = not isinstance(start, Tracer) and all(isinstance(size, int) and size for size in x.shape)
    if not is_known or not len(window) == len(strides) == 4 or _checks.refusal(x) is not None:
        return None
    pads = lax.padtype_to_pads(x.shape, window, strides, padding) if isinstance(padding, str) else padding
    pads = [(int(low), int(high)) for low, high in pads]
    spatial, other = (slice(1, 3), (0, 3)) if data_format == "channels_last" else (slice(2, 4), (0, 1))
    plain = all(window[i] == strides[i] == 1 and pads[i] == (0, 0) for i in other)
    window, strides, pads = (tuple(value[spatial]) for value in (window, strides, pads))
    covers = all(
        min(pad) >= 0 and max(pad) < taps and size + sum(pad) >= taps
        for pad, taps, size in zip(pads, window, x.shape[spatial], strict=True)
    )
    if not (plain and covers):
        return None
    keywords = {"strides": strides, "padding": pads, "data_format": data_format}
    if computation is lax.max and np.isneginf(float(start)):
        return lambda: pooling.max_pool2d(x, window, **keywords)
    if computation is lax.add and float(start) == 0:
        channels = x.shape[other[1]]
        ones = jnp.ones((*window, 1, channels), x.dtype)
        return lambda: convolution.conv2d(x, ones, groups=channels, **keywords)
    return None
