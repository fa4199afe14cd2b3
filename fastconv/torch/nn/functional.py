"""Functions of `torch.nn.functional` with torch's names, arguments and defaults, on fastconv's kernels.

What no kernel serves is left to torch: other dtypes and devices, tensor subclasses, autocast, arguments without a
kernel, empty tensors. So are wrong arguments, whose errors are torch's.
"""

from __future__ import annotations

import functools

import torch
from torch.nn import functional as F
from torch.overrides import has_torch_function

from ... import _core
from .. import _convolution, _elementwise, _pooling
from .._arguments import activation_of, refusal
from .._library import is_unobserved
from .._memory import DTYPES, address, is_channels_last

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

_LINEAR = 0, 0.0


def takes(*tensors) -> bool:
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


def _or_torch(stock):
    """What a function becomes that raises a ValueError or TypeError for what it does not serve: torch's computes it."""

    def decorate(function):
        @functools.wraps(stock)
        def either(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except (ValueError, TypeError):
                return stock(*args, **kwargs)

        either.__doc__ = f"`torch.nn.functional.{function.__name__}`{function.__doc__ or '.'}"
        either.__module__, either.__wrapped__ = __name__, function
        return either

    return decorate


class Unserved(ValueError):
    """torch computes this."""


def _pair(value, rank: int = 2) -> tuple[int, ...]:
    """An argument of windows as one number for each of two axes."""
    numbers = (value,) * rank if isinstance(value, int) else tuple(value)
    numbers = numbers * rank if len(numbers) == 1 else numbers
    if len(numbers) != rank or not all(isinstance(number, int) for number in numbers):
        raise Unserved
    return (1,) * (2 - rank) + numbers


def _pads(padding, rank: int, taps=(), dilation=()) -> tuple[int, int, int, int]:
    """(top, bottom, left, right)."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        cells = [(size - 1) * step for size, step in zip(taps, dilation, strict=True)]
        return cells[0] // 2, cells[0] - cells[0] // 2, cells[1] // 2, cells[1] - cells[1] // 2
    top, left = (_pair(padding, rank)[0] if rank == 2 else 0, _pair(padding, rank)[1])
    return top, top, left, left


def hwio(weight: torch.Tensor) -> torch.Tensor:
    """(out, in, taps...) as (rows, columns, in, out), in the memory that it has."""
    return weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight.permute(2, 1, 0)[None]


def conv_window(weight, stride, padding, dilation, groups):
    """The arguments after the bias of `_convolution.conv2d`."""
    rank = weight.ndim - 2
    strides, dilations = _pair(stride, rank), _pair(dilation, rank)
    if padding == "same" and max(strides) > 1:
        raise Unserved
    taps = (1,) * (2 - rank) + tuple(weight.shape[2:])
    return strides, _pads(padding, rank, taps, dilations), dilations, groups, True, *_LINEAR


def as_images(input, rank: int) -> torch.Tensor:
    """The input with a batch and two spatial axes."""
    if input.ndim not in (rank + 1, rank + 2):
        raise Unserved
    x = input if input.ndim == rank + 2 else input[None]
    return x if rank == 2 else x.unsqueeze(2)


def as_given(y, input, rank: int) -> torch.Tensor:
    y = y if rank == 2 else y.squeeze(2)
    return y if input.ndim == rank + 2 else y[0]


def _conv(input, weight, bias, stride, padding, dilation, groups, rank: int):
    if weight.ndim != rank + 2 or not takes(input, weight, bias):
        raise Unserved
    window = conv_window(weight, stride, padding, dilation, groups)
    x = as_images(input, rank)
    if rank == 2 and is_channels_last(weight):
        x = x.contiguous(memory_format=torch.channels_last)
    # The kernel is copied once, not by the operation and again by its gradient's.
    return as_given(_convolution.conv2d(x, hwio(weight).contiguous(), bias, *window), input, rank)


@_or_torch(F.conv1d)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """: numbers or 'same' or 'valid' for `padding`; batched or not."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 1)


@_or_torch(F.conv2d)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """: numbers or 'same' or 'valid' for `padding`; batched or not; `torch.channels_last` where torch has it."""
    return _conv(input, weight, bias, stride, padding, dilation, groups, 2)


def _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, rank: int):
    if groups != 1 or weight.ndim != rank + 2 or not takes(input, weight, bias):
        raise Unserved
    strides, dilations, extra = _pair(stride, rank), _pair(dilation, rank), _pair(output_padding, rank)
    extra = extra if rank == 2 else (0, extra[1])
    pads, x = _pads(padding, rank), as_images(input, rank)
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
    y = _convolution.conv2d_transpose(x, kernel, bias, size, strides, pads, dilations, 1, True, *_LINEAR)
    return as_given(y, input, rank)


@_or_torch(F.conv_transpose1d)
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """: of one group."""
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


@_or_torch(F.conv_transpose2d)
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """: of one group."""
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


@_or_torch(F.linear)
def linear(input, weight, bias=None):
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


def _pool(input, average: bool, window, stride, pads):
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


@_or_torch(F.max_pool2d)
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """: without `return_indices`, of windows without dilation."""
    window = _pair(kernel_size)
    strides = _pair(kernel_size if stride is None or stride == [] else stride)
    top, left = _pair(padding)
    if return_indices or _pair(dilation) != (1, 1) or 2 * top > window[0] or 2 * left > window[1]:
        raise Unserved
    behind = (top, left)
    if ceil_mode:
        behind = tuple(map(_rounded_up, input.shape[-2:], window, strides, (top, left)))
        if any(cells >= taps for cells, taps in zip(behind, window, strict=True)):
            raise Unserved
    return _pool(input, False, window, strides, (top, behind[0], left, behind[1]))


@_or_torch(F.avg_pool2d)
def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """: where no padded cells are counted, without `ceil_mode` and `divisor_override`."""
    window = _pair(kernel_size)
    top, left = _pair(padding)
    if ceil_mode or divisor_override is not None or (count_include_pad and (top or left)):
        raise Unserved
    if 2 * top > window[0] or 2 * left > window[1]:
        raise Unserved
    strides = _pair(kernel_size if stride is None or stride == [] else stride)
    return _pool(input, True, window, strides, (top, top, left, left))


def _adaptive(input, average: bool, output_size):
    """Windows of one size, which there are where the input's is a multiple of the result's."""
    if input.ndim not in (3, 4):
        raise Unserved
    wanted = (output_size,) * 2 if isinstance(output_size, int | None) else tuple(output_size)
    wanted = tuple(size if cells is None else cells for cells, size in zip(wanted, input.shape[-2:], strict=True))
    if any(cells < 1 or size % cells for cells, size in zip(wanted, input.shape[-2:], strict=True)):
        raise Unserved
    window = tuple(size // cells for cells, size in zip(wanted, input.shape[-2:], strict=True))
    return _pool(input, average, window, window, (0, 0, 0, 0))


@_or_torch(F.adaptive_avg_pool2d)
def adaptive_avg_pool2d(input, output_size):
    """: where the input's sizes are multiples of the result's."""
    return _adaptive(input, True, output_size)


@_or_torch(F.adaptive_max_pool2d)
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """: where the input's sizes are multiples of the result's, without `return_indices`."""
    if return_indices:
        raise Unserved
    return _adaptive(input, False, output_size)


def _activation(input, name: str, alpha: float = 0.0, inplace: bool = False):
    if inplace or not takes(input):
        raise Unserved
    return _elementwise.activation(input, *activation_of(name, alpha))


@_or_torch(F.relu)
def relu(input, inplace=False):
    return _activation(input, "relu", inplace=inplace)


@_or_torch(F.relu6)
def relu6(input, inplace=False):
    return _activation(input, "relu6", inplace=inplace)


@_or_torch(F.leaky_relu)
def leaky_relu(input, negative_slope=0.01, inplace=False):
    return _activation(input, "leaky_relu", float(negative_slope), inplace)


@_or_torch(F.elu)
def elu(input, alpha=1.0, inplace=False):
    return _activation(input, "elu", float(alpha), inplace)


@_or_torch(F.selu)
def selu(input, inplace=False):
    return _activation(input, "selu", inplace=inplace)


@_or_torch(F.silu)
def silu(input, inplace=False):
    return _activation(input, "silu", inplace=inplace)


@_or_torch(F.mish)
def mish(input, inplace=False):
    return _activation(input, "mish", inplace=inplace)


@_or_torch(F.hardswish)
def hardswish(input, inplace=False):
    return _activation(input, "hard_silu", inplace=inplace)


@_or_torch(F.hardsigmoid)
def hardsigmoid(input, inplace=False):
    return _activation(input, "hard_sigmoid", inplace=inplace)


@_or_torch(F.gelu)
def gelu(input, approximate="none"):
    if approximate not in ("none", "tanh"):
        raise Unserved
    return _activation(input, "gelu" if approximate == "none" else "gelu_tanh")


@_or_torch(F.softplus)
def softplus(input, beta=1.0, threshold=20.0):
    """: of beta 1; it is not cut off at a threshold of 20 or more, where both are the same but for rounding."""
    if beta != 1 or threshold < 20:
        raise Unserved
    return _activation(input, "softplus")


@_or_torch(torch.sigmoid)
def sigmoid(input):
    return _activation(input, "sigmoid")


@_or_torch(torch.tanh)
def tanh(input):
    return _activation(input, "tanh")


@_or_torch(F.softmax)
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """: with `dim` and without `dtype`."""
    if dim is None or dtype is not None or not takes(input) or not -input.ndim <= dim < input.ndim:
        raise Unserved
    return _elementwise.softmax(input, dim % input.ndim)
