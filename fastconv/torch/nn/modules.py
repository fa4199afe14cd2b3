"""Modules of `torch.nn` with torch's names, arguments, weights and state, on fastconv's kernels.

They are subclasses of torch's, and torch's own where anybody traces, exports or compiles a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.jit._trace import is_tracing

from .._library import is_unobserved
from .._memory import is_channels_last
from . import functional as F
from ._windows import conv_window, hwio
from .prepared import prepared_conv2d

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Hardsigmoid",
    "Hardswish",
    "LeakyReLU",
    "MaxPool2d",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]

_SMALL = 1 << 12  # numbers; for less, a call of Python takes longer than what it computes
# From here on layers gain with gradients, measured on 2 threads; before, autograd in Python takes longer.
_TRAINED_PRODUCTS = 1 << 24
_TRAINED_NUMBERS = 1 << 22
_POOLED_NUMBERS = {False: 1 << 17, True: 1 << 21}  # by whether channels lie last
_IN_PLANS = "torch; as part of a plan, fastconv's kernels"
# What was measured of modules: (whether fastconv's kernels run without gradients, and with them).
measured: WeakKeyDictionary[nn.Module, tuple[bool, bool]] = WeakKeyDictionary()


def is_traced() -> bool:
    """Whether somebody looks for torch's own operations."""
    return torch.compiler.is_compiling() or bool(is_tracing())


def is_expected_to_gain(weight: Any, stride: Any, groups: int) -> bool:
    """Whether a convolution is expected to be faster on fastconv's kernels.

    Those of one group, strides of 1 and kernels of several rows and columns take fewer products here.
    """
    steps = (stride,) if isinstance(stride, int) else stride
    return groups == 1 and max(steps) == 1 and weight.ndim == 4 and min(weight.shape[2:]) > 1


if TYPE_CHECKING:
    Stock: Any = torch.nn.Module
else:
    Stock = object


class FastconvMixin(Stock):  # type: ignore[misc]
    """What stands before a stock module in the order of classes."""

    def _runs(self, x: Any) -> bool:
        """Whether a call on x is for the kernels."""
        if is_traced() or not isinstance(x, torch.Tensor):
            return False
        choice = measured.get(self)
        if choice is None:
            return self._expects_gain(x)
        result: bool = choice[torch.is_grad_enabled()]
        return result

    def _expects_gain(self, x: Any) -> bool:
        return True

    def estimate(self) -> str:
        """What runs where nobody measured, for `report`."""
        return "fastconv's kernels"


def _carries_gradient(*tensors: Any) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _lies_last(x: Any) -> bool:
    return x.ndim == 4 and is_channels_last(x)


class _Conv(FastconvMixin):
    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        if not self._runs(input):
            return super()._conv_forward(input, weight, bias)
        padding = self.padding
        if self.padding_mode != "zeros":
            input = nn.functional.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        if is_unobserved(input, weight, bias) and F.takes(input, weight, bias):
            try:
                return self._prepared(input, weight, bias, padding)
            except (ValueError, TypeError):
                pass
        function = F.conv2d if weight.ndim == 4 else F.conv1d
        return function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def _prepared(self, input: Any, weight: Any, bias: Any, padding: Any) -> Any:
        rank = weight.ndim - 2
        window = conv_window(weight, self.stride, padding, self.dilation, self.groups)
        y = prepared_conv2d(self, F.as_images(input, rank), weight, bias, hwio(weight), window)
        return F.as_given(y, input, rank)

    def _expects_gain(self, x: Any) -> bool:
        weight = self.weight
        if not is_expected_to_gain(weight, self.stride, self.groups):
            return False
        products = x.numel() * weight.numel() // max(weight.shape[1], 1)
        return products >= _TRAINED_PRODUCTS or not _carries_gradient(x, weight)

    def estimate(self) -> str:
        return "fastconv's kernels" if is_expected_to_gain(self.weight, self.stride, self.groups) else _IN_PLANS


class Conv1d(_Conv, nn.Conv1d):
    """`torch.nn.Conv1d`; without gradients its kernel is packed once, and kept while the weights stay."""


class Conv2d(_Conv, nn.Conv2d):
    """`torch.nn.Conv2d`; without gradients its kernel is packed once, and kept while the weights stay."""


class _ConvTranspose(FastconvMixin):
    def forward(self, input: Any, output_size: Any = None) -> Any:
        if output_size is not None or self.padding_mode != "zeros" or not self._runs(input):
            return super().forward(input, output_size)
        function = F.conv_transpose2d if self.weight.ndim == 4 else F.conv_transpose1d
        return function(
            input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )

    def _expects_gain(self, x: Any) -> bool:
        return False

    def estimate(self) -> str:
        return _IN_PLANS


class ConvTranspose1d(_ConvTranspose, nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d`, of one group."""


class ConvTranspose2d(_ConvTranspose, nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d`, of one group."""


class _Pool(FastconvMixin):
    def _expects_gain(self, x: Any) -> bool:
        return not _carries_gradient(x) or x.numel() >= _POOLED_NUMBERS[_lies_last(x)]


class MaxPool2d(_Pool, nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, without `return_indices` and dilation."""

    def forward(self, input: Any) -> Any:
        if not self._runs(input):
            return super().forward(input)
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool2d(_Pool, nn.AvgPool2d):
    """`torch.nn.AvgPool2d`, where no padded cells are counted."""

    def forward(self, input: Any) -> Any:
        if not self._runs(input):
            return super().forward(input)
        words = self.ceil_mode, self.count_include_pad, self.divisor_override
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, *words)


class AdaptiveAvgPool2d(FastconvMixin, nn.AdaptiveAvgPool2d):
    """`torch.nn.AdaptiveAvgPool2d`, where the input's sizes are multiples of the result's."""

    def forward(self, input: Any) -> Any:
        return F.adaptive_avg_pool2d(input, self.output_size) if self._runs(input) else super().forward(input)

    def _expects_gain(self, x: Any) -> bool:
        return _lies_last(x)

    def estimate(self) -> str:
        return "fastconv's kernels for images of torch.channels_last, else torch"


class AdaptiveMaxPool2d(FastconvMixin, nn.AdaptiveMaxPool2d):
    """`torch.nn.AdaptiveMaxPool2d`, where the input's sizes are multiples of the result's."""

    def forward(self, input: Any) -> Any:
        if not self._runs(input):
            return super().forward(input)
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class _Activation(FastconvMixin):
    """An elementwise activation, and softmax."""

    def forward(self, input: Any) -> Any:
        in_place = getattr(self, "inplace", False)
        return super().forward(input) if in_place or not self._runs(input) else self._fast(input)

    _gains_early = False  # with gradients, from as many numbers on as without

    def _expects_gain(self, x: Any) -> bool:
        early = self._gains_early or not _carries_gradient(x)
        result: bool = x.numel() >= (_SMALL if early else _TRAINED_NUMBERS)
        return result

    def estimate(self) -> str:
        if getattr(self, "inplace", False):
            return "torch, as it writes in place; as part of a plan, fastconv's kernels"
        return f"fastconv's kernels, for {_SMALL} numbers and more"


def _activation(name: str, function: Any, *arguments: str, gains_early: bool = False) -> Any:
    """The class of an activation, whose function takes these attributes of the module."""

    def fast(self: Any, input: Any) -> Any:
        return function(input, *(getattr(self, argument) for argument in arguments))

    words = {"_fast": fast, "_gains_early": gains_early, "__module__": __name__}
    words["__doc__"] = f"`torch.nn.{name}`, where it does not write in place."
    return type(name, (_Activation, getattr(nn, name)), words)


ELU = _activation("ELU", F.elu, "alpha", gains_early=True)
GELU = _activation("GELU", F.gelu, "approximate")
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid)
Hardswish = _activation("Hardswish", F.hardswish)
LeakyReLU = _activation("LeakyReLU", F.leaky_relu, "negative_slope")
Mish = _activation("Mish", F.mish, gains_early=True)
ReLU = _activation("ReLU", F.relu)
ReLU6 = _activation("ReLU6", F.relu6)
SELU = _activation("SELU", F.selu, gains_early=True)
SiLU = _activation("SiLU", F.silu)
Sigmoid = _activation("Sigmoid", F.sigmoid)
Softmax = _activation("Softmax", F.softmax, "dim", gains_early=True)
Softplus = _activation("Softplus", F.softplus, "beta", "threshold", gains_early=True)
Tanh = _activation("Tanh", F.tanh, gains_early=True)
