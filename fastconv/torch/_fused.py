"""A convolution and the pooling after it, in one pass."""

from __future__ import annotations

from typing import Any

from . import _convolution, _pooling
from ._library import is_unobserved
from ._memory import address, dense, empty

__all__ = ["conv2d_pool2d"]


def conv2d_pool2d(x: Any, kernel: Any, bias: Any, window: Any, how: Any) -> Any:
    """`window` is what conv2d has, `how` what pool2d has; two operations where anybody has to see them."""
    if not is_unobserved(x, kernel, bias):
        return _pooling.pool2d(_convolution.conv2d(x, kernel, bias, *window), *how)
    channels_first = window[4]
    x, planes = dense(x, channels_first, kernel)
    convolution, shape = _convolution.geometry(x, planes, kernel, *window)
    pooling, shape = _pooling.geometry(x.dtype, shape, planes, *how)
    kernel, y = kernel.contiguous(), empty(x, shape, channels_first, planes)
    bias = None if bias is None else bias.contiguous()
    convolution.forward_pooled(pooling, *map(address, (x, kernel, bias, y)))
    return y
