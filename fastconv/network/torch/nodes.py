"""What mappings of ATen's operators are written in: a call of the program, and an emitter of nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..graph import Graph, Node

__all__ = ["MAPPING", "Call", "Emitter", "Refused", "maps"]


class Refused(ValueError):
    """A call uses what no operator serves; the text says what."""


@dataclass(frozen=True)
class Result:
    """Shape, with None for sizes that are symbols, and dtype of a tensor of the program."""

    shape: tuple[int | None, ...]
    dtype: np.dtype


@dataclass
class Call:
    """A call of an operator.

    `arguments` has every argument of the operator's schema by its name, with defaults. Values of the program are
    `Reference`s, also in lists.
    """

    target: str
    name: str
    arguments: dict[Any, Any]
    results: tuple[Result, ...]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def numbers(self, name: str, count: int = 0) -> tuple[int, ...]:
        """A list of integers that are known; one stands for `count` of them."""
        value = self.arguments[name]
        numbers = (value,) if isinstance(value, int) else tuple(value or ())
        if not all(type(number) is int for number in numbers):
            raise Refused(f"{name} that depend on sizes")
        return numbers * count if len(numbers) == 1 < count else numbers

    def require(self, name: str, *allowed: Any) -> None:
        """Refuse any other value of an argument."""
        if self.arguments.get(name, allowed[0]) not in allowed:
            raise Refused(f"{name}={self.arguments[name]!r}")


@dataclass(frozen=True)
class Reference:
    """A value of the program: its name in the graph, and what is known of it; a size has no dtype."""

    name: str
    shape: tuple[int | None, ...] = ()
    dtype: np.dtype | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Emitter:
    """Adds nodes to a graph for one call at a time."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layer = ""
        self.kind = ""
        self._count = 0

    def new_name(self) -> str:
        """A name that no program gives, as it holds a NUL."""
        self._count += 1
        return f"\0{self._count}"

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        """A constant of these values."""
        name = self.new_name()
        self.graph.constants[name] = np.asarray(values, dtype)
        return name

    def known(self, reference: Reference) -> np.ndarray | None:
        """The array of a constant, None for other values."""
        return self.graph.constants.get(reference.name)

    def add(self, op: str, *inputs: str, to: str | tuple[str, ...] = "", **attributes: Any) -> str:
        """Add a node that gives `to`, by default a new value; returns the name of its first output."""
        outputs = to if isinstance(to, tuple) else (to or self.new_name(),)
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        self.graph.nodes.append(Node(op, inputs, outputs, attributes, self.layer, self.kind))
        return outputs[0]

    def transposed(self, value: Reference, perm: tuple[int, ...]) -> str:
        """The value with its axes in that order; of a constant a view."""
        array = self.known(value)
        if array is None:
            return self.add("Transpose", value.name, perm=perm)
        view = self.new_name()
        self.graph.constants[view] = array.transpose(perm)
        return view

    def operand(self, value: Any, dtype: np.dtype) -> str:
        """The name of an operand of arithmetic in a dtype: a value, cast if it has another one, or a number."""
        if isinstance(value, Reference):
            if value.dtype is None:
                raise Refused("arithmetic of sizes and numbers of tensors")
            return value.name if value.dtype == dtype else self.add("Cast", value.name, dtype=dtype.name)
        if isinstance(value, bool | int | float):
            return self.constant(value, dtype)
        raise Refused(f"an operand {value!r}")

    def sizes(self, items: Any) -> str:
        """The name of a vector of integers, some of which may be sizes of the program."""
        if all(type(item) is int for item in items):
            return self.constant(items)
        parts = [item.name if isinstance(item, Reference) else self.constant([item]) for item in items]
        return self.add("Concat", *parts, axis=0)


_F = TypeVar("_F", bound="Callable[..., Any]")
MAPPING: dict[str, Callable[[Call, Emitter, tuple[str, ...]], None]] = {}


def maps(*targets: str) -> Callable[[_F], _F]:
    """Register a function as what maps the operators of these names; it raises `Refused` for what it does not.

    It takes the call, the emitter and the names of the call's results.
    """

    def register(function: _F) -> _F:
        for target in targets:
            if target in MAPPING:
                raise ValueError(f"there are two mappings of {target}")
            MAPPING[target] = function
        return function

    return register
