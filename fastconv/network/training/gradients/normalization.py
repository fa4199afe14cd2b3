"""Normalizations with the statistics of the batch, or of each part of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .... import _args, _core
from ...operators import Step, Tensor
from ...operators.shape import axis_in
from ..errors import UnequalShapesError, UntrainableError
from .registry import Reverse, gradient, training_step

__all__ = ["batch_normalization", "batch_normalization_step", "layer_normalization"]


def _mean(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The mean along axes, which stay as axes of length 1, summed in float64."""
    result: np.ndarray = array.mean(axes, dtype=np.float64, keepdims=True)
    return result


def _core_of(node: Any, x: Tensor) -> _core.BatchNorm:
    """The core's normalization of x along the node's axis, with its activation, which is a rectifier if any."""
    axis = axis_in(node.attributes["axis"], x.ndim)
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    if not outer * inner:
        raise ValueError("there are no statistics of an empty batch")
    has_relu = bool(node.attributes.get("activation"))
    return _core.BatchNorm(_args.dtype_id(x.dtype), outer, x.shape[axis], inner, node.attributes["epsilon"], has_relu)


def _with_gaps(given: Any, arrays: Any) -> list[Any]:
    """The arrays in their order, None where none is given."""
    left = iter(arrays)
    return [next(left) if is_given else None for is_given in given]


@training_step("BatchNormalization")
def batch_normalization_step(
    node: Any, masks: Any, x: Any, scale: Any, offset: Any, mean: Any, variance: Any, added: Any = None
) -> Any:
    """As in inference with the mean and the variance of the batch, which move the inputs of these names.

    The attribute ``momentum`` is how much of them stays. What is added, before a rectifier, has the shape of x.
    """
    core, momentum, kind = _core_of(node, x), node.attributes.get("momentum", 0.99), x.dtype.type
    if added is not None and added.shape != x.shape:
        raise UnequalShapesError(f"{node}: {added.shape} is added to {x.shape}")
    inputs = {0: x, 1: scale, 2: offset, 5: added}
    given = [tensor is not None for tensor in inputs.values()]

    def run(*arrays: Any) -> None:
        *read, moving_mean, moving_variance, y, center, spread = arrays
        x_, scale_, offset_, added_ = _with_gaps(given, read)
        core.forward(x_, scale_, offset_, added_, center, spread, y)
        for moving, found in ((moving_mean, center), (moving_variance, spread)):
            moving *= kind(momentum)
            moving += (found * (1 - momentum)).astype(kind)

    reads = (*(i for i, tensor in inputs.items() if tensor is not None), 3, 4)
    statistics = Tensor((x.shape[axis_in(node.attributes["axis"], x.ndim)],), np.dtype(np.float64))
    return Step((Tensor(x.shape, x.dtype), statistics, statistics), run, reads)


@gradient("BatchNormalization", weights=(1, 2), state=(3, 4))
def batch_normalization(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Through the mean and the variance too."""
    if len(outputs) == 1:
        return _fixed_statistics(node, inputs, wanted)
    core, places = _core_of(node, inputs[0]), (0, 1, 2, 5)
    given = [place < len(inputs) and inputs[place] is not None for place in places]
    is_wanted = [place < len(wanted) and wanted[place] for place in places]
    count = sum(given)

    def run(*arrays: Any) -> None:
        center, spread, dy, *gradients = arrays[count:]
        dx, dscale, doffset, dadded = _with_gaps(is_wanted, gradients)
        if dadded is not None and dx is None:
            dx = np.empty_like(dy)
        x, scale, offset, added = _with_gaps(given, arrays[:count])
        core.grads(x, scale, offset, added, center, spread, dy, dx, dscale, doffset, dadded)

    return Reverse(run, tuple(place for place, is_given in zip(places, given, strict=True) if is_given), (1, 2))


def _fixed_statistics(node: Any, inputs: Any, wanted: Any) -> Reverse:
    """Of a layer that runs as in inference: dy times what each channel is multiplied by."""
    if any(wanted[1:]):
        raise UntrainableError(f"{node}: scale and offset are trained with the statistics of batches")
    epsilon, scaled, x = node.attributes["epsilon"], inputs[1] is not None, inputs[0]
    axis = axis_in(node.attributes["axis"], x.ndim)
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))

    def run(*arrays: Any) -> None:
        variance, dy, dx = arrays[-3:]
        factor = (arrays[0] if scaled else 1) / np.sqrt(variance.astype(np.float64) + epsilon)
        np.multiply(dy, factor.reshape(shape), out=dx, casting="same_kind")

    return Reverse(run, (1, 4) if scaled else (4,))


@gradient("LayerNormalization", weights=(1, 2))
def layer_normalization(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Ba, Kiros and Hinton, "Layer normalization", 2016: through the mean and the variance of each part."""
    x, scale = inputs[0], inputs[1] if len(inputs) > 1 else None
    axes = node.attributes["axes"]
    axes = range(axis_in(axes, x.ndim), x.ndim) if isinstance(axes, int) else axes
    axes = tuple(sorted(axis_in(axis, x.ndim) for axis in axes))
    others = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
    epsilon, center = node.attributes["epsilon"], node.attributes.get("center", True)

    def run(x: Any, *rest: Any) -> None:
        (scale_, dy), gradients = (
            rest[:2] if scale is not None else (None, rest[0]),
            iter(rest[1 + (scale is not None) :]),
        )
        normalized = x - _mean(x, axes) if center else x.astype(np.float64)
        inverse = 1 / np.sqrt(_mean(np.square(normalized), axes) + epsilon)
        normalized *= inverse
        if wanted[0]:
            scaled = dy * scale_.reshape(shape) if scale_ is not None else dy
            along = _mean(scaled * normalized, axes), _mean(scaled, axes) if center else 0
            np.copyto(next(gradients), (scaled - along[1] - normalized * along[0]) * inverse, casting="same_kind")
        if len(wanted) > 1 and wanted[1]:
            gradient = next(gradients)
            gradient[...] = (dy * normalized).sum(others).reshape(gradient.shape)
        if len(wanted) > 2 and wanted[2]:
            gradient = next(gradients)
            gradient[...] = dy.sum(others, dtype=np.float64).reshape(gradient.shape)

    return Reverse(run, (0, 1) if scale is not None else (0,))
