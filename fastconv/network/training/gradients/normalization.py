"""Normalizations with the statistics of the batch, or of each part of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....nn.convolution import Keywords
from ...operators import Step, Tensor
from ...operators.shape import axis_in
from ..errors import UntrainableError
from .registry import Reverse, gradient, training_step

__all__ = ["batch_normalization", "batch_normalization_step", "layer_normalization"]


def _mean(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The mean along axes, which stay as axes of length 1, summed in float64."""
    result: np.ndarray = array.mean(axes, dtype=np.float64, keepdims=True)
    return result


class _Channels:
    """Passes over arrays by the kernels of a depthwise convolution of single cells, which run on all threads.

    Parameters
    ----------
    x : Tensor
    axis : int
        Of the channels.
    """

    def __init__(self, x: Tensor, axis: int) -> None:
        outer, self.count, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
        self.cells = x.size // self.count if self.count else 0
        layout, shape = "channels_last", (1, 1, outer, self.count)
        if inner != 1:
            layout, shape = "channels_first", (outer, self.count, 1, inner)
        kernel = (1, 1, 1, self.count)
        keywords = Keywords(1, "valid", 1, self.count, layout)
        self._geometry, _ = keywords.geometry(x.dtype, shape, kernel, may_be_empty=True)
        self._dtype, self._kernel = x.dtype, np.zeros(kernel, x.dtype)

    def scaled(self, x: np.ndarray, factor: np.ndarray, shift: np.ndarray, y: np.ndarray) -> None:
        """y = x * factor + shift, with a number for each channel."""
        factor = np.asarray(factor, self._dtype).reshape(self._kernel.shape)
        self._geometry.forward(x, factor, np.asarray(shift, self._dtype), y)

    def mean(self, x: np.ndarray) -> np.ndarray:
        """The mean of each channel, in float64."""
        sums = np.empty(self.count, self._dtype)
        self._geometry.grads(x, self._kernel, None, x, None, None, sums)
        return sums.astype(np.float64) / self.cells

    def means(self, x: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means of other and of x * other for each channel, in float64."""
        products, sums = np.empty(self._kernel.shape, self._dtype), np.empty(self.count, self._dtype)
        self._geometry.grads(x, self._kernel, None, other, None, products, sums)
        return sums.astype(np.float64) / self.cells, products.ravel().astype(np.float64) / self.cells


@training_step("BatchNormalization")
def batch_normalization_step(node: Any, masks: Any, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
    """As in inference with the mean and the variance of the batch, which move the inputs of these names.

    The attribute ``momentum`` is how much of them stays. The variance is that of x less its mean, in a second pass, so
    that nothing cancels.
    """
    epsilon, momentum = node.attributes["epsilon"], node.attributes.get("momentum", 0.99)
    channels, kind = _Channels(x, axis_in(node.attributes["axis"], x.ndim)), x.dtype.type
    if not channels.cells:
        raise ValueError("there are no statistics of an empty batch")
    ones = np.ones(channels.count)

    def run(x: Any, *rest: Any) -> None:
        *factors, moving_mean, moving_variance, y, centered, inverse = rest
        center = channels.mean(x)
        channels.scaled(x, ones, -center, centered)
        left, spread = channels.means(centered, centered)
        # What rounding the mean left of it is taken off too.
        inverse[...] = 1 / np.sqrt(spread - left * left + epsilon)
        given = iter(factors)
        factor = inverse if scale is None else inverse * next(given)
        shift = np.zeros(channels.count) if offset is None else next(given)
        channels.scaled(centered, factor, shift - left * factor, y)
        for moving, found in ((moving_mean, center), (moving_variance, spread)):
            moving *= kind(momentum)
            moving += (found * (1 - momentum)).astype(kind)

    reads = tuple(i for i, given in enumerate((x, scale, offset, mean, variance)) if given is not None)
    y, parameters = Tensor(x.shape, x.dtype), Tensor((channels.count,), np.dtype(np.float64))
    return Step((y, y, parameters), run, reads)


@gradient("BatchNormalization", weights=(1, 2), state=(3, 4))
def batch_normalization(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Ioffe and Szegedy, "Batch normalization", 2015, section 3: through the mean and the variance too."""
    x, scale = inputs[:2]
    axis = axis_in(node.attributes["axis"], x.ndim)
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
    if len(outputs) == 1:
        return _fixed_statistics(node, inputs, shape, wanted)
    channels, has_scale = _Channels(x, axis), scale is not None

    def run(*arrays: Any) -> None:
        (centered, inverse, dy), gradients = arrays[has_scale : has_scale + 3], iter(arrays[has_scale + 3 :])
        mean, product = channels.means(centered, dy)
        if wanted[0]:
            dx, factor = next(gradients), inverse * arrays[0] if has_scale else inverse
            channels.scaled(dy, factor, -factor * mean, dx)
            # The last reader of these.
            share = (factor * product * inverse * inverse).astype(dx.dtype)
            np.multiply(centered, share.reshape(shape), out=centered)
            np.subtract(dx, centered, out=dx)
        for i, found in ((1, product * inverse), (2, mean)):
            if wanted[i]:
                next(gradients)[...] = found * channels.cells

    return Reverse(run, (1,) if has_scale else (), (1, 2))


def _fixed_statistics(node: Any, inputs: Any, shape: Any, wanted: Any) -> Reverse:
    """Of a layer that runs as in inference: dy times what each channel is multiplied by."""
    if any(wanted[1:]):
        raise UntrainableError(f"{node}: scale and offset are trained with the statistics of batches")
    epsilon, scaled = node.attributes["epsilon"], inputs[1] is not None

    def run(*arrays: Any) -> None:
        variance, dy, dx = arrays[-3:]
        factor = (arrays[0] if scaled else 1) / np.sqrt(variance.astype(np.float64) + epsilon)
        np.multiply(dy, factor.reshape(shape), out=dx, casting="same_kind")

    return Reverse(run, (1, 4) if scaled else (4,))


@gradient("LayerNormalization", weights=(1, 2))
def layer_normalization(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Ba, Kiros and Hinton, "Layer normalization", 2016: through the mean and the variance of each part."""
    x, scale = (*inputs, None)[:2]
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
