"""Kernels in memory once: packed for what runs, without what they were packed from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _core
from .graph import Graph, Node, Released

__all__ = ["pack_kernels"]

_MUCH = 1 << 23  # bytes


def pack_kernels(graph: Graph, plans: Iterable[Any]) -> None:
    """Pack the kernels of convolutions as plans of a graph run on them, and release those that no run reads.

    Raises
    ------
    fastconv._core.NotPacked
        If a kernel has been released that has to be packed in another form.
    """
    readers = graph.readers()
    for plan in plans:
        plan.forget_constants()
    freed = given_back = 0
    for node, calls in _calls_of(plans):
        for call in calls:
            call.pack()
        released = all([prepared.release() for prepared in node.prepared.values()])
        if released and calls and node.inputs[1] in graph.constants and _is_packed_alone(node, readers):
            kernel = graph.constants[node.inputs[1]]
            freed += 0 if isinstance(kernel, Released) else kernel.nbytes
            graph.constants[node.inputs[1]] = Released.like(kernel)
        if freed - given_back > _MUCH:
            _core.trim_memory()
            given_back = freed
    if given_back:
        _core.trim_memory()


def _calls_of(plans: Iterable[Any]) -> Iterable[tuple[Node, list[Any]]]:
    """The nodes that plans run with the calls of the core that they make."""
    found: dict[int, tuple[Node, list[Any]]] = {}
    for plan in plans:
        for planned in plan.steps:
            found.setdefault(id(planned.node), (planned.node, []))[1].extend(planned.step.calls)
    return found.values()


def _is_packed_alone(node: Node, readers: dict[str, list[Any]]) -> bool:
    """Whether nothing reads a node's kernel but the node."""
    return node.op in ("Conv", "QuantizedConv") and [id(reader) for reader in readers.get(node.inputs[1], ())] == [
        id(node)
    ]
