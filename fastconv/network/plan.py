"""Planning: a graph for concrete input shapes as a list of calls on fixed buffers.

Every size is known then, so that shapes and what is computed from them become constants. What is left runs on buffers
in one arena, in which values that are not alive together share memory. Inputs are read where the caller has them, and
results are fresh arrays.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _args
from .arena import Span, place
from .branches import Branch, inlined
from .fusion import fuse_pools
from .graph import Graph, Node
from .limits import Limits
from .operators import Step, Tensor, contiguous, fold, plan_node
from .programs import is_call, program

__all__ = ["Plan", "PlannedStep"]


@dataclass(frozen=True)
class PlannedStep:
    """A node, its step, and the names of what it takes and gives."""

    node: Node
    step: Step
    takes: tuple[str, ...]
    gives: tuple[str, ...]


class Plan:
    """What runs for inputs of these shapes; it never changes.

    Parameters
    ----------
    graph : Graph
    shapes : list of tuple of int
        Of the inputs, in the graph's order.
    limits : Limits, optional

    Attributes
    ----------
    tensors : dict of str to Tensor
        Of every value.
    steps : list of PlannedStep
    parts : list of PlannedStep or fastconv._core.Program
        The same without views; calls of the core that follow one another are a program.
    slots : dict of str to int
        Places of the arrays that a run brings anew: the inputs, then fresh arrays for results.
    arena_bytes : int

    Raises
    ------
    ValueError
        If shapes do not fit a node, or buffers pass a limit.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")],
    ...               [Node("Add", ("x", "one"), ("y",))], {"one": np.ones(2, np.float32)})
    >>> plan = Plan(graph, [(1, 2)])
    >>> plan.workspace()([np.array([[1, 2]], np.float32)])
    [array([[2., 3.]], dtype=float32)]
    """

    def __init__(self, graph: Graph, shapes: list[tuple[int, ...]], limits: Limits = Limits()) -> None:  # noqa: B008
        self.inputs = [value.name for value in graph.inputs]
        self.outputs = [value.name for value in graph.outputs]
        self.tensors: dict[str, Tensor] = {name: Tensor.of(value) for name, value in graph.constants.items()}
        self.steps: list[PlannedStep] = []
        self._limits = limits
        self._constant_bytes = 0  # of what is folded
        for value, shape in zip(graph.inputs, shapes, strict=True):
            self.tensors[value.name] = Tensor(tuple(shape), value.dtype)
        for node in graph.nodes:
            self._add(node)
        self._drop_unread()
        self.steps = fuse_pools(self.steps, self.outputs)
        self.roots = self._share_memory()
        self.spans, self.arena_bytes = self._place()
        self.slots = self._slots()
        self.parts = self._join()

    def _add(self, node: Node) -> None:
        if node.op == "If":
            for inner in inlined(node, self._taken(node)):
                self._add(inner)
            return
        inputs = [self.tensors[name] if name else None for name in node.inputs]
        step = plan_node(node, inputs)
        for tensor in step.outputs:
            if tensor.nbytes > self._limits.tensor_bytes:
                raise ValueError(
                    f"{node} gives {tensor.nbytes} bytes, more than the limit of {self._limits.tensor_bytes}"
                )
        outputs = step.outputs
        if any(node.outputs[len(outputs) :]):
            raise ValueError(f"{node} gives {len(outputs)} values; received names for {len(node.outputs)}")
        reads = range(len(inputs)) if step.reads is None else step.reads
        read = [tensor for tensor in (inputs[i] for i in reads) if tensor is not None]
        if all(x.value is not None for x in read):
            self._count_constants(node, outputs)
            outputs = fold(step, inputs) if any(tensor.value is None for tensor in outputs) else outputs
        self.tensors.update((name, tensor) for name, tensor in zip(node.outputs, outputs, strict=False) if name)
        if any(tensor.value is None for tensor in outputs):
            self.steps.append(PlannedStep(node, step, tuple(node.inputs[i] for i in reads), _gives(node, step)))
            self.tensors.update(zip(self.steps[-1].gives, outputs, strict=True))

    def _count_constants(self, node: Node, outputs: tuple[Tensor, ...]) -> None:
        self._constant_bytes += sum(tensor.nbytes for tensor in outputs)
        if self._constant_bytes > self._limits.plan_bytes:
            raise ValueError(f"{node}: constants of a plan take more than the limit of {self._limits.plan_bytes} bytes")

    def _taken(self, node: Node) -> Branch:
        """The branch of a condition."""
        condition = self.tensors[node.inputs[0]].value
        if condition is None or condition.size != 1:
            raise ValueError(f"{node}: the condition must be constant")
        result: Branch = node.attributes["branches"][0 if condition.item() else 1]
        return result

    def _drop_unread(self) -> None:
        read, kept = set(self.outputs), []
        for planned in reversed(self.steps):
            if read.intersection(planned.gives):
                read.update(planned.takes)
                kept.append(planned)
        self.steps = kept[::-1]

    def _share_memory(self) -> dict[str, str]:
        """By value that a step gives, the value whose memory it lies in: of views and results in place another one."""
        last = {name: i for i, planned in enumerate(self.steps) for name in planned.takes if name}
        alive = dict(last)  # by root, the last step that reads it or what shares its memory
        roots: dict[str, str] = {}
        for i, planned in enumerate(self.steps):
            roots.update((name, name) for name in planned.gives)
            source, given = next(iter(planned.takes), ""), planned.gives[0]
            root = roots.get(source, source)
            if planned.step.view or (
                planned.step.in_place and alive.get(root, i) <= i and self._may_overwrite(root, planned, roots)
            ):
                roots[given] = root
            for name in planned.gives:
                alive[roots[name]] = max(alive.get(roots[name], -1), last.get(name, -1))
        return roots

    def _may_overwrite(self, root: str, planned: PlannedStep, roots: dict[str, str]) -> bool:
        """Whether a step may write its only output over its first input, which nothing reads after it."""
        source, given = self.tensors[planned.takes[0]], self.tensors[planned.gives[0]]
        return (
            root in roots
            and root not in self._kept(roots)
            and len(planned.gives) == 1
            and (source.dtype, source.size) == (given.dtype, given.size)
            and all(roots.get(other) != root for other in planned.takes[1:])
        )

    def _kept(self, roots: dict[str, str]) -> set[str]:
        return {roots.get(name, name) for name in self.outputs}

    def _place(self) -> tuple[dict[str, Span], int]:
        """Where each root lies in the arena, and its size; those of outputs lie in arrays of their own."""
        kept = self._kept(self.roots)
        begins: dict[str, int] = {}
        ends: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for i, planned in enumerate(self.steps):
            for name in (*planned.takes, *planned.gives):
                root = self.roots.get(name)
                if root in kept or root not in self.roots:
                    continue
                begins.setdefault(root, i)
                ends[root] = i
                sizes[root] = self.tensors[root].nbytes
        spans, size = place([(root, begins[root], ends[root], sizes[root]) for root in begins])
        total = size + sum(self.tensors[root].nbytes for root in kept)
        if total > self._limits.plan_bytes:
            raise ValueError(
                f"a plan for these inputs takes {total} bytes, more than the limit of {self._limits.plan_bytes}"
            )
        return spans, size

    def _slots(self) -> dict[str, int]:
        written = dict.fromkeys(self.roots[name] for name in self.outputs if name in self.roots)
        fresh = [root for root in written if root not in self.inputs and self.tensors[root].value is None]
        return {name: slot for slot, name in enumerate([*self.inputs, *fresh])}

    def _join(self) -> list[Any]:
        parts: list[Any] = []
        steps = [planned for planned in self.steps if not planned.step.view]
        for joined, group in itertools.groupby(steps, lambda planned: is_call(planned.step)):
            together = list(group)
            parts += [program(self, together)] if joined else together
        return parts

    def forget_constants(self) -> None:
        """Let go of the values that no step reads, such as kernels."""
        read = {*self.outputs, *(name for planned in self.steps for name in planned.takes)}
        for name, tensor in self.tensors.items():
            if tensor.value is not None and name not in read:
                self.tensors[name] = Tensor(tensor.shape, tensor.dtype)

    def workspace(self, joined: bool = True) -> Workspace:
        """Buffers of their own for one call at a time; a workspace is called with arrays of the planned shapes.

        With `joined` calls of the core run as the programs of `parts`, without one by one.
        """
        return Workspace(self, joined)


def _gives(node: Node, step: Step) -> tuple[str, ...]:
    """The names of a step's outputs; those that nobody wants get one that no value has."""
    names = [*node.outputs, *[""] * (len(step.outputs) - len(node.outputs))]
    return tuple(name or f"{node.outputs[0]}\0{i}" for i, name in enumerate(names))


class Workspace:
    """The parts of a plan bound to buffers. Only one thread may be in it at a time."""

    def __init__(self, plan: Plan, joined: bool = True) -> None:
        self._plan = plan
        arena = np.empty(plan.arena_bytes + 63, np.uint8)
        begin = -arena.ctypes.data % 64
        self._arena = arena[begin : begin + plan.arena_bytes]
        self._fresh = [
            (plan.tensors[root].shape, plan.tensors[root].dtype) for root in list(plan.slots)[len(plan.inputs) :]
        ]
        self._late: list[tuple[Any, ...]] = []  # (arguments, position, slot, shape) of what lies in slots
        parts = plan.parts if joined else [planned for planned in plan.steps if not planned.step.view]
        self._calls = [
            (part.step.run, self._arguments(part)) if isinstance(part, PlannedStep) else (part.run, None)
            for part in parts
        ]
        self._results = self._described_results()

    def _arguments(self, planned: PlannedStep) -> list[Any]:
        arguments: list[Any] = []
        for name in (*planned.takes, *planned.gives):
            array = self._array(name) if name else None
            if name and array is None:
                slot = self._plan.slots[self._plan.roots.get(name, name)]
                self._late.append((arguments, len(arguments), slot, self._plan.tensors[name].shape))
            arguments.append(array)
        return arguments

    def _array(self, name: str) -> np.ndarray | None:
        """The array of a value, None for one that lies in a slot."""
        tensor = self._plan.tensors[name]
        if tensor.value is not None:
            return contiguous(tensor.value)
        span = self._plan.spans.get(self._plan.roots.get(name, name))
        if span is None:
            return None
        return np.ndarray(tensor.shape, tensor.dtype, self._arena.data, span.begin)

    def _described_results(self) -> list[tuple[Any, ...]]:
        """(constant or None, slot, shape, whether it is copied) of each output.

        What would be one of the caller's arrays, a constant or another result is copied.
        """
        described, given = [], set(self._plan.inputs)
        for name in self._plan.outputs:
            tensor, root = self._plan.tensors[name], self._plan.roots.get(name, name)
            described.append((tensor.value, self._plan.slots.get(root), tensor.shape, root in given))
            given.add(root)
        return described

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs for inputs that are C-contiguous and of the planned shapes and dtypes."""
        slots = self.bind(inputs)
        try:
            for run, arguments in self._calls:
                if arguments is None:
                    run([self._arena, *slots])
                else:
                    run(*arguments)
        finally:
            if self._late:
                self.release()
        return self.outputs(slots)

    def _run(self, run: Any, arguments: list[Any] | None, slots: list[np.ndarray]) -> None:
        if arguments is None:
            run([self._arena, *slots])
        else:
            run(*arguments)

    def timed(self, inputs: list[np.ndarray]) -> list[float]:
        """Seconds of each call for these inputs."""
        slots = self.bind(inputs)
        seconds = []
        try:
            for run, arguments in self._calls:
                begin = time.perf_counter()
                self._run(run, arguments, slots)
                seconds.append(time.perf_counter() - begin)
        finally:
            self.release()
        return seconds

    def bind(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Point the calls at these inputs and at fresh results; the arrays of all slots."""
        slots = [*inputs, *[_args.aligned(shape, dtype) for shape, dtype in self._fresh]]
        for arguments, position, slot, shape in self._late:
            array = slots[slot]
            arguments[position] = array if array.shape == shape else array.reshape(shape)
        return slots

    def release(self) -> None:
        """Let go of the caller's arrays."""
        for arguments, position, _, _ in self._late:
            arguments[position] = None

    def outputs(self, slots: list[np.ndarray]) -> list[np.ndarray]:
        """The results of a call, by the arrays that it was bound to."""
        results = []
        for value, slot, shape, copied in self._results:
            array = slots[slot] if value is None else value
            array = array if array.shape == shape else array.reshape(shape)
            results.append(array.copy() if copied or value is not None else array)
        return results
