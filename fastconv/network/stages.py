"""Networks in which sizes follow from data: what is before and after such nodes has plans of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .graph import Graph, Node, Value
from .limits import Limits
from .operators import Tensor, plan_node
from .plans import Plans

__all__ = ["OF_DATA", "Stages", "plans_of"]

OF_DATA = ("NonMaxSuppression", "NonZero")  # operators of results whose sizes follow from data
_OF_SIZES = ("Shape", "Size")


def plans_of(graph: Graph, limits: Limits) -> Plans | Stages:
    """What runs for a graph."""
    return (Stages if any(node.op in OF_DATA for node in graph.nodes) else Plans)(graph, limits)


class Stages:
    """What runs for a graph with nodes of `OF_DATA`, with the methods of `Plans`.

    A first stage has what does not depend on such nodes. They run on its results. The next stage, which takes theirs,
    is planned for the sizes that came out.

    Parameters
    ----------
    graph : Graph
    limits : Limits

    Examples
    --------
    >>> graph = Graph([Value("x", (None,), np.dtype("float32"))], [Value("z")],
    ...               [Node("NonZero", ("x",), ("y",)), Node("Neg", ("y",), ("z",))])
    >>> Stages(graph, Limits()).run([np.array([0, 3, 4], np.float32)], ("z",))
    [array([[-1, -2]])]
    """

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self._graph, self._limits = graph, limits
        self._first, self._between, self._late = _parts(graph)
        needed = {name for node in self._between + self._late for name in node.inputs if name}
        given = {value.name for value in graph.inputs} | {name for node in self._first for name in node.outputs}
        self._passed = tuple(sorted(needed & given))
        early = replace(graph.copy(), nodes=self._first, outputs=[Value(name) for name in self._passed])
        early.layers = {}
        self._before = Plans(early, limits)
        self._known = given
        self._after: Plans | Stages | None = None

    def run(self, arrays: list[np.ndarray], outputs: tuple[str, ...]) -> list[np.ndarray]:
        """What these outputs are for inputs that are C-contiguous and of the graph's dtypes."""
        early = tuple(name for name in outputs if name in self._known)
        wanted = tuple(dict.fromkeys((*self._passed, *early)))
        values = dict(zip(wanted, self._before.run(arrays, wanted), strict=True)) if wanted else {}
        results = {name: values[name] for name in early}
        for node in self._between:
            inputs = [Tensor.of(self._value(name, values)) if name else None for name in node.inputs]
            values.update(zip(node.outputs, (tensor.value for tensor in plan_node(node, inputs).outputs), strict=True))
        results |= {name: values[name] for name in outputs if name in values}
        late = tuple(name for name in outputs if name not in results)
        if late:
            after = self._following(values)
            taken = [np.ascontiguousarray(values[name]) for name in self._names]
            results |= dict(zip(late, after.run(taken, late), strict=True))
        return [results[name] for name in outputs]

    def _value(self, name: str, values: dict[str, np.ndarray]) -> np.ndarray:
        return values[name] if name in values else self._graph.constants[name]

    def _following(self, values: dict[str, np.ndarray]) -> Plans | Stages:
        """The next stage; its inputs have the axes and dtypes that the first values have."""
        if self._after is None:
            read = {name for node in self._late for name in node.inputs}
            self._names = [name for name in values if name in read]
            inputs = [Value(name, (None,) * values[name].ndim, values[name].dtype) for name in self._names]
            made = {name for node in self._late for name in node.outputs}
            outputs = [value for value in self._graph.outputs if value.name in made]
            parts: dict[str, Any] = {"inputs": inputs, "outputs": outputs, "nodes": self._late, "layers": {}}
            self._after = plans_of(replace(self._graph.copy(), **parts), self._limits)
        return self._after

    def apart(self, shapes: Any, outputs: Any) -> None:
        """A plan for all of it, which there is not."""
        raise ValueError("sizes in this network follow from data, so that its steps are not known before it runs")

    def widened(self, arrays: list[np.ndarray], outputs: tuple[str, ...], batch_size: int) -> int:
        """The batch size itself: stages do not run in chunks."""
        return batch_size

    def shaped(self, values: list[Value]) -> list[Value]:
        """Values with shapes where data do not decide them."""
        early = [value for value in values if value.name in self._known]
        found = dict(zip([value.name for value in early], self._before.shaped(early), strict=True))
        return [found.get(value.name, value) for value in values]

    @property
    def nbytes(self) -> int:
        """As of `Net.nbytes`."""
        return self._before.nbytes + (self._after.nbytes if self._after is not None else 0)


def _parts(graph: Graph) -> tuple[list[Node], list[Node], list[Node]]:
    """Nodes that depend on none of `OF_DATA`, the first of those, and the others with what computes their sizes."""
    late: set[str] = set()
    of_sizes: set[str] = set(graph.constants)
    first, between, behind = [], [], []
    for node in graph.nodes:
        names = set(filter(None, node.inputs))
        if names & late:
            behind.append(node)
            late.update(node.outputs)
        elif node.op in OF_DATA:
            between.append(node)
            late.update(node.outputs)
        else:
            first.append(node)
            if node.op in _OF_SIZES or names <= of_sizes:
                of_sizes.update(node.outputs)
    needed = {name for node in behind for name in node.inputs}
    shared = []
    for node in reversed(first):
        if needed & set(node.outputs) and set(node.outputs) <= of_sizes:
            shared.append(node)
            needed.update(node.inputs)
    return first, between, [*reversed(shared), *behind]
