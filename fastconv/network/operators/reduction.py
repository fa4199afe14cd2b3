"""Reductions along axes."""
from __future__ import annotations

import numpy as np

from .registry import Step, Tensor, operator

__all__ = ["reduce"]

_FUNCTIONS = {"ReduceMean": np.mean, "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min,
              "ReduceProd": np.prod}


@operator(*_FUNCTIONS)
def reduce(node, x, axes=None):
    """x reduced along the constant ``axes``, along all by default.

    Attributes: ``keepdims``, True by default; ``noop_with_empty_axes``: no axes are no reduction.
    """
    chosen = _axes(node, x, axes)
    keepdims = bool(node.attributes.get("keepdims", True))
    shape = tuple(1 if axis in chosen else size for axis, size in enumerate(x.shape) if keepdims or axis not in chosen)
    function = _FUNCTIONS[node.op]

    def run(x, *axes_and_y):
        function(x, axis=chosen, keepdims=keepdims, out=axes_and_y[-1])
    return Step((Tensor(shape, x.dtype),), run)


def _axes(node, x: Tensor, axes: Tensor | None) -> tuple[int, ...]:
    if axes is not None and axes.value is None:
        raise ValueError("the axes must be constant")
    given = [] if axes is None else [int(axis) for axis in axes.value.ravel()]
    if any(not -x.ndim <= axis < x.ndim for axis in given):
        raise ValueError(f"the axes must be in [{-x.ndim}, {x.ndim}); received {given}")
    if not given and not node.attributes.get("noop_with_empty_axes", False):
        return tuple(range(x.ndim))
    return tuple(sorted({axis % x.ndim for axis in given}))
