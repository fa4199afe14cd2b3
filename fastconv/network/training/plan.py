"""A network's forward steps and their reverse for inputs of one shape, on buffers in one arena."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import _args, _core
from ..arena import place
from ..graph import Graph, Node
from ..operators import Step, Tensor, contiguous, fold, plan_node
from .errors import UntrainableError
from .gradients import gradient_of, training_step_of
from .parameters import Parameters

__all__ = ["TrainingPlan"]


class _Planned(NamedTuple):
    """A node with its step and the names of the values that the step gives."""

    node: Node
    step: Step
    gives: tuple[str, ...]


class _Call(NamedTuple):
    """A function and the names of the arrays that it is called with."""

    run: Callable[..., Any]
    arrays: tuple[str, ...]


class TrainingPlan:
    """What runs for batches of one shape.

    Parameters
    ----------
    graph : Graph
        As of `prepared`.
    parameters : Parameters
    shapes : list of tuple of int
        Of the inputs, in the graph's order.
    masks : Masks or None
        What dropout drops. None: the network runs as in inference, and nothing is trained.
    heads : tuple of str
        The values whose gradients a loss gives.

    Attributes
    ----------
    inputs, outputs : list of numpy.ndarray
        Buffers that a caller fills before, and reads after `forward`.
    head_values, head_gradients : list of numpy.ndarray
        Those of `heads`; the latter are filled before `backward`.
    """

    def __init__(
        self, graph: Graph, parameters: Parameters, shapes: Any, masks: Any = None, heads: tuple[str, ...] = ()
    ) -> None:
        self._parameters, self._masks = parameters, masks
        self._tensors = {name: Tensor.of(array) for name, array in graph.constants.items()}
        self._tensors |= {name: Tensor(array.shape, array.dtype) for name, array in parameters.arrays().items()}
        for value, shape in zip(graph.inputs, shapes, strict=True):
            self._tensors[value.name] = Tensor(tuple(shape), value.dtype)
        self._roots: dict[str, str] = {}  # by value, the one whose memory it lies in
        self._steps: list[_Planned] = []
        self._calls: list[_Call] = []
        for node in graph.nodes:
            self._add(node)
        self._forward_count = len(self._calls)
        self._slopes: dict[str, list[str]] = {}  # by value, the names of what adds up to its gradient
        if masks is not None:
            self._reverse(heads)
        self._bind([value.name for value in graph.inputs], [value.name for value in graph.outputs], heads)

    # ------------------------------------------------------------ forward

    def _add(self, node: Node) -> None:
        inputs = [self._tensors[name] if name else None for name in node.inputs]
        training = training_step_of(node) if self._masks is not None else None
        step = training(node, self._masks, *inputs) if training and self._moves(node) else plan_node(node, inputs)
        reads = range(len(inputs)) if step.reads is None else step.reads
        read = [tensor for tensor in (inputs[i] for i in reads) if tensor is not None]
        outputs = step.outputs
        if all(x.value is not None for x in read) and any(tensor.value is None for tensor in outputs):
            outputs = fold(step, inputs)
        gives = tuple(
            (node.outputs[i] if i < len(node.outputs) else "") or f"{node.outputs[0]}#{i}" for i in range(len(outputs))
        )
        self._tensors.update(zip(gives, outputs, strict=True))
        if all(tensor.value is not None for tensor in outputs):
            return
        self._steps.append(_Planned(node, step, gives))
        if step.view:
            self._roots[gives[0]] = self._root(node.inputs[0])
        else:
            self._calls.append(_Call(step.run, (*(node.inputs[i] for i in reads), *gives)))

    def _moves(self, node: Node) -> bool:
        """Whether a node's state, if it has any, is moved; a layer whose state is not runs as in inference."""
        places = gradient_of(node).state
        return all(node.inputs[place] in self._parameters.state for place in places)

    def _root(self, name: str) -> str:
        return self._roots.get(name, name)

    # ------------------------------------------------------------ reverse

    def _reverse(self, heads: tuple[str, ...]) -> None:
        needed = set(self._parameters.weights)
        for node, _, gives in self._steps:
            if needed.intersection(node.inputs):
                needed.update(gives)
        for name in heads:
            self._slopes[name] = [self._new_slope(name)]
        for node, _, gives in reversed(self._steps):
            if gives[0] in self._slopes and needed.intersection(node.inputs):
                self._reverse_step(node, gives, needed)
        for name, weight in self._parameters.slopes.items():
            if name not in self._slopes:
                weight[...] = 0
            else:
                self._total(name)

    def _reverse_step(self, node: Node, gives: tuple[str, ...], needed: set[str]) -> None:
        if any(name in self._slopes for name in gives[1 : len(node.outputs)]):
            raise UntrainableError(f"{node}: gradients of several outputs are not served")
        wanted = tuple(name in needed for name in node.inputs)
        inputs = [self._tensors[name] if name else None for name in node.inputs]
        reverse = gradient_of(node).plan(node, inputs, [self._tensors[name] for name in gives], wanted)
        dy = self._total(gives[0])
        targets = [name for name, is_wanted in zip(node.inputs, wanted, strict=True) if is_wanted]
        if reverse.view and not any(name in self._parameters.weights for name in targets):
            for name in targets:
                self._slopes.setdefault(name, []).append(self._as_view(dy, self._tensors[name]))
            return
        slopes = []
        for name in targets:
            slopes.append(self._new_slope(name))
            self._slopes.setdefault(name, []).append(slopes[-1])
        run = reverse.run or _copied
        takes = (*(node.inputs[i] for i in reverse.reads), *(gives[i] for i in reverse.reads_outputs), dy, *slopes)
        self._calls.append(_Call(run, takes))

    def _new_slope(self, name: str) -> str:
        """A new buffer for a part of a value's gradient; the first part of a weight's lies where the weight's does."""
        found = f"d {name} {len(self._slopes.get(name, ()))}"
        tensor = self._tensors[name]
        self._tensors[found] = Tensor(tensor.shape, tensor.dtype)
        return found

    def _as_view(self, slope: str, tensor: Tensor) -> str:
        name = f"{slope} as {len(self._roots)}"
        self._roots[name] = self._root(slope)
        self._tensors[name] = Tensor(tensor.shape, tensor.dtype)
        return name

    def _total(self, name: str) -> str:
        """The gradient of a value, all parts of it added up."""
        first, *rest = self._slopes[name]
        for other in rest:
            total = f"{first}+"
            self._tensors[total] = self._tensors[first]
            self._calls.append(_Call(_added, (first, other, total)))
            first = total
        self._slopes[name] = [first]
        return first

    # ------------------------------------------------------------ memory

    def _bind(self, inputs: list[str], outputs: list[str], heads: tuple[str, ...]) -> None:
        """Give every value memory, and every call its arrays."""
        arrays = dict(self._parameters.arrays())
        for name, slope in self._parameters.slopes.items():
            arrays[self._root(self._slopes[name][0]) if name in self._slopes else f"d {name}"] = slope
        begins, ends = self._lives(inputs, outputs, heads)
        roots = [root for root in begins if root not in arrays and self._tensors[root].value is None]
        spans, size = place([(root, begins[root], ends[root], self._tensors[root].nbytes) for root in roots])
        arena = _args.aligned((size,), np.dtype(np.uint8))
        for root in roots:
            tensor = self._tensors[root]
            arrays[root] = np.ndarray(tensor.shape, tensor.dtype, arena.data, spans[root].begin)

        def array(name: str) -> Any:
            if not name:
                return None
            tensor, root = self._tensors[name], self._root(name)
            found = arrays[root] if root in arrays else contiguous(self._tensors[root].value)
            return found if found.shape == tensor.shape else found.reshape(tensor.shape)

        self.inputs, self.outputs = [array(name) for name in inputs], [array(name) for name in outputs]
        self.head_values = [array(name) for name in heads]
        self.head_gradients = [array(f"d {name} 0") for name in heads] if self._masks is not None else []
        bound = [(run, [array(name) for name in names]) for run, names in self._calls]
        self._forward, self._backward = bound[: self._forward_count], bound[self._forward_count :]

    def _lives(self, inputs: Any, outputs: Any, heads: Any) -> tuple[dict[str, int], dict[str, int]]:
        """The first and the last call at which each root's memory is in use."""
        begins: dict[str, int] = {}
        ends: dict[str, int] = {}
        middle, end = self._forward_count, len(self._calls) + 1
        seen = [(-1, name) for name in inputs] + [(end, name) for name in outputs]
        seen += [(middle, name) for name in heads]
        seen += [(middle, f"d {name} 0") for name in heads] if self._masks is not None else []
        # Calls of the reverse come after the loss, which reads and writes between the two.
        for i, (_, names) in enumerate(self._calls):
            seen += [(i if i < middle else i + 1, name) for name in names if name]
        for place_, name in seen:
            root = self._root(name)
            begins[root] = min(place_, begins.get(root, place_))
            ends[root] = max(place_, ends.get(root, place_))
        return begins, ends

    # ------------------------------------------------------------ running

    def forward(self) -> None:
        """The outputs for what is in `inputs`."""
        for run, arrays in self._forward:
            run(*arrays)

    def backward(self) -> None:
        """The gradients of all weights for what is in `head_gradients`."""
        for run, arrays in self._backward:
            run(*arrays)


def _added(first: np.ndarray, second: np.ndarray, total: np.ndarray) -> None:
    _core.add(_args.dtype_id(first.dtype), 1, first.size, first, second, total)


def _copied(dy: np.ndarray, *slopes: np.ndarray) -> None:
    for slope in slopes:
        np.copyto(slope, dy.reshape(slope.shape))
