"""Elementwise activations and softmax on tensors: arguments checked and put in the form the operations take."""

from __future__ import annotations

from typing import Any

from .. import _args
from ..nn.activations import ACTIVATIONS
from ..nn.rectifiers import rectifier
from . import _elementwise
from ._arguments import activation_of, check

__all__ = ["activation", "relu", "softmax"]


def activation(x: Any, activation: Any, alpha: float = 0.0) -> Any:
    """An elementwise activation.

    Parameters
    ----------
    x : torch.Tensor
        Any shape; float16, bfloat16, float32 or float64.
    activation : str
        A name of `fastconv.nn.activations.ACTIVATIONS`.
    alpha : float
        The slope of 'leaky_relu', the scale of 'elu'; others have no parameter.

    Returns
    -------
    torch.Tensor
        Of x's shape and dtype; `x` itself for 'linear'.

    Raises
    ------
    ValueError, TypeError
        If `activation` is unknown or x is not of these dtypes.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.activation(torch.tensor([-1.0, 2.0]), "relu")
    tensor([0., 2.])
    """
    check(x, "x")
    number, alpha = activation_of(activation, alpha)
    return _elementwise.activation(x, number, alpha) if number else x


def relu(x: Any, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """`keras.activations.relu`, as `fastconv.relu`.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.relu(torch.tensor([-1.0, 0.5, 2.0]), negative_slope=0.5, max_value=1.5)
    tensor([-0.5000,  0.5000,  1.5000])
    """
    check(x, "x")
    name, parameters = rectifier(negative_slope, max_value, threshold)
    if name:
        return _elementwise.activation(x, ACTIVATIONS[name], parameters)
    return _elementwise.relu(x, *parameters)


def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) over its sum along `axis`, as `torch.softmax`, or along several axes, as `keras.ops.softmax`.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.softmax(torch.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    >>> ft.softmax(torch.zeros(1, 2, 2), axis=(1, 2))
    tensor([[[0.2500, 0.2500],
             [0.2500, 0.2500]]])
    """
    check(x, "x")
    axes = _args.axes(axis, x.ndim)
    if len(axes) == 1:
        return _elementwise.softmax(x, axes[0])
    order, begin, end = _args.side_by_side(axes, x.shape)
    moved = x if order is None else x.permute(order)
    y = _elementwise.softmax(moved.flatten(begin, end - 1), begin).unflatten(begin, moved.shape[begin:end])
    return y if order is None else y.permute([order.index(a) for a in range(len(order))])
