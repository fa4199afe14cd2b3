"""Shapes and the order of axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import _args, _core
from ...operators.shape import columns_along
from ..errors import UntrainableError
from .registry import Reverse, gradient

__all__ = ["concat", "pad", "repeat", "transpose", "view"]

# Layers that do nothing in inference and something in training that no gradient here has.
_PLAIN = ("", "Identity", "output", "Activation", "StopGradient")


@gradient("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def view(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy in the input's shape."""
    return Reverse(view=True)


@gradient("Identity")
def identity(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy itself."""
    if node.kind not in _PLAIN:
        raise UntrainableError(f"{node}: what this layer does in training is not served")
    return Reverse(view=True)


@gradient("Transpose", "MoveAxis")
def transpose(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The axes of dy in the order that they had."""
    (x,) = inputs
    if node.op == "MoveAxis":
        source, destination = node.attributes["source"], node.attributes["destination"]
        return Reverse(lambda dy, dx: np.copyto(dx, np.moveaxis(dy, destination, source)))
    perm = node.attributes.get("perm") or tuple(range(x.ndim))[::-1]
    order = tuple(np.argsort(perm))
    return Reverse(lambda dy, dx: np.copyto(dx, dy.transpose(order)))


@gradient("Concat")
def concat(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The parts of dy."""
    rows, counts = columns_along(node.attributes["axis"] % inputs[0].ndim, inputs)
    dtype = _args.dtype_id(outputs[0].dtype)

    def run(dy: Any, *gradients: Any) -> None:
        left = iter(gradients)
        parts = [next(left) if is_wanted else None for is_wanted in wanted]
        _core.part_columns(dtype, rows, dy, list(zip(parts, counts, strict=True)))

    return Reverse(run)


@gradient("Pad")
def pad(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The cells of dy that were there before; 0 for those that were cut off."""
    if node.attributes.get("mode", "constant") != "constant":
        raise UntrainableError(f"{node}: padding is trained with a constant")
    x, pads = inputs[:2]
    axes = inputs[3] if len(inputs) > 3 else None
    numbers = [int(number) for number in pads.value.ravel()]
    chosen = range(x.ndim) if axes is None else [int(axis) % x.ndim for axis in axes.value.ravel()]
    inner, outer = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for place, axis in enumerate(chosen):
        before, after = numbers[place], numbers[place + len(numbers) // 2]
        size = x.shape[axis]
        inner[axis] = slice(max(-before, 0), size - max(-after, 0))
        outer[axis] = slice(max(before, 0), outputs[0].shape[axis] - max(after, 0))
    inside, outside = tuple(inner), tuple(outer)

    def run(dy: Any, dx: Any) -> None:
        dx[...] = 0
        np.copyto(dx[inside], dy[outside])

    return Reverse(run)


@gradient("Repeat")
def repeat(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The sums over the cells that one cell became."""
    (x,), counts = inputs, [1] * inputs[0].ndim
    for axis, count in zip(node.attributes["axes"], node.attributes["counts"], strict=True):
        counts[axis % x.ndim] = count
    split = [number for pair in zip(x.shape, counts, strict=True) for number in pair]
    return Reverse(lambda dy, dx: np.sum(dy.reshape(split), tuple(range(1, 2 * x.ndim, 2)), out=dx))
