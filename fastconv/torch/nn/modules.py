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
        return is_expected_to_gain(self.weight, self.stride, self.groups)

    def estimate(self) -> str:
        return "fastconv's kernels" if self._expects_gain(None) else _IN_PLANS


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


class MaxPool2d(FastconvMixin, nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, without `return_indices` and dilation."""

    def forward(self, input: Any) -> Any:
        if not self._runs(input):
            return super().forward(input)
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class AvgPool2d(FastconvMixin, nn.AvgPool2d):
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

    def _expects_gain(self, x: Any) -> bool:
        result: bool = x.numel() >= _SMALL
        return result

    def estimate(self) -> str:
        if getattr(self, "inplace", False):
            return "torch, as it writes in place; as part of a plan, fastconv's kernels"
        return f"fastconv's kernels, for {_SMALL} numbers and more"


def _activation(name: str, function: Any, *arguments: str) -> Any:
    """The class of an activation, whose function takes these attributes of the module."""

    def fast(self: Any, input: Any) -> Any:
        return function(input, *(getattr(self, argument) for argument in arguments))

    words = {"_fast": fast, "__module__": __name__, "__doc__": f"`torch.nn.{name}`, where it does not write in place."}
    return type(name, (_Activation, getattr(nn, name)), words)


ELU = _activation("ELU", F.elu, "alpha")
GELU = _activation("GELU", F.gelu, "approximate")
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid)
Hardswish = _activation("Hardswish", F.hardswish)
LeakyReLU = _activation("LeakyReLU", F.leaky_relu, "negative_slope")
Mish = _activation("Mish", F.mish)
ReLU = _activation("ReLU", F.relu)
ReLU6 = _activation("ReLU6", F.relu6)
SELU = _activation("SELU", F.selu)
SiLU = _activation("SiLU", F.silu)
Sigmoid = _activation("Sigmoid", F.sigmoid)
Softmax = _activation("Softmax", F.softmax, "dim")
Softplus = _activation("Softplus", F.softplus, "beta", "threshold")
Tanh = _activation("Tanh", F.tanh)
