"""The packed kernel of a convolution, kept for as long as its weights are what they were."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ... import _core
from .. import _convolution
from .._memory import address, dense, empty, is_channels_last
from ..weight_versions import Weights

__all__ = ["forget", "prepared_conv2d"]

_kept: WeakKeyDictionary[torch.nn.Module, _Kept] = WeakKeyDictionary()
_lock = threading.Lock()


class _Kept:
    """What was packed of a weight and a bias."""

    def __init__(self, weight: Any, bias: Any) -> None:
        self._tensors = weight, bias
        self._weights = Weights([weight] if bias is None else [weight, bias])
        self._packed: dict[Any, Any] = {}

    def is_of(self, weight: Any, bias: Any) -> bool:
        return self._tensors[0] is weight and self._tensors[1] is bias and self._weights.are_unchanged()

    def run(self, x: Any, kernel: Any, bias: Any, window: Any) -> Any:
        """The convolution of an image; kernel is the weight in the order of axes of the core."""
        x, planes = dense(x, True)
        core, shape = _convolution.geometry(x, planes, kernel, *window)
        key = x.dtype, planes, window, _core.get_precision(), _core.active_isa()
        if key not in self._packed:
            with _lock:
                if key not in self._packed:
                    self._packed[key] = _packed(x, planes, kernel, bias, window)
        y = empty(x, shape, True, planes)
        self._packed[key].run(core, address(x), address(y))
        return y


def _packed(x: Any, planes: bool, kernel: Any, bias: Any, window: Any) -> Any:
    general, _ = _convolution.geometry(x, planes, kernel, *window, x_shape=x.shape)
    kernel, bias = kernel.contiguous(), None if bias is None else bias.contiguous()
    return _core.PreparedConv2D(general, address(kernel), address(bias))


def prepared_conv2d(module: Any, x: Any, weight: Any, bias: Any, kernel: Any, window: Any) -> Any:
    """The convolution of x with a module's weight, of which nobody wants a gradient."""
    kept = _kept.get(module)
    if kept is None or not kept.is_of(weight, bias):
        kept = _kept[module] = _Kept(weight, bias)
    if weight.ndim == 4 and is_channels_last(weight):
        x = x.contiguous(memory_format=torch.channels_last)
    return kept.run(x, kernel, bias, window)


def forget(module: Any) -> None:
    """Let go of what was packed of a module's weights."""
    _kept.pop(module, None)
