"""A graph while a pass gives its images another order of axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Graph, Node

__all__ = ["Relayout", "moved_axis", "size_of", "to_first", "to_last"]


def to_last(rank: int) -> tuple[int, ...]:
    """The order of axes that puts channels last.

    Examples
    --------
    >>> to_last(4), to_first(4)
    ((0, 2, 3, 1), (0, 3, 1, 2))
    """
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """The inverse of `to_last`."""
    return (0, rank - 1, *range(1, rank - 1))


def moved_axis(axis: int, rank: int) -> int:
    """Where an axis is in a twin; one that does not exist stays, for its operator to refuse."""
    return to_last(rank).index(axis % rank) if -rank <= axis < rank else axis


class Relayout:
    """The nodes of a graph, written anew one after the other.

    A value may have a twin: the same numbers with channels last. A node is written on twins, which gives its outputs
    twins, or is kept on values as the file orders them. What is missing is made by a Transpose when it is first read,
    so that nothing stands between two nodes on twins.

    Parameters
    ----------
    graph : Graph
        Read only, until `finish`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.readers = graph, graph.readers()
        self._nodes: list[Node] = []
        self._there = {value.name for value in graph.inputs} | set(graph.constants)
        self._taken, self._made = graph.names(), 0
        self._twins: dict[str, str] = {}
        self._constants: dict[tuple[str, int, bool], str] = {}
        self._turned: dict[str, str] = {}
        self._ranks = {value.name: len(value.shape) for value in graph.inputs if value.shape is not None}
        self._ranks.update((name, array.ndim) for name, array in graph.constants.items() if array is not None)
        self._channels: dict[str, int] = {}
        self._batches = {value.name: value.shape[0] for value in graph.inputs if value.shape and value.shape[0]}
        self._skipped: set[int] = set()
        self._of_rows: dict[str, int] = {}

    def constant(self, name: str) -> Any:
        """The array of a value that is constant."""
        return self.graph.constants.get(name)

    def rank(self, name: str) -> int | None:
        """How many axes a value has, if that is known."""
        return self._ranks.get(name)

    def channels(self, name: str) -> int | None:
        """How many channels a value has, if that is known."""
        return self._channels.get(name)

    def batch(self, name: str) -> int | None:
        """How many images a value has, if that is known."""
        return self._batches.get(name)

    def know_rank(self, name: str, rank: int) -> None:
        """Note how many axes a value has."""
        self._ranks[name] = rank

    def has_twin(self, name: str) -> bool:
        """Whether there is a twin already."""
        return name in self._twins

    def twin_rank(self, name: str) -> int | None:
        """How many axes a value has that has a twin already, else None."""
        return self._ranks[name] if name in self._twins else None

    def fits(self, name: str, rank: int) -> bool:
        """Whether `twin` knows how to write the value beside twins of so many axes."""
        if name in self.graph.constants:
            return self._ranks[name] <= rank
        return not name or self._ranks.get(name) in (0, rank)

    def twin(self, name: str, rank: int) -> str:
        """The name of the value with channels last, among values of so many axes that it is broadcast to."""
        if not name or self._ranks[name] == 0:
            return name
        if name in self.graph.constants:
            return self._constant_twin(name, rank)
        if name not in self._twins and name in self._turned:
            self._twins[name] = self._turned[name]
        if name not in self._twins:
            self._twins[name] = self.new_name(name)
            self._nodes.append(
                Node(
                    "Transpose", (self.original(name),), (self._twins[name],), {"perm": to_last(rank)}, kind="Transpose"
                )
            )
        return self._twins[name]

    def operand(self, name: str, rank: int) -> str:
        """The same beside a twin of so many axes, to which a constant that is broadcast has as few axes as can be."""
        if name not in self.graph.constants or self.graph.constants[name].size == 1:
            return self.twin(name, rank)
        return self._constant_twin(name, rank, short=True)

    def _constant_twin(self, name: str, rank: int, short: bool = False) -> str:
        key = name, rank, short
        if key not in self._constants:
            array = self.graph.constants[name]
            wide = array.reshape((1,) * (rank - array.ndim) + array.shape)
            moved = np.ascontiguousarray(wide.transpose(to_last(rank)))
            leading = next(i for i, size in enumerate(moved.shape) if size != 1) if short else 0
            self._constants[key] = self.add_constant(moved.reshape(moved.shape[leading:]), name)
        return self._constants[key]

    def original(self, name: str) -> str:
        """The name of the value as the file orders it."""
        if name and name not in self._there:
            self._there.add(name)
            self._nodes.append(
                Node(
                    "Transpose", (self._twins[name],), (name,), {"perm": to_first(self._ranks[name])}, kind="Transpose"
                )
            )
        return name

    def keep(self, node: Node, rank: int | None = None) -> None:
        """Write a node on values as the file orders them; so many axes has what it gives, if that is known."""
        for name in node.inputs:
            self.original(name)
        self.give(node, rank)

    def give(self, node: Node, rank: int | None = None) -> None:
        """Write a node that reads what is there, and gives values as the file orders them."""
        self._nodes.append(node)
        for name in filter(None, node.outputs):
            self._there.add(name)
            if rank is not None:
                self._ranks[name] = rank

    def move(
        self,
        node: Node,
        inputs: tuple[str, ...],
        rank: int,
        channels: int | None = None,
        batch: int | None = None,
        **changes: Any,
    ) -> None:
        """Write a node that reads what is there, and gives twins of its outputs, of so many axes, channels and images.

        `changes` are those of the node: `op` and `attributes`.
        """
        outputs = tuple(name and self.new_name(name) for name in node.outputs)
        for name, twin in zip(node.outputs, outputs, strict=True):
            if name:
                self.declare(name, twin, rank, channels, batch)
        self._nodes.append(replace(node, inputs=inputs, outputs=outputs, **changes))

    def between(self, node: Node, inputs: tuple[str, ...], **changes: Any) -> str:
        """Write a node that reads what is there, and gives a new value; its name."""
        name = self.new_name(node.outputs[0])
        self._nodes.append(replace(node, inputs=inputs, outputs=(name,), **changes))
        return name

    def skip(self, node: Node) -> None:
        """Note that what a later node gives is written already."""
        self._skipped.add(id(node))

    def is_skipped(self, node: Node) -> bool:
        """Whether what a node gives is written already."""
        return id(node) in self._skipped

    def declare(self, name: str, twin: str, rank: int, channels: int | None = None, batch: int | None = None) -> None:
        """Let a value be known by its twin."""
        self._twins[name], self._ranks[name] = twin, rank
        if channels is not None:
            self._channels[name] = channels
        if batch is not None:
            self._batches[name] = batch

    def turned(self, name: str, source: str) -> None:
        """Let a value, which is written too, have another one as its twin as soon as that is asked for."""
        self._turned[name] = source

    def reorder_rows(self, name: str, channels: int) -> None:
        """Note that images of so many channels were flattened with channels last."""
        self._of_rows[name] = channels

    def channels_of_rows(self, name: str) -> int | None:
        """The channels of images that were flattened so, else None."""
        return self._of_rows.get(name)

    def add_constant(self, array: np.ndarray, stem: str) -> str:
        """A new constant; its name."""
        name = self.new_name(stem)
        self.graph.constants[name] = array
        return name

    def new_name(self, stem: str) -> str:
        """A name that no value has."""
        name = f"{stem}:last"
        while name in self._taken:
            self._made += 1
            name = f"{stem}:last {self._made}"
        self._taken.add(name)
        return name

    def finish(self) -> None:
        """Write the nodes to the graph."""
        for value in self.graph.outputs:
            self.original(value.name)
        self.graph.nodes = self._nodes


def size_of(layout: Relayout, name: str, rank: int, axis: int) -> int | None:
    """Images (axis 0) or channels (axis 1) of a value among others of so many axes."""
    array = layout.constant(name)
    if array is not None:
        result: int | None = ((1,) * (rank - array.ndim) + array.shape)[axis]
        return result
    return layout.channels(name) if axis else layout.batch(name)
