"""Convolutions with the batch normalization in inference, and the sum with another tensor, that follow them."""

from __future__ import annotations

from typing import Any

import torch

from . import _convolution, _elementwise
from ._arguments import check, operands, window_of
from ._normalized import conv2d_scaled

__all__ = ["conv2d_added", "conv2d_normalized"]

# What the core scales and adds in one pass.
_FULL = torch.float32, torch.float64


def conv2d_normalized(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    mean: Any,
    variance: Any,
    gamma: Any = None,
    beta: Any = None,
    epsilon: float = 1e-3,
    added: Any = None,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
) -> Any:
    """`conv2d`, its batch normalization with given moments, the sum with another tensor, and an activation.

    ``activation((conv2d(x, kernel, bias) - mean) * gamma / sqrt(variance + epsilon) + beta + added)``, in float32 and
    float64 in one pass. For inference: the moments are given.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`.
    mean, variance : torch.Tensor
        (c_out,), of x's dtype.
    gamma, beta : torch.Tensor, optional
        (c_out,), of x's dtype; 1 and 0.
    epsilon : float
        Added to the variance.
    added : torch.Tensor, optional
        Of the result's shape and dtype.

    Returns
    -------
    torch.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    References
    ----------
    .. [1] Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 2.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> x, kernel = torch.ones(1, 2, 2, 1), torch.ones(2, 2, 1, 2)
    >>> mean, variance = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 4.0])
    >>> ft.conv2d_normalized(x, kernel, mean=mean, variance=variance, epsilon=0.0).ravel()
    tensor([4., 1.])
    """
    x, kernel, bias = operands(x, kernel, bias, axis=3)
    vectors = {"mean": mean, "variance": variance, "gamma": gamma, "beta": beta}
    mean, variance, gamma, beta = (_vector(vectors[name], name, kernel) for name in vectors)
    scale = torch.rsqrt(variance + epsilon)
    scale = scale if gamma is None else scale * gamma
    shift = (-mean if bias is None else bias - mean) * scale
    shift = shift if beta is None else shift + beta
    window = strides, padding, dilation_rate, groups, data_format, activation, alpha
    return _sums(x, kernel, scale, shift, _addend(added, x), window)


def conv2d_added(
    x: Any,
    kernel: Any,
    added: Any,
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
    """`conv2d`, the sum with another tensor, and an activation: ``activation(conv2d(x, kernel, bias) + added)``.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`.
    added : torch.Tensor
        Of the result's shape and dtype.

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
    >>> x, kernel = torch.ones(1, 2, 2, 1), torch.ones(2, 2, 1, 2)
    >>> ft.conv2d_added(x, kernel, torch.tensor([[[[1.0, -9.0]]]]), activation="relu").ravel()
    tensor([5., 0.])
    """
    x, kernel, bias = operands(x, kernel, bias, axis=3)
    window = strides, padding, dilation_rate, groups, data_format, activation, alpha
    return _sums(x, kernel, None, bias, _addend(added, x), window)


def _vector(values: Any, name: str, kernel: Any) -> Any:
    """A number for each output channel, in the dtype that the operands have (autocast may have given them another)."""
    if values is None:
        return None
    check(values, name, 1)
    if values.shape[0] != kernel.shape[3]:
        raise ValueError(f"`{name}` must have shape ({kernel.shape[3]},); received {tuple(values.shape)}")
    return _of_dtype(values, name, kernel)


def _addend(added: Any, x: Any) -> Any:
    if added is None:
        return None
    check(added, "added", 4)
    return _of_dtype(added, "added", x)


def _of_dtype(tensor: Any, name: str, like: Any) -> Any:
    if torch.is_autocast_enabled("cpu"):
        return tensor.to(like.dtype)
    if tensor.dtype is not like.dtype:
        raise TypeError(f"`{name}` must have the dtype of `x`, {like.dtype}; received {tensor.dtype}")
    return tensor


def _sums(x: Any, kernel: Any, scale: Any, shift: Any, added: Any, given: Any) -> Any:
    """``activation(conv2d(x, kernel) * scale + shift + added)``."""
    window, after = window_of(*given)
    if x.dtype in _FULL:
        y = conv2d_scaled(x, kernel, scale, shift, added, *window)
        return _elementwise.activation(y, *after) if after else y
    fused = after or window[5:]
    y = _convolution.conv2d(x, kernel, None, *window[:5], 0, 0.0)
    scale, shift = (t[:, None, None] if t is not None and window[4] else t for t in (scale, shift))
    y = y if scale is None else y * scale
    y = y if shift is None else y + shift
    if added is not None and added.shape != y.shape:
        raise ValueError(f"`added` must have the result's shape, {tuple(y.shape)}; received {tuple(added.shape)}")
    y = y if added is None else y + added
    return _elementwise.activation(y, *fused) if fused[0] else y
