"""What mappings of operators are written in: a node of the file with its attributes, and an emitter of nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..branches import Branch
from ..graph import Graph, Node
from ..protobuf import Message

__all__ = ["MAPPING", "Emitter", "OnnxNode", "Refused", "maps"]


_OF_SIZES = ("Shape", "Size")  # operators that see sizes only


class Refused(ValueError):
    """A node uses what no operator serves; the text says what."""


@dataclass
class OnnxNode:
    """A node of the file.

    `version` is that of the operator set that it is written in. Attributes are int, float, str, tuples of them, arrays,
    or a GraphProto.
    """

    kind: str
    name: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def input(self, index: int) -> str:
        """The name of an input, empty where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def output(self, index: int) -> str:
        """The name of an output, empty where nobody wants it."""
        return self.outputs[index] if index < len(self.outputs) else ""

    def get(self, name: str, default: Any) -> Any:
        """An attribute of the default's type; a tuple holds what the default does, or integers."""
        value = self.attributes.get(name, default)
        wanted = type(default)
        if not isinstance(value, wanted) or (
            wanted is tuple and any(not isinstance(item, type(default[0]) if default else int) for item in value)
        ):
            raise Refused(f"attribute {name!r} of an unexpected type")
        return value

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """An attribute of integers, None where it is absent."""
        return self.get(name, ()) if name in self.attributes else None

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        """An attribute that is one of some words."""
        value = self.get(name, default)
        if value not in known:
            raise Refused(f"{name} {value!r}")
        result: str = value
        return result

    def only_first_output(self) -> None:
        """Refuse further outputs."""
        if any(self.outputs[1:]):
            raise Refused("more than its first output")


class Emitter:
    """Adds nodes to a graph for one node of the file at a time.

    `subgraph` gives the branch that a GraphProto is.
    """

    def __init__(self, graph: Graph, subgraph: Callable[[object], Branch]) -> None:
        self.graph, self.subgraph = graph, subgraph
        self._ranks = {value.name: len(value.shape) for value in graph.inputs}
        self._of_data = set(self._ranks)
        self.node: Any = None  # the OnnxNode that is mapped
        self._count = 0

    def new_name(self) -> str:
        """A name that no file gives, as it holds a NUL."""
        self._count += 1
        return f"\0{self._count}"

    def depends_on_data(self, name: str) -> bool:
        """Whether a value follows from more than constants and the sizes of inputs."""
        return name in self._of_data

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        """The name of a new constant."""
        name = self.new_name()
        self.graph.constants[name] = np.asarray(values, dtype)
        return name

    def give(self, name: str, array: np.ndarray) -> None:
        """Make a value that the file names a constant."""
        if name in self.graph.constants:
            raise Refused(f"the output {name!r}, which there is already")
        self.graph.constants[name] = array

    def rank(self, name: str) -> int | None:
        """How many axes a constant or an input of the network has, or what such a one stands for; None for others."""
        return self.graph.constants[name].ndim if name in self.graph.constants else self._ranks.get(name)

    def known(self, name: str) -> np.ndarray | None:
        """The array of a constant, None for other values."""
        return self.graph.constants.get(name)

    def add(self, op: str, *inputs: str, to: str | tuple[str, ...] = "", **attributes: Any) -> str:
        """Add a node that gives `to`, by default a new value; returns the name of its first output."""
        outputs = to if isinstance(to, tuple) else (to or self.new_name(),)
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        if op not in _OF_SIZES and any(map(self.depends_on_data, inputs)):
            self._of_data.update(outputs)
        if op in ("QuantizeLinear", "DequantizeLinear"):
            rank = self.rank(inputs[0])
            if rank is not None:
                self._ranks[outputs[0]] = rank
        self.graph.nodes.append(Node(op, inputs, outputs, attributes, self.node.name, self.node.kind))
        return outputs[0]

    def transposed(self, name: str, perm: tuple[int, ...]) -> str:
        """The value with its axes in that order; of a constant a view."""
        array = self.known(name)
        if array is None:
            return self.add("Transpose", name, perm=perm)
        if array.ndim != len(perm):
            raise Refused(f"an input of {array.ndim} axes where {len(perm)} belong")
        view = self.new_name()
        self.graph.constants[view] = array.transpose(perm)
        return view

    def chain(self, name: str, *steps: tuple[str, dict[Any, Any]], to: str) -> None:
        """Add nodes of one input, each on the result of the one before; the last gives `to`."""
        for index, (op, attributes) in enumerate(steps):
            name = self.add(op, name, to=to if index == len(steps) - 1 else "", **attributes)


@dataclass(frozen=True)
class Mapping:
    """How an operator is mapped: by a function, of nodes that have the first `least` inputs and at most `most`."""

    function: Callable[[OnnxNode, Emitter], None]
    least: int
    most: int

    def __call__(self, node: OnnxNode, emit: Emitter) -> None:
        missing = len(node.inputs) < self.least or not all(node.inputs[: self.least])
        if missing or len(node.inputs) > self.most or not any(node.outputs):
            raise Refused(f"{len(node.inputs)} inputs and {len(node.outputs)} outputs")
        self.function(node, emit)


_F = TypeVar("_F", bound="Callable[..., Any]")
MAPPING: dict[str, Mapping] = {}


def maps(*kinds: str, least: int = 1, most: int = 1) -> Callable[[_F], _F]:
    """Register a function as what maps the operators of these names; it raises `Refused` for what it does not."""

    def register(function: _F) -> _F:
        for kind in kinds:
            if kind in MAPPING:
                raise ValueError(f"there are two mappings of {kind}")
            MAPPING[kind] = Mapping(function, least, most)
        return function

    return register


def attribute_value(attribute: Message, array_of: Callable[[Message], np.ndarray]) -> Any:
    """The value of an AttributeProto; tensors by `array_of`."""
    if attribute.ref_attr_name:
        raise Refused("an attribute of a function")
    kind = attribute.type or next((kind for kind, (name, _) in _VALUES.items() if attribute.has(name)), 0)
    if kind not in _VALUES:
        raise Refused(f"attribute {attribute.name!r} of type {kind}")
    name, convert = _VALUES[kind]
    value = getattr(attribute, name)
    if kind == 4:
        convert = array_of
    if value is None:
        raise Refused(f"attribute {attribute.name!r} without a value")
    return convert(value)


def _text(data: Any) -> str:
    return bytes(data).decode(errors="replace")


# AttributeProto.AttributeType -> (field, conversion)
_VALUES: dict[int, tuple[str, Any]] = {
    1: ("f", float),
    2: ("i", int),
    3: ("s", _text),
    4: ("t", None),
    5: ("g", lambda graph: graph),
    6: ("floats", lambda numbers: tuple(map(float, numbers))),
    7: ("ints", lambda numbers: tuple(map(int, numbers))),
    8: ("strings", lambda texts: tuple(map(_text, texts))),
}
