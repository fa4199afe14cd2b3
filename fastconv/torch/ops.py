"""The functions on tensors: arguments checked and put in the form the operations take."""

from __future__ import annotations

from typing import Any

from .. import _args
from . import _convolution, _dense, _elementwise, _fused, _pooling
from ._arguments import check, large_size, operands, pool_window, split_activation, window_of

__all__ = ["avg_pool2d", "conv2d", "conv2d_pool2d", "conv2d_transpose", "dense", "max_pool2d"]


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """2-D convolution with optional bias and activation, as `fastconv.conv2d`.

    Parameters
    ----------
    x : torch.Tensor
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or
        float64. Read where it lies, also where its memory has the other order of axes (`torch.channels_last`); the
        result then has that order too.
    kernel : torch.Tensor
        (k_h, k_w, c_in // groups, c_out), of x's dtype: ``weight.permute(2, 3, 1, 0)`` of `torch.nn.Conv2d`. Where the
        sizes of the weight itself, (c_out, c_in // groups, k_h, k_w), fit as they are, nothing tells.
    bias : torch.Tensor, optional
        (c_out,), of x's dtype.
    strides, dilation_rate : int or two ints
        May be combined.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        'same' puts the odd cell at the bottom and right.
    groups : int
        Divides c_in and c_out.
    data_format : {'channels_last', 'channels_first'}
    activation : str, optional
        A name of `fastconv.nn.activations.ACTIVATIONS`; `alpha` is its parameter where it has one. Computed with the
        convolution where its output tells its gradient ('relu', 'tanh', ...), else after it.

    Returns
    -------
    torch.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these, or shapes do not fit.

    Notes
    -----
    Differentiable any number of times, in reverse and forward mode and by `torch.func`; the gradients that are wanted
    are computed together. Under `torch.autocast` the operands get its dtype. Threads are fastconv's, not
    `torch.set_num_threads`'.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.conv2d(torch.ones(1, 4, 4, 1), torch.ones(3, 3, 1, 1))[0, :, :, 0]
    tensor([[9., 9.],
            [9., 9.]])
    >>> layer = torch.nn.Conv2d(3, 8, 3, padding=1)
    >>> x = torch.randn(2, 3, 16, 16)
    >>> y = ft.conv2d(x, layer.weight.permute(2, 3, 1, 0), layer.bias, padding="same", data_format="channels_first")
    >>> torch.allclose(y, layer(x), atol=1e-5)
    True
    """
    x, kernel, bias = operands(x, kernel, bias, axis=3)
    window, after = window_of(strides, padding, dilation_rate, groups, data_format, activation, alpha)
    y = _convolution.conv2d(x, kernel, bias, *window)
    return _elementwise.activation(y, *after) if after else y


def conv2d_pool2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    pool: str = "max",
    pool_size: Any = 2,
    pool_strides: Any = None,
    pool_padding: str = "valid",
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """`conv2d`, then `max_pool2d` or `avg_pool2d`, as `fastconv.conv2d_pool2d`.

    Where no gradient is wanted, both are computed in one pass, and what is pooled is never whole in memory.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`.
    pool : {'max', 'avg'}
    pool_size, pool_strides, pool_padding
        `pool_size`, `strides` and `padding` of `max_pool2d`.

    Returns
    -------
    torch.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d` and `max_pool2d`.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.conv2d_pool2d(torch.ones(1, 6, 6, 1), torch.ones(3, 3, 1, 1))[0, :, :, 0]
    tensor([[9., 9.],
            [9., 9.]])
    """
    x, kernel, bias = operands(x, kernel, bias, axis=3)
    window, after = window_of(strides, padding, dilation_rate, groups, data_format, activation, alpha)
    how = (
        _args.choice(pool, "pool", ("max", "avg")) == "avg",
        *pool_window(pool_size, pool_strides, pool_padding, data_format),
    )
    if not after:
        return _fused.conv2d_pool2d(x, kernel, bias, window, how)
    return _pooling.pool2d(_elementwise.activation(_convolution.conv2d(x, kernel, bias, *window), *after), *how)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    dilation_rate: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """Transposed 2-D convolution with optional bias and activation, as `fastconv.conv2d_transpose`.

    Parameters
    ----------
    x : torch.Tensor
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``.
    kernel : torch.Tensor
        (k_h, k_w, c_out, c_in): ``weight.permute(2, 3, 1, 0)`` of `torch.nn.ConvTranspose2d`.
    bias : torch.Tensor, optional
        (c_out,).
    padding : 'valid' or 'same'
    output_padding : int or two ints, each less than the stride, optional
        By default the result is `strides` times as large as `x` with 'same', and at least that with 'valid'.
    strides, dilation_rate, data_format, activation, alpha
        As in `conv2d`.

    Returns
    -------
    torch.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.conv2d_transpose(torch.ones(1, 2, 2, 1), torch.ones(2, 2, 1, 1), strides=2).shape
    torch.Size([1, 4, 4, 1])
    """
    _args.choice(padding, "padding", ("valid", "same"))
    x, kernel, bias = operands(x, kernel, bias, axis=2)
    window, after = window_of(strides, padding, dilation_rate, 1, data_format, activation, alpha)
    size = large_size(tuple(x.shape), tuple(kernel.shape), strides, padding, output_padding, dilation_rate, data_format)
    y = _convolution.conv2d_transpose(x, kernel, bias, size, *window)
    return _elementwise.activation(y, *after) if after else y


def dense(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: float = 0.0) -> Any:
    """Matrix product with optional bias and activation, as `fastconv.dense`.

    Parameters
    ----------
    x : torch.Tensor
        (..., inputs); float16, bfloat16, float32 or float64.
    kernel : torch.Tensor
        (inputs, outputs), of x's dtype: ``weight.T`` of `torch.nn.Linear`.
    bias : torch.Tensor, optional
        (outputs,).
    activation, alpha
        As in `conv2d`.

    Returns
    -------
    torch.Tensor
        (..., outputs).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these, or shapes do not fit.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.dense(torch.ones(1, 3), torch.ones(3, 2), activation="relu")
    tensor([[3., 3.]])
    """
    x, kernel, bias = operands(x, kernel, bias, axis=1, rank=None)
    if not x.ndim or x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"`kernel` must have a row for each number in the last axis of `x` of shape {tuple(x.shape)}; "
            f"received shape {tuple(kernel.shape)}"
        )
    fused, after = split_activation(activation, alpha)
    y = _dense.dense(x if x.ndim == 2 else x.flatten(0, -2) if x.ndim > 2 else x[None], kernel, bias, *fused)
    y = y if x.ndim == 2 else y.reshape(*x.shape[:-1], kernel.shape[1])
    return _elementwise.activation(y, *after) if after else y


def max_pool2d(
    x: Any, pool_size: Any = 2, *, strides: Any = None, padding: str = "valid", data_format: str = "channels_last"
) -> Any:
    """Maxima of windows, as `fastconv.max_pool2d`: padded cells never win, NaN does.

    Parameters
    ----------
    x : torch.Tensor
        (n, h, w, c), or (n, c, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or float64.
    pool_size : int or two ints
    strides : int or two ints, optional
        `pool_size` by default.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        Smaller than the window.
    data_format : {'channels_last', 'channels_first'}

    Returns
    -------
    torch.Tensor
        (n, out_h, out_w, c) or (n, c, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.max_pool2d(torch.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    tensor([3.])
    """
    return _pool(x, False, pool_size, strides, padding, data_format)


def avg_pool2d(
    x: Any, pool_size: Any = 2, *, strides: Any = None, padding: str = "valid", data_format: str = "channels_last"
) -> Any:
    """Means of windows, as `fastconv.avg_pool2d`: padded cells are not counted. Arguments as in `max_pool2d`.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.avg_pool2d(torch.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    tensor([1.5000])
    """
    return _pool(x, True, pool_size, strides, padding, data_format)


def _pool(x: Any, average: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    check(x, "x", 4)
    return _pooling.pool2d(x, average, *pool_window(pool_size, strides, padding, data_format))
