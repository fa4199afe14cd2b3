"""Functions of `torch.nn.functional` with torch's names, arguments and defaults, on fastconv's kernels.

What no kernel serves is left to torch: other dtypes and devices, tensor subclasses, autocast, arguments without a
kernel, empty tensors. So are wrong arguments, whose errors are torch's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import has_torch_function

from ... import _core
from .. import _convolution, _elementwise, _pooling
from .._arguments import activation_of, refusal
from .._library import is_unobserved
from .._memory import DTYPES, address, is_channels_last
from ._fallback import Unserved, or_torch
from ._windows import LINEAR, conv_window, hwio, pads_of, pair

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "leaky_relu",
    "linear",
    "max_pool2d",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


def takes(*tensors: Any) -> bool:
    """Whether the kernels take these tensors, of one dtype and none of them empty."""
    first = tensors[0]
    return (
        not has_torch_function(tensors)
        and not torch.is_autocast_enabled("cpu")
        and all(
            t is None or (refusal(t) is None and t.dtype is first.dtype and t.numel() and t.device == first.device)
            for t in tensors
        )
    )


def as_images(input: Any, rank: int) -> torch.Tensor:
    """The input with a batch and two spatial axes."""
    if input.ndim not in (rank + 1, rank + 2):
        raise Unserved
    x = input if input.ndim == rank + 2 else input[None]
    result: torch.Tensor = x if rank == 2 else x.unsqueeze(2)
    return result


def as_given(y: Any, input: Any, rank: int) -> torch.Tensor:
    y = y if rank == 2 else y.squeeze(2)
    result: torch.Tensor = y if input.ndim == rank + 2 else y[0]
    return result


def _conv(input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any, rank: int) -> Any:
    if weight.ndim != rank + 2 or not takes(input, weight, bias):
        raise Unserved
    window = conv_window(weight, stride, padding, dilation, groups)
    x = as_images(input, rank)
    if rank == 2 and is_channels_last(weight):
        x = x.contiguous(memory_format=torch.channels_last)
    # The kernel is copied once, not by the operation and again by its gradient's.
    return as_given(_convolution.conv2d(x, hwio(weight).contiguous(), bias, *window), input, rank)


@or_torch(F.conv1d)
def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
) -> Any:
    """: numbers or 'same' or 'valid' for `padding`; batched or not."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 1)


@or_torch(F.conv2d)
def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
) -> Any:
    """: numbers or 'same' or 'valid' for `padding`; batched or not; `torch.channels_last` where torch has it."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 2)


def _conv_transpose(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
    rank: int,
) -> Any:
    if groups != 1 or weight.ndim != rank + 2 or not takes(input, weight, bias):
        raise Unserved
    strides, dilations, extra = pair(stride, rank), pair(dilation, rank), pair(output_padding, rank)
    extra = extra if rank == 2 else (0, extra[1])
    pads, x = pads_of(padding, rank), as_images(input, rank)
    taps = (1,) * (2 - rank) + tuple(weight.shape[2:])
    size = [
        (cells - 1) * step - 2 * pad + (tap - 1) * reach + more + 1
        for cells, step, pad, tap, reach, more in zip(
            x.shape[2:], strides, pads[::2], taps, dilations, extra, strict=True
        )
    ]
    if min(size) < 1:
        raise Unserved
    kernel = hwio(weight).contiguous()
    y = _convolution.conv2d_transpose(x, kernel, bias, size, strides, pads, dilations, 1, True, *LINEAR)
    return as_given(y, input, rank)


@or_torch(F.conv_transpose1d)
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> Any:
    """: of one group."""
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


@or_torch(F.conv_transpose2d)
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: Any = 1,
    dilation: Any = 1,
) -> Any:
    """: of one group."""
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


@or_torch(F.linear)
def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """: without gradients, of a weight that is read as it lies."""
    if weight.ndim != 2 or not input.ndim or input.shape[-1] != weight.shape[1] or not takes(input, weight, bias):
        raise Unserved
    if not is_unobserved(input, weight, bias) or not weight.is_contiguous():
        raise Unserved
    rows = input.reshape(-1, weight.shape[1]).contiguous()
    y = rows.new_empty(len(rows), weight.shape[0])
    # The gradient of the input of a layer whose kernel is the weight is the product with the weight's transpose.
    layer = _core.Dense(DTYPES[rows.dtype], len(rows), *weight.shape)
    layer.grads(None, address(weight), None, address(rows), address(y), None, None)
    if bias is not None:
        y += bias
    return y.reshape(*input.shape[:-1], weight.shape[0])


def _pool(input: Any, average: bool, window: Any, stride: Any, pads: Any) -> Any:
    if not takes(input) or min(stride) < 1:
        raise Unserved
    x = as_images(input, 2)
    return as_given(_pooling.pool2d(x, average, window, stride, pads, True), input, 2)


def _rounded_up(size: int, window: int, stride: int, padding: int) -> int:
    """The pads behind with which the last windows fit that begin before the pads."""
    count = -(-(size + 2 * padding - window) // stride) + 1
    if (count - 1) * stride >= size + padding:
        count -= 1
    return max(padding, (count - 1) * stride + window - size - padding)


@or_torch(F.max_pool2d)
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: Any = False,
    return_indices: Any = False,
) -> Any:
    """: without `return_indices`, of windows without dilation."""
    window = pair(kernel_size)
    strides = pair(kernel_size if stride is None or stride == [] else stride)
    top, left = pair(padding)
    if return_indices or pair(dilation) != (1, 1) or 2 * top > window[0] or 2 * left > window[1]:
        raise Unserved
    behind: tuple[int, ...] = (top, left)
    if ceil_mode:
        behind = tuple(map(_rounded_up, input.shape[-2:], window, strides, (top, left)))
        if any(cells >= taps for cells, taps in zip(behind, window, strict=True)):
            raise Unserved
    return _pool(input, False, window, strides, (top, behind[0], left, behind[1]))


@or_torch(F.avg_pool2d)
def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """: where no padded cells are counted, without `ceil_mode` and `divisor_override`."""
    window = pair(kernel_size)
    top, left = pair(padding)
    if ceil_mode or divisor_override is not None or (count_include_pad and (top or left)):
        raise Unserved
    if 2 * top > window[0] or 2 * left > window[1]:
        raise Unserved
    strides = pair(kernel_size if stride is None or stride == [] else stride)
    return _pool(input, True, window, strides, (top, top, left, left))


def _adaptive(input: Any, average: bool, output_size: Any) -> Any:
    """Windows of one size, which there are where the input's is a multiple of the result's."""
    if input.ndim not in (3, 4):
        raise Unserved
    wanted = (output_size,) * 2 if isinstance(output_size, int | None) else tuple(output_size)
    wanted = tuple(size if cells is None else cells for cells, size in zip(wanted, input.shape[-2:], strict=True))
    if any(cells < 1 or size % cells for cells, size in zip(wanted, input.shape[-2:], strict=True)):
        raise Unserved
    window = tuple(size // cells for cells, size in zip(wanted, input.shape[-2:], strict=True))
    return _pool(input, average, window, window, (0, 0, 0, 0))


@or_torch(F.adaptive_avg_pool2d)
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """: where the input's sizes are multiples of the result's."""
    return _adaptive(input, True, output_size)


@or_torch(F.adaptive_max_pool2d)
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """: where the input's sizes are multiples of the result's, without `return_indices`."""
    if return_indices:
        raise Unserved
    return _adaptive(input, False, output_size)


def _activation(input: Any, name: str, alpha: float = 0.0, inplace: bool = False) -> Any:
    if inplace or not takes(input):
        raise Unserved
    return _elementwise.activation(input, *activation_of(name, alpha))


@or_torch(F.relu)
def relu(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "relu", inplace=inplace)


@or_torch(F.relu6)
def relu6(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "relu6", inplace=inplace)


@or_torch(F.leaky_relu)
def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    return _activation(input, "leaky_relu", float(negative_slope), inplace)


@or_torch(F.elu)
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    return _activation(input, "elu", float(alpha), inplace)


@or_torch(F.selu)
def selu(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "selu", inplace=inplace)


@or_torch(F.silu)
def silu(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "silu", inplace=inplace)


@or_torch(F.mish)
def mish(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "mish", inplace=inplace)


@or_torch(F.hardswish)
def hardswish(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "hard_silu", inplace=inplace)


@or_torch(F.hardsigmoid)
def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    return _activation(input, "hard_sigmoid", inplace=inplace)


@or_torch(F.gelu)
def gelu(input: Any, approximate: str = "none") -> Any:
    if approximate not in ("none", "tanh"):
        raise Unserved
    return _activation(input, "gelu" if approximate == "none" else "gelu_tanh")


@or_torch(F.softplus)
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """: of beta 1; it is not cut off at a threshold of 20 or more, where both are the same but for rounding."""
    if beta != 1 or threshold < 20:
        raise Unserved
    return _activation(input, "softplus")


@or_torch(torch.sigmoid)
def sigmoid(input: Any) -> Any:
    return _activation(input, "sigmoid")


@or_torch(torch.tanh)
def tanh(input: Any) -> Any:
    return _activation(input, "tanh")


@or_torch(F.softmax)
def softmax(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any:
    """: with `dim` and without `dtype`."""
    if dim is None or dtype is not None or not takes(input) or not -input.ndim <= dim < input.ndim:
        raise Unserved
    return _elementwise.softmax(input, dim % input.ndim)
