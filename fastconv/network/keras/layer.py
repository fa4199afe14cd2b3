"""A layer of a Keras model while it is turned into nodes, and the table of the kinds of layers that can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import FileError
from ..graph import Graph, Node

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LAYERS", "OPERATIONS", "Layer", "Placeholder", "Symbol", "Unsupported", "keras_layer", "keras_operation"]


@dataclass(frozen=True)
class Symbol:
    """A value of the graph that is built."""

    name: str


class Placeholder(Symbol):
    """What stands for the results of a layer that is not served, however many they are."""


class Unsupported(Exception):
    """A layer cannot be served; the argument says what of it."""


class Layer:
    """What the function of a kind of layer works with.

    Parameters
    ----------
    graph : Graph
        Where nodes go.
    dtype : numpy.dtype
        What the network computes in.
    name, kind : str
        The layer's name, with those of the models it is in, and its class.
    config : dict
    weights : Weights
    version : int
        Keras' major version, by which some defaults differ.
    builder : object
        What turns the layers inside this one into nodes.

    Attributes
    ----------
    words : dict
        The keywords of the call.
    mask : Symbol or None
        Of bool (batch, time): which times of the input count.
    """

    def __init__(
        self,
        graph: Graph,
        dtype: np.dtype,
        name: str,
        kind: str,
        config: dict[str, Any],
        weights: Any,
        version: int,
        builder: Any = None,
    ) -> None:
        self.graph, self.dtype, self.name, self.kind = graph, dtype, name, kind
        self.config, self.weights, self.version, self.builder = config, weights, version, builder
        self.words: dict[str, Any] = {}
        self.mask: Symbol | None = None

    def inner(self, entry: dict[Any, Any], attribute: str, x: Symbol, **words: Any) -> Any:
        """What the layer or model that this one wraps gives for x; its weights are those of that attribute."""
        return self.builder.wrapped(self, entry, attribute, x, words | {"mask": self.mask})

    def part(self, kind: str, config: dict[str, Any], weights: Any) -> Layer:
        """A part of this layer with a configuration of its own, such as its activation."""
        part = Layer(self.graph, self.dtype, self.name, kind, config, weights, self.version, self.builder)
        part.words, part.mask = self.words, self.mask
        return part

    def give_mask(self, value: Symbol, mask: Symbol | None) -> None:
        """Give a value a mask, which the layers that read it get."""
        if mask is not None:
            self.builder.masks[value.name] = mask

    def emit(self, op: str, *inputs: Any, **attributes: Any) -> Symbol:
        """A node of these inputs: symbols, arrays, numbers, or None for absent ones."""
        return self.emit_several(op, *inputs, outputs=1, **attributes)[0]

    def emit_several(self, op: str, *inputs: Any, outputs: int, **attributes: Any) -> list[Symbol]:
        """The same for a node with several outputs."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        operands = tuple("" if value is None else self.constant(value).name for value in inputs)
        stem = f"{self.name}:{len(self.graph.nodes)}"
        names = tuple(stem if i == 0 else f"{stem}.{i}" for i in range(outputs))
        self.graph.nodes.append(Node(op, operands, names, attributes, self.name, self.kind))
        return [Symbol(name) for name in names]

    def constant(self, value: Any) -> Symbol:
        """A number or array as a value of the graph, floats in what the network computes in; symbols as they are."""
        if isinstance(value, Symbol):
            return value
        array = np.asarray(value)
        if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
            array = np.ascontiguousarray(array, self.dtype).reshape(array.shape)
        elif array.dtype.kind not in "iub":
            raise Unsupported(f"a constant of {array.dtype}")
        name = f"{self.name}:constant {len(self.graph.constants)}"
        self.graph.constants[name] = array
        return Symbol(name)

    def number(self, value: Any) -> Symbol:
        """A number in what the network computes in."""
        return value if isinstance(value, Symbol) else self.constant(np.asarray(value, self.dtype))

    def arrays(self, *counts: int) -> list[np.ndarray]:
        """The layer's weights in Keras' order, of which there are as many as one of `counts`."""
        found = self.weights.arrays()
        if len(found) not in counts:
            raise FileError(
                f"layer {self.name!r} ({self.kind}) has {len(found)} weights where it needs "
                f"{' or '.join(map(str, counts))}"
            )
        result: list[np.ndarray] = found
        return result

    @property
    def data_format(self) -> str:
        """'channels_last' or 'channels_first'."""
        return self.config.get("data_format") or "channels_last"


_F = TypeVar("_F", bound="Callable[..., Any]")
LAYERS: dict[Any, Any] = {}
OPERATIONS: dict[Any, Any] = {}


def keras_layer(*kinds: str) -> Callable[[_F], _F]:
    """Register a function as what turns layers of these classes into nodes.

    It is called as ``f(layer, inputs)`` with what the layer is called with, a `Symbol` or a list of them, and returns
    the same. It raises `Unsupported` for a configuration that no operator serves.
    """
    return _register(LAYERS, kinds)


def keras_operation(*kinds: str) -> Callable[[_F], _F]:
    """The same for an operation of ``keras.ops``; it is called as ``f(layer, *arguments, **keywords)``."""
    return _register(OPERATIONS, kinds)


def _register(table: dict[Any, Any], kinds: tuple[str, ...]) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        for kind in kinds:
            if kind in table:
                raise ValueError(f"there are two functions for {kind}")
            table[kind] = function
        return function

    return register
