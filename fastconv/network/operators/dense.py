"""Products of matrices."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ... import _args, _core
from .activation import activation_number
from .registry import Step, Tensor, operator

__all__ = ["dense", "matmul"]


@operator("Dense")
def dense(node: Any, x: Any, kernel: Any, bias: Any = None) -> Any:
    """``activation(x @ kernel + bias)``: x (..., inputs), kernel (inputs, outputs), bias (outputs,)."""
    if kernel.ndim != 2 or not x.ndim or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"an input of shape {x.shape} has no product with a kernel of shape {kernel.shape}")
    if bias is not None and bias.shape != kernel.shape[1:]:
        raise ValueError(f"the bias must have shape {kernel.shape[1:]}; received {bias.shape}")
    _require_floats(x, kernel, *([] if bias is None else [bias]))
    y = Tensor((*x.shape[:-1], kernel.shape[1]), x.dtype)
    rows = y.size // kernel.shape[1] if kernel.shape[1] else 0
    core = _core.Dense(
        _args.dtype_id(x.dtype), rows, kernel.shape[0], kernel.shape[1], *activation_number(node.attributes)
    )
    words = {"algorithm": "dense", "flops": 2.0 * rows * kernel.size}
    reads = (0, 1) if bias is None else (0, 1, 2)
    return Step((y,), _core.dense_call(core, bias is not None), reads=reads, **words)


@operator("MatMul")
def matmul(node: Any, a: Any, b: Any) -> Any:
    """``numpy.matmul(a, b)``."""
    if a.ndim >= 1 and b.ndim == 2 and _args.dtype_id(a.dtype) in _args.FLOAT_IDS:
        return dense(node, a, b)
    if a.dtype != b.dtype:
        raise TypeError(f"both factors must have one dtype; received {a.dtype} and {b.dtype}")
    shape = np.matmul(np.broadcast_to(np.int8(0), a.shape), np.broadcast_to(np.int8(0), b.shape)).shape
    return Step((Tensor(shape, a.dtype),), lambda a, b, y: np.matmul(a, b, out=y), algorithm="matmul")


_TERM = r"[A-Za-z ]*(\.\.\.)?[A-Za-z ]*"
_EQUATION = re.compile(f"{_TERM}(,{_TERM})*(->{_TERM})?")


@operator("Einsum")
def einsum(node: Any, *inputs: Any) -> Any:
    """``numpy.einsum`` with the attribute ``equation``."""
    equation = node.attributes["equation"]
    if len(equation) > 200 or not _EQUATION.fullmatch(equation):
        raise ValueError(f"the equation {equation!r} is malformed")
    if any(x.dtype != inputs[0].dtype for x in inputs):
        raise TypeError(f"all must have one dtype; received {[x.dtype.name for x in inputs]}")
    empty = [np.broadcast_to(np.zeros((), x.dtype), x.shape) for x in inputs]
    path, _ = np.einsum_path(equation, *empty, optimize="greedy")
    shape = _einsum_shape(equation, inputs)
    return Step(
        (Tensor(shape, inputs[0].dtype),),
        lambda *arrays: np.copyto(arrays[-1], np.einsum(equation, *arrays[:-1], optimize=path)),
    )


def _einsum_shape(equation: str, inputs: Any) -> tuple[int, ...]:
    """The result's shape."""
    terms, arrow, result = equation.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    dots: tuple[int, ...] = ()
    for term, x in zip(terms.split(","), inputs, strict=True):
        before, _, after = term.partition("...")
        middle = x.shape[len(before) : x.ndim - len(after)]
        letters = [*zip(before, x.shape, strict=False), *zip(after, x.shape[x.ndim - len(after) :], strict=True)]
        for letter, size in letters:
            if 1 not in (size, sizes.setdefault(letter, size)) and sizes[letter] != size:
                raise ValueError(f"axis {letter!r} has the sizes {sizes[letter]} and {size}")
            sizes[letter] = max(size, sizes[letter])
        dots = np.broadcast_shapes(dots, middle)
    if not arrow:
        result = "..." * ("..." in terms) + "".join(sorted(c for c in sizes if terms.count(c) == 1))
    before, has_dots, after = result.partition("...")
    return (*(sizes[c] for c in before), *(dots if has_dots else ()), *(sizes[c] for c in after))


def _require_floats(x: Tensor, *others: Tensor) -> None:
    if _args.dtype_id(x.dtype) not in _args.FLOAT_IDS or any(other.dtype != x.dtype for other in others):
        raise TypeError(f"all must be floats of one dtype; received {[t.dtype.name for t in (x, *others)]}")
