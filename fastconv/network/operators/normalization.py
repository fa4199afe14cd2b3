"""Normalizations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .convolution import conv
from .elementwise import activated, quiet
from .registry import Step, Tensor, operator
from .shape import axis_in

__all__ = ["batch_normalization", "group_normalization", "layer_normalization"]


@operator("BatchNormalization")
def batch_normalization(node: Any, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset`` with a number for each cell of the attribute ``axis``.

    Scale and offset may be absent. Attributes: ``axis``, ``epsilon``, ``activation``.
    """
    axis, epsilon = axis_in(node.attributes["axis"], x.ndim), node.attributes["epsilon"]
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    parameters = [scale, offset, mean, variance]
    if any(p is not None and p.shape != (x.shape[axis],) for p in parameters):
        raise ValueError(f"all parameters must have shape {(x.shape[axis],)}")
    known = all(p is None or p.value is not None for p in parameters)
    if known and x.size and x.ndim in (3, 4) and axis in (1, x.ndim - 1):
        scale, offset, mean, variance = (None if p is None else p.value for p in parameters)
        return _as_convolution(node, x, axis, *_factors(scale, offset, mean, variance, epsilon))

    def run(x: Any, scale: Any, offset: Any, mean: Any, variance: Any, y: Any) -> None:
        factor, shift = _factors(scale, offset, mean, variance, epsilon)
        np.multiply(x, factor.astype(x.dtype).reshape(shape), out=y)
        np.add(y, shift.astype(x.dtype).reshape(shape), out=y)

    y = Tensor(x.shape, x.dtype)
    return Step((y,), activated(quiet(run), node.attributes, y), in_place=True)


def _factors(scale: Any, offset: Any, mean: Any, variance: Any, epsilon: Any) -> Any:
    """What each channel is multiplied by and shifted by, in float64."""
    factor = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    if scale is not None:
        factor *= scale
    return factor, -mean * factor if offset is None else offset - mean * factor


def _as_convolution(node: Any, x: Tensor, axis: int, factor: Any, shift: Any) -> Step:
    """A depthwise convolution of single cells, which runs on all threads and computes the activation too."""
    attributes = {
        "groups": x.shape[axis],
        "data_format": "channels_last" if axis == x.ndim - 1 else "channels_first",
        "activation": node.attributes.get("activation"),
    }
    kernel = factor.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
    twin = replace(node, op="Conv", attributes=attributes, prepared=node.prepared)
    result: Step = conv(twin, x, Tensor.of(kernel), Tensor.of(shift.astype(x.dtype)))
    return result


def mean(work: np.ndarray, axes: Any) -> np.ndarray:
    """The mean along axes, which stay as axes of length 1; NaN of nothing, without NumPy's warning.

    An axis after the other: sums of sums are more accurate than one long sum, and the first one adds long rows.
    """
    count = math.prod(work.shape[axis] for axis in axes)
    for axis in sorted(axes):
        work = np.add.reduce(work, axis, keepdims=True)
    result: np.ndarray = work / work.dtype.type(count)
    return result


@operator("LayerNormalization")
def layer_normalization(node: Any, x: Any, scale: Any = None, offset: Any = None) -> Any:
    """Each part of x along ``axes`` with mean 0 and variance 1, times scale, plus offset.

    Scale and offset have the sizes of the axes, or are broadcast to x. Attributes: ``axes``, a tuple, or a number for
    all axes from that one on; ``epsilon``; ``center``, whether the mean is subtracted, True by default.
    """
    axes, epsilon = node.attributes["axes"], node.attributes["epsilon"]
    axes = range(axis_in(axes, x.ndim), x.ndim) if isinstance(axes, int) else axes
    axes = tuple(axis_in(axis, x.ndim) for axis in axes)
    center = node.attributes.get("center", True)
    sizes = tuple(x.shape[axis] for axis in axes)
    shape = tuple(size if axis in axes else 1 for axis, size in enumerate(x.shape))

    def along(factor: Any) -> Any:
        return factor.reshape(shape) if factor.shape == sizes else factor

    def run(x: Any, *rest: Any) -> None:
        *factors, y = rest
        scale, offset = [*factors, None, None][:2]
        work = x.astype(np.result_type(x.dtype, np.float32))
        if center:
            work -= mean(work, axes)
        work /= np.sqrt(mean(np.square(work), axes) + work.dtype.type(epsilon))
        if scale is not None:
            work *= along(scale)
        np.copyto(y, work if offset is None else np.add(work, along(offset), out=work), casting="same_kind")

    return Step((Tensor(x.shape, x.dtype),), quiet(run), in_place=True)


@operator("GroupNormalization")
def group_normalization(node: Any, x: Any, scale: Any = None, offset: Any = None) -> Any:
    """Each group of channels of each image with mean 0 and variance 1, times scale, plus offset.

    Scale and offset have a number for each channel, or for each group.

    Attributes: ``axis`` of channels; ``groups``, -1 for a group for each channel; ``epsilon``.
    """
    axis, epsilon = node.attributes["axis"] % x.ndim, node.attributes["epsilon"]
    channels, groups = x.shape[axis], node.attributes["groups"]
    groups = channels if groups == -1 else groups
    if groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels do not part into {groups} groups")
    for factor in (scale, offset):
        if factor is not None and factor.shape not in ((channels,), (groups,)):
            raise ValueError(f"scale and offset must have {channels} or {groups} numbers; received {factor.shape}")
    parted = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
    axes = tuple(i for i in range(1, len(parted)) if i != axis)
    shape = tuple(channels if i == axis else 1 for i in range(x.ndim))

    def run(x: Any, *rest: Any) -> None:
        *factors, y = rest
        scale, offset = (
            None if factor is None else factor.repeat(channels // factor.size) for factor in [*factors, None, None][:2]
        )
        work = x.reshape(parted).astype(np.result_type(x.dtype, np.float32))
        work -= mean(work, axes)
        work /= np.sqrt(mean(np.square(work), axes) + work.dtype.type(epsilon))
        work = work.reshape(x.shape)
        if scale is not None:
            work *= scale.reshape(shape)
        np.copyto(y, work if offset is None else work + offset.reshape(shape), casting="same_kind")

    return Step((Tensor(x.shape, x.dtype),), quiet(run), in_place=True)
