"""Sums and products of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Reverse, gradient

__all__ = ["add", "mean", "multiply", "summed_to", "unary"]


def summed_to(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array summed along the axes along which one of that shape was repeated.

    Examples
    --------
    >>> summed_to(np.ones((2, 3)), (3,)), summed_to(np.ones((2, 3)), (2, 1)).shape
    (array([2., 2., 2.]), (2, 1))
    """
    if array.shape == shape:
        return array
    array = array.sum(tuple(range(array.ndim - len(shape))))
    axes = tuple(i for i, size in enumerate(shape) if size == 1 and array.shape[i] != 1)
    return array.sum(axes, keepdims=True) if axes else array


def _writes(shapes: Any, wanted: Any, parts: Any) -> Any:
    """What writes the wanted ones of the gradients that `parts`, functions of arrays, give."""
    chosen = [(part, shape) for part, shape, is_wanted in zip(parts, shapes, wanted, strict=True) if is_wanted]

    def run(*arrays: Any) -> None:
        for (part, shape), out in zip(chosen, arrays[len(arrays) - len(chosen) :], strict=True):
            np.copyto(out, summed_to(part(*arrays), shape))

    return run


@gradient("Add", "Sub")
def add(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy, summed where an input was repeated; with the other sign for what is subtracted."""
    shapes = [x.shape for x in inputs]
    if node.op == "Add" and all(shape == outputs[0].shape for shape in shapes):
        return Reverse(view=True)
    second = (lambda dy, *_: dy) if node.op == "Add" else (lambda dy, *_: -dy)
    return Reverse(_writes(shapes, wanted, [lambda dy, *_: dy, second]))


@gradient("Mul")
def multiply(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy times the other factor."""
    parts = [lambda a, b, dy, *_: dy * b, lambda a, b, dy, *_: dy * a]
    return Reverse(_writes([x.shape for x in inputs], wanted, parts), (0, 1))


@gradient("Sum", "Mean")
def mean(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """dy over the number of arrays, or dy."""
    factor = outputs[0].dtype.type(1 if node.op == "Sum" else 1 / len(inputs))
    return Reverse(_writes([x.shape for x in inputs], wanted, [lambda dy, *_: dy * factor] * len(inputs)))


@gradient("Neg", "Square")
def unary(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """-dy, and 2 x dy."""
    if node.op == "Neg":
        return Reverse(lambda dy, dx: np.negative(dy, out=dx))
    return Reverse(lambda x, dy, dx: np.multiply(x + x, dy, out=dx), (0,))
