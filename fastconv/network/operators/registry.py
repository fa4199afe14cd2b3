"""What an operator is: a function that plans a node for concrete inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..graph import Node

__all__ = ["OPERATORS", "Step", "Tensor", "contiguous", "fold", "operator", "plan_node"]


@dataclass(frozen=True)
class Tensor:
    """An array whose sizes are known when a plan is made, and its values too where it is constant.

    Examples
    --------
    >>> Tensor((2, 3), np.dtype("float32")).nbytes
    24
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    value: Any = None

    @classmethod
    def of(cls, value: np.ndarray) -> Tensor:
        """The constant of these values."""
        return cls(value.shape, value.dtype, value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class Step:
    """How a node runs on the sizes it was planned for.

    Parameters
    ----------
    outputs : tuple of Tensor
        One that has a value is a constant.
    run : callable or None
        ``run(*inputs, *outputs)`` reads C-contiguous arrays and writes all of every output. It keeps no state between
        calls, as several threads may be in it. None where all outputs are constants, and for a view.
    reads : tuple of int, optional
        Which inputs `run` takes, by position; all by default, None for an absent one. What is packed beforehand need
        not be passed.
    view : bool
        The output is the first input's memory in another shape; nothing runs.
    in_place : bool
        `run` may be given the first input's memory as that of its output, where both are of one size.
    calls : tuple of fastconv._core.Call
        Convolutions that `run` is or makes, whose kernels are packed before it runs.
    algorithm : str
        What a profile calls it.
    flops : float
    """

    outputs: tuple[Tensor, ...]
    run: Any = None
    reads: tuple[int, ...] | None = None
    view: bool = False
    in_place: bool = False
    calls: tuple[Any, ...] = ()
    algorithm: str = ""
    flops: float = 0.0


_F = TypeVar("_F", bound="Callable[..., Any]")
OPERATORS: dict[str, Callable[..., Step]] = {}


def operator(*names: str) -> Callable[[_F], _F]:
    """Register a function as the operator of these names.

    The function is called as ``f(node, *inputs)``, each input a `Tensor` or None for an absent one, and returns a
    `Step`. It raises a ValueError or TypeError for inputs that do not fit.

    Examples
    --------
    >>> @operator("Negated")
    ... def negated(node, x):
    ...     return Step((Tensor(x.shape, x.dtype),), np.negative, in_place=True)
    >>> step = plan_node(Node("Negated", ("x",), ("y",)), [Tensor((2,), np.dtype("float32"))])
    >>> y = np.empty(2, np.float32)
    >>> step.run(np.array([1, 2], np.float32), y)
    array([-1., -2.], dtype=float32)
    >>> del OPERATORS["Negated"]
    """

    def register(function: _F) -> _F:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"there are two operators of the name {name}")
            OPERATORS[name] = function
        return function

    return register


def plan_node(node: Node, inputs: list[Tensor | None]) -> Step:
    """The step of a node for these inputs; an error names the node.

    Raises
    ------
    ValueError
        If the inputs do not fit the node.
    """
    try:
        return OPERATORS[node.op](node, *inputs)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        shapes = ", ".join("none" if x is None else f"{x.dtype}{list(x.shape)}" for x in inputs)
        raise ValueError(f"{node} on {shapes}: {error}") from error


def fold(step: Step, inputs: list[Tensor | None]) -> tuple[Tensor, ...]:
    """The outputs of a step on constants, as constants."""
    arrays = [None if x is None else x.value for x in inputs]
    if step.view:
        (output,) = step.outputs
        return (Tensor.of(np.ascontiguousarray(arrays[0]).reshape(output.shape)),)
    results = [np.empty(tensor.shape, tensor.dtype) for tensor in step.outputs]
    reads = range(len(arrays)) if step.reads is None else step.reads
    given = [arrays[i] for i in reads]
    step.run(*(None if array is None else contiguous(array) for array in given), *results)
    return tuple(map(Tensor.of, results))


def contiguous(array: np.ndarray) -> np.ndarray:
    """An array in C order, of the same number of axes."""
    return array if array.flags.c_contiguous else np.array(array, order="C")
