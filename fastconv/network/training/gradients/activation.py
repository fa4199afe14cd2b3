"""Activations."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .... import _args, _core, nn
from ...operators.activation import activation_number
from .arithmetic import summed_to
from .registry import Reverse, gradient

__all__ = ["activation", "prelu", "rectifier", "softmax"]


@gradient("Activation")
def activation(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """From the result where that tells the derivative, else from the input."""
    (x,) = inputs
    number, alpha = activation_number(node.attributes)
    core = functools.partial(_core.activate_grad, _args.dtype_id(x.dtype), number, alpha, x.size)
    if not number:
        return Reverse(view=True)
    if _core.activation_from_output(number, alpha):
        return Reverse(lambda y, dy, dx: core(None, y, dy, dx), reads_outputs=(0,))
    return Reverse(lambda x, dy, dx: core(x, None, dy, dx), (0,))


@gradient("Rectifier")
def rectifier(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """`fastconv.relu_grad` with the node's arguments."""
    words = {name: node.attributes[name] for name in ("negative_slope", "max_value", "threshold")}
    return Reverse(lambda x, dy, dx: nn.relu_grad(x, dy, **words, out=dx), (0,))


@gradient("Softmax")
def softmax(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """``y * (dy - sum(y * dy))`` along the axes."""
    (x,), axis = inputs, node.attributes.get("axis", -1)
    order, begin, end = _args.side_by_side(_args.axes(axis, x.ndim), x.shape)
    if order is not None:
        return Reverse(lambda y, dy, dx: nn.softmax_grad(y, dy, axis, out=dx), reads_outputs=(0,))
    sizes = (math.prod(part) for part in (x.shape[:begin], x.shape[begin:end], x.shape[end:]))
    return Reverse(functools.partial(_core.softmax_grad, _args.dtype_id(x.dtype), *sizes), reads_outputs=(0,))


@gradient("PRelu", weights=(1,))
def prelu(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Below 0, dy times the slope, and the slope's gradient is dy times x."""
    slope = inputs[1]

    def run(x: Any, slope_: Any, dy: Any, *gradients: Any) -> None:
        grads, below = iter(gradients), x < 0
        if wanted[0]:
            np.multiply(dy, np.where(below, slope_, slope_.dtype.type(1)), out=next(grads))
        if wanted[1]:
            np.copyto(next(grads), summed_to(np.where(below, dy * x, dy.dtype.type(0)), slope.shape))

    return Reverse(run, (0, 1))
