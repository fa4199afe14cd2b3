"""Products of matrices."""
from __future__ import annotations

import numpy as np

from ... import _args, _core
from .activation import activation_number
from .registry import Step, Tensor, operator

__all__ = ["dense", "matmul"]


@operator("Dense")
def dense(node, x, kernel, bias=None):
    """``activation(x @ kernel + bias)``: x (..., inputs), kernel (inputs, outputs), bias (outputs,)."""
    if kernel.ndim != 2 or not x.ndim or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"an input of shape {x.shape} has no product with a kernel of shape {kernel.shape}")
    if bias is not None and bias.shape != kernel.shape[1:]:
        raise ValueError(f"the bias must have shape {kernel.shape[1:]}; received {bias.shape}")
    _require_floats(x, kernel, *([] if bias is None else [bias]))
    y = Tensor((*x.shape[:-1], kernel.shape[1]), x.dtype)
    rows = y.size // kernel.shape[1] if kernel.shape[1] else 0
    core = _core.Dense(_args.dtype_id(x.dtype), rows, *kernel.shape, *activation_number(node.attributes))
    words = {"algorithm": "dense", "flops": 2.0 * rows * kernel.size}
    if bias is not None:
        return Step((y,), core.forward, reads=(0, 1, 2), **words)

    def run(x, kernel, y):
        core.forward(x, kernel, None, y)
    return Step((y,), run, reads=(0, 1), **words)


@operator("MatMul")
def matmul(node, a, b):
    """``numpy.matmul(a, b)``."""
    if a.ndim >= 1 and b.ndim == 2 and _args.dtype_id(a.dtype) in _args.FLOAT_IDS:
        return dense(node, a, b)
    if a.dtype != b.dtype:
        raise TypeError(f"both factors must have one dtype; received {a.dtype} and {b.dtype}")
    shape = np.matmul(np.broadcast_to(np.int8(0), a.shape), np.broadcast_to(np.int8(0), b.shape)).shape
    return Step((Tensor(shape, a.dtype),), lambda a, b, y: np.matmul(a, b, out=y), algorithm="matmul")


def _require_floats(x: Tensor, *others: Tensor) -> None:
    if _args.dtype_id(x.dtype) not in _args.FLOAT_IDS or any(other.dtype != x.dtype for other in others):
        raise TypeError(f"all must be floats of one dtype; received {[t.dtype.name for t in (x, *others)]}")
