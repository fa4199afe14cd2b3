"""Arithmetic with NumPy's broadcasting."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ... import _args, _core
from .activation import activation_number
from .registry import Step, Tensor, operator

__all__ = ["activated", "binary", "clip", "comparison", "unary", "variadic", "where"]


def _divide(a: Any, b: Any, out: Any) -> Any:
    """Quotients, of integers rounded towards 0."""
    if out.dtype.kind == "f":
        return np.divide(a, b, out=out)
    np.floor_divide(a, b, out=out)
    return np.add(out, (out < 0) & (out * b != a), out=out, casting="unsafe")


_BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divide}
_COMPARISONS = {
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Equal": np.equal,
}
_UNARY = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Reciprocal": np.reciprocal,
    "Square": np.square,
    "Sign": np.sign,
}
_VARIADIC = {"Sum": np.add, "Max": np.maximum, "Min": np.minimum, "Mean": np.add}


def quiet(function: Any) -> Any:
    """function without NumPy's warnings: infinities and NaN are results like others."""

    def run(*arrays: Any) -> None:
        with np.errstate(all="ignore"):
            function(*arrays)

    return run


@operator(*_BINARY)
def binary(node: Any, a: Any, b: Any) -> Any:
    """``activation(a op b)`` of arrays of one dtype."""
    _require_one_dtype(a, b)
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    function: Any = _BINARY[node.op]
    if node.op == "Add" and a.shape == b.shape and a.dtype.name in ("float32", "float64"):
        run = functools.partial(_core.add, _args.dtype_id(a.dtype), 1, y.size)
        return Step((y,), activated(run, node.attributes, y), in_place=True)
    run = quiet(lambda a, b, y: function(a, b, out=y))
    return Step((y,), activated(run, node.attributes, y), in_place=a.shape == y.shape)


def activated(run: Any, attributes: dict[str, Any], y: Tensor) -> Any:
    """run, then the activation of a node, if any, of its result in place."""
    number, alpha = activation_number(attributes)
    if not number:
        return run
    activate = functools.partial(_core.activate, _args.dtype_id(y.dtype), number, alpha, y.size)

    def both(*arrays: Any) -> None:
        run(*arrays)
        activate(arrays[-1], arrays[-1])

    return both


@operator(*_COMPARISONS)
def comparison(node: Any, a: Any, b: Any) -> Any:
    """``a op b`` of arrays of one dtype, as bool."""
    _require_one_dtype(a, b)
    function = _COMPARISONS[node.op]
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), np.dtype(bool))
    return Step((y,), lambda a, b, y: function(a, b, out=y))


@operator("Where")
def where(node: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b."""
    _require_one_dtype(a, b)

    def run(condition: Any, a: Any, b: Any, y: Any) -> None:
        np.copyto(y, b)
        np.copyto(y, a, where=condition)

    return Step((Tensor(np.broadcast_shapes(condition.shape, a.shape, b.shape), a.dtype),), run)


@operator(*_UNARY)
def unary(node: Any, x: Any) -> Any:
    """``op(x)``, elementwise."""
    function = _UNARY[node.op]
    return Step((Tensor(x.shape, x.dtype),), quiet(lambda x, y: function(x, out=y)), in_place=True)


@operator(*_VARIADIC)
def variadic(node: Any, *inputs: Any) -> Any:
    """Sum, mean, maximum or minimum of one or more arrays, elementwise."""
    _require_one_dtype(*inputs)
    y = Tensor(np.broadcast_shapes(*(x.shape for x in inputs)), inputs[0].dtype)
    function, mean = _VARIADIC[node.op], node.op == "Mean"

    def run(first: Any, *rest: Any) -> None:
        *others, y = rest
        np.copyto(y, first)
        for other in others:
            function(y, other, out=y)
        if mean:
            np.divide(y, y.dtype.type(len(others) + 1), out=y)

    return Step((y,), quiet(run))


@operator("Clip")
def clip(node: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    """x held between two numbers; None for no bound. NaN stays NaN."""

    def run(x: Any, *bounds_and_y: Any) -> None:
        *bounds, y = bounds_and_y
        bounds += [None] * (2 - len(bounds))
        if bounds == [None, None]:
            np.copyto(y, x)
        else:
            np.clip(x, *bounds, out=y)

    return Step((Tensor(x.shape, x.dtype),), run, in_place=True)


def _require_one_dtype(first: Tensor, *others: Tensor) -> None:
    if any(other.dtype != first.dtype for other in others):
        raise TypeError(f"all inputs must have one dtype; received {[t.dtype.name for t in (first, *others)]}")
