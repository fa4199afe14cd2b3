"""Normalizations with the statistics of the batch, or of each part of it."""

from __future__ import annotations

import math

import numpy as np

from ...operators import Step, Tensor
from ...operators.shape import axis_in
from ..errors import UntrainableError
from .registry import Reverse, gradient, training_step

__all__ = ["batch_normalization", "batch_normalization_step", "layer_normalization"]


def _mean(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The mean along axes, which stay as axes of length 1, summed in float64."""
    return array.mean(axes, dtype=np.float64, keepdims=True)


@training_step("BatchNormalization")
def batch_normalization_step(node, masks, x, scale, offset, mean, variance):
    """As in inference with the mean and the variance of the batch, which move the inputs of these names.

    The attribute ``momentum`` is how much of them stays.
    """
    axis, epsilon, momentum = node.attributes["axis"], node.attributes["epsilon"], node.attributes.get("momentum", 0.99)
    axis = axis_in(axis, x.ndim)
    axes = tuple(i for i in range(x.ndim) if i != axis)
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
    kind = x.dtype.type

    def run(x, *rest):
        *factors, moving_mean, moving_variance, y, normalized, inverse = rest
        center = _mean(x, axes)
        np.subtract(x, center, out=normalized, casting="same_kind")
        spread = _mean(np.square(normalized), axes)
        inverse[...] = (1 / np.sqrt(spread + epsilon)).ravel()
        np.multiply(normalized, inverse.reshape(shape), out=normalized)
        _scaled(normalized, factors, scale, shape, y)
        for moving, found in ((moving_mean, center), (moving_variance, spread)):
            moving *= kind(momentum)
            moving += (found.ravel() * (1 - momentum)).astype(kind)

    reads = tuple(i for i, given in enumerate((x, scale, offset, mean, variance)) if given is not None)
    y, parameters = Tensor(x.shape, x.dtype), Tensor((x.shape[axis],), x.dtype)
    return Step((y, y, parameters), run, reads)


def _scaled(normalized, factors, scale, shape, y) -> None:
    """Times the scale plus the offset, of which either may be absent."""
    rest = iter(factors)
    np.copyto(y, normalized)
    if scale is not None:
        np.multiply(y, next(rest).reshape(shape), out=y)
    for offset in rest:
        np.add(y, offset.reshape(shape), out=y)


@gradient("BatchNormalization", weights=(1, 2), state=(3, 4))
def batch_normalization(node, inputs, outputs, wanted):
    """Ioffe and Szegedy, "Batch normalization", 2015, section 3: through the mean and the variance too."""
    x, scale = inputs[:2]
    axis = axis_in(node.attributes["axis"], x.ndim)
    axes = tuple(i for i in range(x.ndim) if i != axis)
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))

    if len(outputs) == 1:
        return _fixed_statistics(node, inputs, shape, wanted)

    def run(*arrays):
        count = scale is not None
        (normalized, inverse, dy), gradients = arrays[count : count + 3], iter(arrays[count + 3 :])
        along = _mean(dy * normalized, axes), _mean(dy, axes)
        if wanted[0]:
            dx, factor = next(gradients), inverse.astype(np.float64).reshape(shape)
            np.subtract(dy, along[1] + normalized * along[0], out=dx, casting="same_kind")
            np.multiply(dx, factor * arrays[0].reshape(shape) if count else factor, out=dx, casting="same_kind")
        size = math.prod(x.shape) // x.shape[axis]
        for i, found in ((1, along[0]), (2, along[1])):
            if wanted[i]:
                next(gradients)[...] = (found * size).ravel()

    return Reverse(run, (1,) if scale is not None else (), (1, 2))


def _fixed_statistics(node, inputs, shape, wanted) -> Reverse:
    """Of a layer that runs as in inference: dy times what each channel is multiplied by."""
    if any(wanted[1:]):
        raise UntrainableError(f"{node}: scale and offset are trained with the statistics of batches")
    epsilon, scaled = node.attributes["epsilon"], inputs[1] is not None

    def run(*arrays):
        variance, dy, dx = arrays[-3:]
        factor = (arrays[0] if scaled else 1) / np.sqrt(variance.astype(np.float64) + epsilon)
        np.multiply(dy, factor.reshape(shape), out=dx, casting="same_kind")

    return Reverse(run, (1, 4) if scaled else (4,))


@gradient("LayerNormalization", weights=(1, 2))
def layer_normalization(node, inputs, outputs, wanted):
    """Ba, Kiros and Hinton, "Layer normalization", 2016: through the mean and the variance of each part."""
    x, scale = (*inputs, None)[:2]
    axes = node.attributes["axes"]
    axes = range(axis_in(axes, x.ndim), x.ndim) if isinstance(axes, int) else axes
    axes = tuple(sorted(axis_in(axis, x.ndim) for axis in axes))
    others = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(size if i in axes else 1 for i, size in enumerate(x.shape))
    epsilon, center = node.attributes["epsilon"], node.attributes.get("center", True)

    def run(x, *rest):
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
