"""2-D convolution with bias and activation, and transposed convolution."""

from __future__ import annotations

import functools
from typing import Any

from .. import _args
from ..nn.convolution import Keywords
from ..nn.transpose import output_shape
from . import _checks, _convolution, activations
from ._convolution import Conv2D


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """2-D convolution with optional bias and activation, as `fastconv.conv2d`.

    Parameters
    ----------
    x : jax.Array
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or
        float64.
    kernel : jax.Array
        (k_h, k_w, c_in // groups, c_out), of x's dtype. A kernel in PyTorch's order,
        (c_out, c_in // groups, k_h, k_w), has to be transposed by (2, 3, 1, 0): where its sizes fit as they are,
        nothing tells.
    bias : jax.Array, optional
        (c_out,), of x's dtype.
    strides, dilation_rate : int or two ints
        May be combined.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        'same' puts the odd cell at the bottom and right.
    groups : int
        Divides c_in and c_out.
    data_format : {'channels_last', 'channels_first'}
    activation : str, optional
        One of Keras' names that `fastconv.nn.activations.ACTIVATIONS` lists; `alpha` is its parameter where it has one.

    Returns
    -------
    jax.Array
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these, or shapes do not fit.

    Notes
    -----
    Under `jax.jit` each device computes its part of a batch that lies on several; an array cut along another axis is
    gathered first.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.conv2d(jnp.ones([1, 4, 4, 1]), jnp.ones([3, 3, 1, 1]))[0, :, :, 0]
    Array([[9., 9.],
           [9., 9.]], dtype=float32)
    >>> jax.grad(lambda x: fj.conv2d(x, jnp.ones([3, 3, 1, 1])).sum())(jnp.ones([1, 4, 4, 1]))[0, :, :, 0]
    Array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]], dtype=float32)
    """
    x, kernel, bias = _checks.operands(_checks.array(x, "x", 4), _checks.array(kernel, "kernel", 4), bias, 3)
    spec = _spec(
        x.shape,
        kernel.shape,
        x.dtype,
        _checks.frozen(strides),
        _checks.frozen(padding),
        _checks.frozen(dilation_rate),
        groups,
        data_format,
    )
    number, alpha = activations.named(activation, alpha)
    fuses = activations.has_output_gradient(number, alpha)
    if fuses:
        spec = spec._replace(activation=number, alpha=alpha)
    y = _convolution.forward(x, kernel, bias, spec)
    return y if fuses else activations.activation_of(y, number, alpha)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    dilation_rate: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """Transposed 2-D convolution, as `fastconv.conv2d_transpose`.

    Parameters
    ----------
    x : jax.Array
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``.
    kernel : jax.Array
        (k_h, k_w, c_out, c_in), of x's dtype.
    bias : jax.Array, optional
        (c_out,), of x's dtype.
    output_padding : int or two ints, each less than the stride, optional
        Rows and columns of the result beyond those that the windows must cover. By default, with ``'same'``, the
        result is `strides` times as large as `x`, and with ``'valid'`` at least that.
    strides, padding, dilation_rate, data_format, activation, alpha
        As in `conv2d`, of the convolution that this one is the transpose of.

    Returns
    -------
    jax.Array
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if no convolution takes the result's size to that of `x`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.conv2d_transpose(jnp.ones([1, 2, 2, 1]), jnp.ones([2, 2, 1, 1]), strides=2).shape
    (1, 4, 4, 1)
    """
    x, kernel, bias = _checks.operands(_checks.array(x, "x", 4), _checks.array(kernel, "kernel", 4), bias, 2)
    padding = _args.choice(padding, "padding", ("valid", "same"))
    keywords = Keywords(strides, padding, dilation_rate, 1, data_format)
    shape = output_shape(x.shape, kernel.shape, keywords, output_padding)
    spec = _spec(shape, kernel.shape, x.dtype, keywords.strides, padding, keywords.dilation, 1, data_format)
    if spec.y_shape != x.shape:
        raise ValueError(
            f"`output_padding` must leave `x` the shape that a convolution of the result, {shape}, has: "
            f"{spec.y_shape}; received {output_padding} for `x` of shape {x.shape}"
        )
    y = _convolution.to_input(x, kernel, spec)
    if bias is not None:
        y += bias if data_format == "channels_last" else bias[:, None, None]
    return activations.activation_of(y, *activations.named(activation, alpha))


@functools.lru_cache(4096)
def _spec(
    x_shape: Any,
    kernel_shape: Any,
    dtype: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    data_format: Any,
) -> Conv2D:
    keywords = Keywords(strides, padding, dilation, groups, data_format)
    window = [(k - 1) * d + 1 for k, d in zip(kernel_shape[:2], keywords.dilation, strict=True)]
    keywords.geometry(dtype, _checks.concrete(x_shape, window, data_format), kernel_shape)
    padding = padding.lower() if isinstance(padding, str) else padding
    return Conv2D(x_shape, kernel_shape, keywords.strides, keywords.dilation, padding, keywords.groups, data_format)
