"""What passes share: who gives and who reads a value, kept up to date while nodes go."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Graph, Node

__all__ = ["Rewriter"]


class Rewriter:
    """A graph while a pass changes it. Every change costs the same, however large the graph.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")], [Node("Neg", ("x",), ("y",)), Node("Abs", ("y",), ("z",))])
    >>> rewriter = Rewriter(graph)
    >>> first, second = rewriter.nodes()
    >>> rewriter.only_reader(first) is second
    True
    >>> rewriter.absorb(first, second)
    >>> rewriter.finish()
    >>> graph.nodes
    [Node(op='Neg', inputs=('x',), outputs=('z',), attributes={}, name='', kind='')]
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._readers = graph.readers()
        self._sources = {name: node for node in graph.nodes for name in node.outputs if name}
        self._gone: set[int] = set()
        self._made = 0

    def nodes(self) -> Any:
        """The nodes that are still there, in order."""
        return (node for node in self.graph.nodes if id(node) not in self._gone)

    def source(self, name: str) -> Node | None:
        """The node that gives a value."""
        return self._sources.get(name)

    def constant(self, name: str) -> Any:
        """The array of a value that is constant."""
        return self.graph.constants.get(name)

    def readers(self, name: str) -> list[Node | None]:
        """Who reads a value; None stands for the network's caller."""
        return [*self._readers.get(name, [])]

    def only_reader(self, node: Node) -> Node | None:
        """The node that alone reads the only output of a node."""
        readers = self._readers[node.outputs[0]] if len(node.outputs) == 1 else []
        return readers[0] if len(readers) == 1 else None

    def add_constant(self, array: np.ndarray, stem: str) -> str:
        """A new constant; its name."""
        name = f"{stem}:folded {self._made}"
        while name in self._sources or name in self.graph.constants:
            self._made += 1
            name = f"{stem}:folded {self._made}"
        self.graph.constants[name] = array
        self._readers[name] = []
        return name

    def know(self, *names: str) -> None:
        """Let nodes read values of these names, which the caller gives a node that stands before."""
        for name in names:
            self._readers.setdefault(name, [])

    def set_inputs(self, node: Node, inputs: tuple[str, ...]) -> None:
        """Let a node read other values."""
        for name in filter(None, node.inputs):
            self._readers[name] = [reader for reader in self._readers[name] if reader is not node]
        node.inputs = inputs
        for name in filter(None, inputs):
            self._readers[name].append(node)

    def absorb(self, node: Node, reader: Node) -> None:
        """Let a node give what its only reader gave, which goes."""
        self.remove(reader)
        del self._sources[node.outputs[0]]
        node.outputs = reader.outputs
        self._sources[node.outputs[0]] = node

    def remove(self, node: Node) -> None:
        """Take a node away, whose outputs nobody reads then."""
        self.set_inputs(node, ())
        self._gone.add(id(node))
        for name in filter(None, node.outputs):
            self._sources.pop(name, None)

    def bypass(self, node: Node) -> bool:
        """Take a node away whose output is its first input; False where both are values that the caller sees."""
        source, target = node.inputs[0], node.outputs[0]
        if None not in self._readers[target]:
            for reader in list(self._readers[target]):
                self.set_inputs(reader, tuple(source if name == target else name for name in reader.inputs))
            self.remove(node)
            return True
        before = self._sources.get(source)
        if before is None or None in self._readers[source]:
            return False
        others = [reader for reader in self._readers[source] if reader is not node]
        self.remove(node)
        before.outputs = tuple(target if name == source else name for name in before.outputs)
        self._sources[target] = before
        del self._sources[source]
        for reader in others:
            self.set_inputs(reader, tuple(target if name == source else name for name in reader.inputs))
        return True

    def finish(self) -> None:
        """Write the change to the graph; constants that nobody reads go."""
        self.graph.nodes = list(self.nodes())
        read = {name for node in self.graph.nodes for name in node.inputs} | {v.name for v in self.graph.outputs}
        self.graph.constants = {name: array for name, array in self.graph.constants.items() if name in read}
