"""The intermediate form of a network: what readers write, passes rewrite and plans run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Graph", "Node", "Released", "Value"]


@dataclass(frozen=True)
class Value:
    """A named array that flows through a network.

    Parameters
    ----------
    name : str
        Unique in its graph.
    shape : tuple of (int or None), or None
        None stands for a size that is free until the network is called; a shape of None is not known at all.
    dtype : numpy.dtype or None
        None where the file does not say; only outputs may leave it open.
    """

    name: str
    shape: Any = None
    dtype: Any = None


class Released(np.ndarray):
    """The shape and dtype of a kernel whose numbers are held in packed forms alone.

    Examples
    --------
    >>> kernel = Released.like(np.ones((3, 3, 8, 16), np.float32))
    >>> kernel.shape, kernel.dtype.name, kernel.strides
    ((3, 3, 8, 16), 'float32', (0, 0, 0, 0))
    """

    @classmethod
    def like(cls, kernel: np.ndarray) -> Released:
        return np.broadcast_to(np.zeros((), kernel.dtype), kernel.shape).view(cls)


@dataclass
class Node:
    """One operation: ``outputs = op(inputs)``.

    Parameters
    ----------
    op : str
        The name of an operator in `fastconv.network.operators`, whose docstring says what inputs and attributes mean.
    inputs, outputs : tuple of str
        Names of values; an empty name is an optional input that is absent, or an output that nobody wants.
    attributes : dict
        Plain numbers, strings and tuples.
    name, kind : str
        What messages and tables call it: a layer and its class, or a node and its operator, as the file has them.
    prepared : dict
        What operators make of constants once for all plans, such as packed kernels.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    kind: str = ""
    prepared: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name or self.outputs[0]!r} ({self.kind or self.op})"

    def __getstate__(self) -> Any:
        return self.__dict__ | {"prepared": {}}


@dataclass
class Graph:
    """A network: nodes in an order in which every value is computed before it is read.

    Parameters
    ----------
    inputs, outputs : list of Value
        In the file's order.
    nodes : list of Node
    constants : dict of str to numpy.ndarray
        Values that are known: weights, and small arrays such as the shape that a Reshape takes. `Released` stands for a
        kernel that is packed, in the graph of plans.
    layers : dict of str to str
        The value that a layer of the file gives, by the layer's name; what ``net(x, layers=[...])`` knows.

    Examples
    --------
    >>> graph = Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")],
    ...               [Node("Add", ("x", "one"), ("y",))], {"one": np.ones(2, np.float32)})
    >>> graph.check()
    >>> [str(node) for node in graph.nodes]
    ["'y' (Add)"]
    """

    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Graph:
        """A graph that passes may rewrite; nodes are copied, constants shared."""
        nodes = [replace(node, attributes=dict(node.attributes), prepared={}) for node in self.nodes]
        return Graph(list(self.inputs), list(self.outputs), nodes, dict(self.constants), dict(self.layers))

    def with_outputs(self, names: list[str]) -> Graph:
        """A copy whose outputs are these values; a pass keeps what is an output."""
        known = {value.name: value for value in [*self.inputs, *self.outputs]}
        graph = self.copy()
        graph.outputs = [known.get(name, Value(name)) for name in names]
        return graph

    def new_name(self, stem: str) -> str:
        """A name that no value has."""
        taken = self.names()
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        return name

    def names(self) -> set[str]:
        """The names of all values."""
        return (
            {value.name for value in self.inputs}
            | set(self.constants)
            | {name for node in self.nodes for name in node.outputs if name}
        )

    def readers(self) -> dict[str, list[Node]]:
        """The nodes that read each value, once for each reading; None stands for the caller, who reads outputs."""
        found: dict[str, list[Any]] = {name: [] for name in self.names()}
        for node in self.nodes:
            for name in filter(None, node.inputs):
                found[name].append(node)
        for value in self.outputs:
            found[value.name].append(None)
        return found

    def drop_unread_constants(self) -> None:
        """Take away constants that are neither read nor outputs, nor given by a layer.

        Examples
        --------
        >>> graph = Graph([], [Value("y")], [Node("Neg", ("a",), ("y",))], {"a": np.ones(2), "b": np.ones(3)})
        >>> graph.drop_unread_constants()
        >>> list(graph.constants)
        ['a']
        """
        read = {name for node in self.nodes for name in node.inputs} | {value.name for value in self.outputs}
        read.update(self.layers.values())
        self.constants = {name: array for name, array in self.constants.items() if name in read}

    def check(self) -> None:
        """Raise a ValueError unless every value has one origin, which comes before its readers."""
        known: set[str] = set()
        for name in [*(value.name for value in self.inputs), *self.constants]:
            _define(name, known, "the network")
        for node in self.nodes:
            for name in node.inputs:
                if name and name not in known:
                    raise ValueError(f"{node} reads {name!r}, which nothing before it gives")
            for name in filter(None, node.outputs):
                _define(name, known, node)
        for value in self.outputs:
            if value.name not in known:
                raise ValueError(f"the network's output {value.name!r} is given by no node")


def _define(name: str, known: set[str], origin: Any) -> None:
    if name in known:
        raise ValueError(f"{origin} gives {name!r}, which has another origin already")
    known.add(name)
