"""Normalizations."""
from __future__ import annotations

import numpy as np

from .registry import Step, Tensor, operator

__all__ = ["batch_normalization", "layer_normalization"]


@operator("BatchNormalization")
def batch_normalization(node, x, scale, offset, mean, variance):
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset`` with a number for each cell of the attribute ``axis``.

    Scale and offset may be absent. Attributes: ``axis``, ``epsilon``.
    """
    axis, epsilon = node.attributes["axis"], node.attributes["epsilon"]
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]

    def run(x, scale, offset, mean, variance, y):
        factor = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
        if scale is not None:
            factor *= scale
        shift = -mean * factor if offset is None else offset - mean * factor
        np.multiply(x, factor.astype(x.dtype).reshape(shape), out=y)
        np.add(y, shift.astype(x.dtype).reshape(shape), out=y)
    return Step((Tensor(x.shape, x.dtype),), run, in_place=True)


@operator("LayerNormalization")
def layer_normalization(node, x, scale=None, offset=None):
    """Each part of x along ``axes`` with mean 0 and variance 1, times scale, plus offset, which are broadcast to x.

    Attributes: ``axes``, a tuple; ``epsilon``; ``center``, whether the mean is subtracted, True by default.
    """
    axes, epsilon = node.attributes["axes"], node.attributes["epsilon"]
    center = node.attributes.get("center", True)

    def run(x, *rest):
        *factors, y = rest
        scale, offset = [*factors, None, None][:2]
        work = x.astype(np.result_type(x.dtype, np.float32))
        if center:
            work -= work.mean(axes, keepdims=True)
        work /= np.sqrt(np.square(work).mean(axes, keepdims=True) + work.dtype.type(epsilon))
        if scale is not None:
            work *= scale
        np.copyto(y, work if offset is None else np.add(work, offset, out=work), casting="same_kind")
    return Step((Tensor(x.shape, x.dtype),), run, in_place=True)
