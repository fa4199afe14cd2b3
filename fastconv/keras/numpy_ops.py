"""The functions for Keras' NumPy backend: those of `fastconv.nn`, with the words that every framework's have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _args, nn
from ..nn.activations import activation_id

__all__ = [
    "activation",
    "avg_pool2d",
    "conv2d",
    "conv2d_pool2d",
    "conv2d_transpose",
    "dense",
    "max_pool2d",
    "refusal",
    "relu",
    "softmax",
]

max_pool2d = nn.max_pool2d
avg_pool2d = nn.avg_pool2d
relu = nn.relu
softmax = nn.softmax

# Those whose parameter is not always the default's.
_WITH_PARAMETER: dict[str, Any] = {"leaky_relu": nn.leaky_relu, "elu": nn.elu}


def conv2d(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: float = 0.0, **window: Any) -> Any:
    """`fastconv.conv2d`, with the parameter of the activation."""
    return _activated(nn.conv2d, x, kernel, bias, activation, alpha, window)


def conv2d_transpose(
    x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: float = 0.0, **window: Any
) -> Any:
    """`fastconv.conv2d_transpose`, with the parameter of the activation."""
    return _activated(nn.conv2d_transpose, x, kernel, bias, activation, alpha, window)


def conv2d_pool2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    pool: Any,
    pool_size: Any,
    pool_strides: Any,
    pool_padding: Any,
    activation: Any = None,
    alpha: float = 0.0,
    **window: Any,
) -> Any:
    """`fastconv.conv2d_pool2d`, with the parameter of the activation."""
    if _is_default(activation, alpha):
        return nn.conv2d_pool2d(
            x,
            kernel,
            bias,
            pool=pool,
            pool_size=pool_size,
            pool_strides=pool_strides,
            pool_padding=pool_padding,
            activation=activation,
            **window,
        )
    y = conv2d(x, kernel, bias, activation=activation, alpha=alpha, **window)
    data_format = window.get("data_format", "channels_last")
    return {"max": max_pool2d, "avg": avg_pool2d}[pool](
        y, pool_size, strides=pool_strides, padding=pool_padding, data_format=data_format
    )


def dense(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: float = 0.0) -> Any:
    """`fastconv.dense` along the last axis, with the parameter of the activation."""
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return _activated(nn.dense, rows, kernel, bias, activation, alpha, {}).reshape(*x.shape[:-1], kernel.shape[1])


def _is_default(name: Any, alpha: Any) -> bool:
    return name not in _WITH_PARAMETER or activation_id(name)[1] == alpha


def _activated(convolve: Any, x: Any, kernel: Any, bias: Any, name: Any, alpha: Any, window: Any) -> Any:
    if _is_default(name, alpha):
        return convolve(x, kernel, bias, activation=name, **window)
    y = convolve(x, kernel, bias, **window)
    return _WITH_PARAMETER[name](y, alpha, out=y)


def activation(x: Any, activation: Any, alpha: Any = 0.0) -> Any:
    """An elementwise activation by name; `alpha` is the slope of 'leaky_relu', the scale of 'elu'."""
    if activation in _WITH_PARAMETER:
        return _WITH_PARAMETER[activation](x, alpha)
    number, _ = activation_id(activation)
    if not number:
        return x
    return nn.gelu(x, approximate=True) if activation == "gelu_tanh" else _BY_NUMBER[number](x)


_BY_NUMBER = {
    activation_id(name)[0]: getattr(nn, name)
    for name in nn.activations.ACTIVATIONS
    if name is not None and hasattr(nn, name)
}


def refusal(x: Any) -> str | None:
    """Why these functions cannot take `x`, in words; None if they can."""
    if not isinstance(x, np.ndarray):
        return f"the input is a {type(x).__name__}, not an array"
    return None if _args.dtype_id(x.dtype) in _args.FLOAT_IDS else f"no kernel for {x.dtype}"
