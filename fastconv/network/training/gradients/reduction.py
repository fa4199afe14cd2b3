"""Reductions along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...operators.reduction import global_geometry, is_global
from ..errors import UntrainableError
from .registry import Reverse, gradient

__all__ = ["reduce"]


@gradient("ReduceMean", "ReduceSum", "ReduceMax")
def reduce(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy repeated along the axes; largest numbers that are alike share it, as in TensorFlow."""
    x, axes = inputs[0], inputs[1] if len(inputs) > 1 else None
    if axes is None or axes.value is None or not axes.value.size:
        raise UntrainableError(f"{node}: reductions are trained along axes that are given")
    chosen = {int(axis) % x.ndim for axis in axes.value.ravel()}
    shape = tuple(1 if axis in chosen else size for axis, size in enumerate(x.shape))
    along = tuple(sorted(chosen))
    if node.op == "ReduceMax":

        def run(x: Any, y: Any, dy: Any, dx: Any) -> None:
            largest = x == y.reshape(shape)
            np.multiply(largest, dy.reshape(shape) / largest.sum(along, keepdims=True, dtype=dy.dtype), out=dx)

        return Reverse(run, (0,), (0,))
    if node.op == "ReduceMean" and is_global(x, along):
        core = global_geometry(True, x).core
        return Reverse(lambda dy, dx: core.grad(None, dy, dx))
    count = x.dtype.type(math.prod(x.shape[axis] for axis in chosen) if node.op == "ReduceMean" else 1)
    return Reverse(lambda dy, dx: np.copyto(dx, dy.reshape(shape) / count))
