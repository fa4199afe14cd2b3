"""The plans of a network, and the calls of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _core
from .depth_first import DepthFirst, depth_first
from .graph import Graph, Value
from .kernels import pack_kernels
from .limits import Limits
from .memory import distinct_bytes
from .passes import optimize
from .plan import Plan, Workspace

__all__ = ["Plans", "check_shape"]

# Plans kept, for the shapes that came last: the first number always, more while their buffers are small.
_PLANS, _MOST_PLANS, _PLANS_BYTES = 8, 64, 1 << 25
_WIDEST, _WIDE_BYTES = 32, 1 << 28  # batches run in one call, and what a plan of them may ask for
# Numbers of images and sizes that stand for free ones: multiples of what networks halve, then larger, then one image.
_TRIED = ((2, 64), (3, 96), (5, 160), (2, 224), (3, 352), (1, 64), (1, 96), (1, 224), (1, 352))
_AGREEING = 3  # of them that are compared
_WORKSPACES = 4  # kept of a plan, for calls at the same time


@dataclass
class Kept:
    """A plan, its workspaces that nobody is in, and its chunks if it runs in some.

    `is_packed`: the kernels that it runs on are packed.
    """

    plan: Plan
    chunks: DepthFirst | None
    idle: list[Workspace] = field(default_factory=list)
    is_packed: bool = False

    @property
    def plans(self) -> list[Plan]:
        """Those that run."""
        return [self.plan] if self.chunks is None else self.chunks.plans

    def run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs for inputs of the plan's shapes; several threads may call it."""
        if self.chunks is not None:
            return self.chunks(arrays)
        try:
            workspace = self.idle.pop()
        except IndexError:
            workspace = self.plan.workspace()
        try:
            return workspace(arrays)
        finally:
            if len(self.idle) < _WORKSPACES:
                self.idle.append(workspace)


class Plans:
    """What runs for a graph: a plan for each shape of inputs and choice of outputs. Threads may share it.

    Parameters
    ----------
    graph : Graph
    limits : Limits

    Examples
    --------
    >>> from fastconv.network.graph import Node
    >>> plans = Plans(Graph([Value("x", (None,), np.dtype("float32"))], [Value("y")], [Node("Neg", ("x",), ("y",))]),
    ...               Limits())
    >>> plans.run([np.ones(2, np.float32)], ("y",))
    [array([-1., -1.], dtype=float32)]
    """

    def __init__(self, graph: Graph, limits: Limits) -> None:
        self._graph, self._limits = graph, limits
        self._lock = threading.Lock()
        self._optimized: dict[tuple[str, ...], Graph] = {}
        self._plans: dict[tuple[Any, ...], Kept] = {}
        self._releases = True  # what kernels were packed from

    def __len__(self) -> int:
        return len(self._plans)

    def run(self, arrays: list[np.ndarray], outputs: tuple[str, ...]) -> list[np.ndarray]:
        """What these outputs are for inputs that are C-contiguous and of the graph's dtypes."""
        key = tuple([array.shape for array in arrays]), outputs, _core.get_precision()
        kept = self._plans.get(key)
        if kept is None or not kept.is_packed:
            kept = self._packed(key)
        try:
            return kept.run(arrays)
        except _core.NotPacked:  # settings have changed by which the core chooses
            with self._lock:
                self._releases = False
                self._optimized.clear()
                self._plans.clear()
        return self._packed(key).run(arrays)

    def find(self, shapes: list[tuple[int, ...]], outputs: tuple[str, ...]) -> Kept:
        """What runs for inputs of these shapes."""
        key = tuple(shapes), outputs, _core.get_precision()
        self._check(shapes)
        with self._lock, np.errstate(all="ignore"):  # a weight that is not finite is no fault of the caller
            return self._found(key)

    def _check(self, shapes: Iterable[tuple[int, ...]]) -> None:
        for shape, value in zip(shapes, self._graph.inputs, strict=True):
            check_shape(shape, value)

    def _found(self, key: tuple[Any, ...]) -> Kept:
        shapes, outputs, _ = key
        if outputs not in self._optimized:
            self._optimized[outputs] = optimize(self._graph.with_outputs(list(outputs)))
        if key not in self._plans:
            try:
                planned = self._planned(shapes, outputs)
            except _core.NotPacked:
                self._restore(outputs)
                planned = self._planned(shapes, outputs)
            self._make_room(planned.plan.arena_bytes)
            self._plans[key] = planned
        return self._plans[key]

    def _make_room(self, size: int) -> None:
        """Let go of the oldest plans until there is room for one with buffers of so many bytes."""
        sizes = [kept.plan.arena_bytes for kept in self._plans.values()]
        total = size + sum(sizes)
        for oldest, freed in zip(list(self._plans), sizes, strict=True):
            count = len(self._plans)
            if count < _PLANS or (count < _MOST_PLANS and total <= _PLANS_BYTES):
                return
            del self._plans[oldest]
            total -= freed

    def _planned(self, shapes: tuple[Any, ...], outputs: tuple[str, ...]) -> Kept:
        graph = self._optimized[outputs]
        plan = Plan(graph, list(shapes), self._limits)

        def plan_for(images: Any) -> Any:
            return Plan(graph, [(images, *shape[1:]) for shape in shapes], self._limits)

        return Kept(plan, depth_first(plan, plan_for))

    def _restore(self, outputs: tuple[str, ...]) -> None:
        """Make the kernels of a graph again that have been released."""
        graph = optimize(self._graph.with_outputs(list(outputs)))
        for node, before in zip(graph.nodes, self._optimized[outputs].nodes, strict=True):
            node.prepared = before.prepared
        self._optimized[outputs] = graph

    def _packed(self, key: tuple[Any, ...]) -> Kept:
        """The same as `find`, with packed kernels."""
        shapes, outputs, _ = key
        self._check(shapes)
        with self._lock, np.errstate(all="ignore"):
            kept = self._found(key)
            try:
                self._pack(kept, outputs)
            except _core.NotPacked:
                self._restore(outputs)
                del self._plans[key]
                kept = self._found(key)
                self._pack(kept, outputs)
            return kept

    def _pack(self, kept: Kept, outputs: tuple[str, ...]) -> None:
        if self._releases and not kept.is_packed:
            pack_kernels(self._optimized[outputs], kept.plans)
        kept.is_packed = True

    def apart(self, shapes: list[tuple[int, ...]], outputs: tuple[str, ...]) -> Plan:
        """A plan that shares nothing with those that run, whose steps may be called one by one."""
        self._check(shapes)
        with np.errstate(all="ignore"):
            return Plan(optimize(self._graph.with_outputs(list(outputs))), shapes, self._limits)

    def widened(self, arrays: list[np.ndarray], outputs: tuple[str, ...], batch_size: int) -> int:
        """A multiple of a batch size: fewer calls, where batches run in chunks and more of them take no more memory."""
        if any(value.shape[0] is not None for value in self._graph.inputs):
            return batch_size
        kept = self.find([(batch_size, *array.shape[1:]) for array in arrays], outputs)
        if kept.chunks is None:
            return batch_size
        return batch_size * max(1, min(_WIDEST, _WIDE_BYTES // max(kept.plan.arena_bytes, 1)))

    @property
    def nbytes(self) -> int:
        """As of `Net.nbytes`."""
        with self._lock:
            graphs, plans = [self._graph, *self._optimized.values()], list(self._plans.values())
        arrays = [array for graph in graphs for array in graph.constants.values()]
        tensors = [tensor for kept in plans for plan in kept.plans for tensor in plan.tensors.values()]
        arrays += [tensor.value for tensor in tensors if tensor.value is not None]
        packed = sum(prepared.nbytes for graph in graphs for node in graph.nodes for prepared in node.prepared.values())
        result: int = distinct_bytes(arrays) + packed + sum(kept.plan.arena_bytes * len(kept.idle) for kept in plans)
        return result

    def shaped(self, values: list[Value]) -> list[Value]:
        """Values with shapes; sizes in which plans for different inputs disagree are free.

        Where inputs have free sizes, some of `_TRIED` may not fit the network. Nothing is known of a size unless two
        of them do.
        """
        names = list(dict.fromkeys(value.name for value in values))
        graph = self._graph.with_outputs(names)
        free = any(None in value.shape for value in graph.inputs)
        found: list[Any] = []
        emptied: list[Any] = []
        reason: Any = None
        for sizes in _TRIED if free else _TRIED[:1]:
            try:
                plan = Plan(graph, [_filled(value.shape, *sizes) for value in graph.inputs], self._limits)
            except ValueError as error:
                reason = reason or error
                continue
            tensors = [plan.tensors[value.name] for value in values]
            # Images that are too small for a network leave nothing.
            (emptied if any(0 in tensor.shape for tensor in tensors) else found).append(tensors)
            if len(found) == _AGREEING:
                break
        found = found or emptied
        if not found:
            raise reason
        return [
            Value(value.name, _agreed([tensor.shape for tensor in tensors], free), tensors[0].dtype)
            for value, *tensors in zip(values, *found, strict=True)
        ]


def check_shape(shape: tuple[int, ...], value: Value) -> None:
    """Raise a ValueError unless an input may have that shape."""
    if len(shape) != len(value.shape) or any(
        size not in (None, given) for size, given in zip(value.shape, shape, strict=True)
    ):
        raise ValueError(f"input {value.name!r} must have shape {value.shape}; received {shape}")


def _filled(shape: tuple[int | None, ...], batch: int, size: int) -> tuple[int, ...]:
    """A shape with numbers for its free sizes."""
    return tuple((size if axis else batch) if given is None else given for axis, given in enumerate(shape))


def _agreed(shapes: list[tuple[int, ...]], free: bool) -> tuple[int | None, ...]:
    """The sizes that shapes have in common, None for others.

    Examples
    --------
    >>> _agreed([(2, 30, 8), (3, 46, 8)], True), _agreed([(2, 8)], True), _agreed([(2, 8)], False)
    ((None, None, 8), (None, None), (2, 8))
    """
    known = len(shapes) > 1 or not free
    return tuple(sizes[0] if known and len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True))
