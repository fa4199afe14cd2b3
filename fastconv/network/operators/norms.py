"""Norms, moments and local responses: ONNX's normalizations that no other format has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Step, Tensor, operator
from .shape import axis_in

__all__ = ["lp_normalization", "lrn", "moments"]


@operator("Moments")
def moments(node: Any, x: Any) -> Any:
    """The mean of x along all axes from the attribute ``axis`` on, and ``1 / sqrt(variance + epsilon)``."""
    axes = tuple(range(axis_in(node.attributes["axis"], x.ndim), x.ndim))
    epsilon = node.attributes["epsilon"]
    part = Tensor(
        tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)), np.result_type(x.dtype, np.float32)
    )

    def run(x: Any, mean: Any, deviation: Any) -> None:
        np.mean(x, axes, keepdims=True, out=mean)
        variance = np.square(x - mean).mean(axes, keepdims=True)
        np.divide(1, np.sqrt(variance + part.dtype.type(epsilon)), out=deviation)

    return Step((part, part), run)


@operator("LpNormalization")
def lp_normalization(node: Any, x: Any) -> Any:
    """x over its norm along the attribute ``axis``, where that is not 0: the sum of absolute values, or for ``p`` of 2
    the root of that of squares."""
    axis, p = axis_in(node.attributes["axis"], x.ndim), node.attributes["p"]
    if p not in (1, 2):
        raise ValueError(f"`p` must be 1 or 2; received {p}")

    def run(x: Any, y: Any) -> None:
        norm = np.abs(x).sum(axis, keepdims=True) if p == 1 else np.sqrt(np.square(x).sum(axis, keepdims=True))
        np.copyto(y, x / np.where(norm == 0, x.dtype.type(1), norm))

    return Step((Tensor(x.shape, x.dtype),), run)


@operator("LRN")
def lrn(node: Any, x: Any) -> Any:
    """``x / (bias + alpha / size * s) ** beta``, where s sums the squares of ``size`` channels.

    Channels are the attribute ``axis``, 1 by default.
    """
    alpha, beta, bias, size = (node.attributes[name] for name in ("alpha", "beta", "bias", "size"))
    axis = axis_in(node.attributes.get("axis", 1), x.ndim)
    if x.ndim < 3 or size < 1:
        raise ValueError(f"images and a size of 1 or more are needed; received shape {x.shape} and {size}")
    before, channels = (size - 1) // 2, x.shape[axis]
    every = (slice(None),) * axis
    shifts = [shift for shift in range(max(-before, 1 - channels), min(size - before, channels)) if shift]
    cuts = [
        (
            (*every, slice(max(0, -shift), channels - max(0, shift))),
            (*every, slice(max(0, shift), channels - max(0, -shift))),
        )
        for shift in shifts
    ]

    def run(x: Any, y: Any) -> None:
        squares = np.square(x)
        np.copyto(y, squares)
        for target, source in cuts:
            np.add(y[target], squares[source], out=y[target])
        np.multiply(y, x.dtype.type(alpha / size), out=y)
        np.add(y, x.dtype.type(bias), out=y)
        np.divide(x, np.power(y, x.dtype.type(beta), out=y), out=y)

    return Step((Tensor(x.shape, x.dtype),), run)
