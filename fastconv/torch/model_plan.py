"""A module on a plan of `fastconv.network`, for as long as module and weights stay what they were."""

from __future__ import annotations

import time
import warnings
from typing import Any

import torch
from torch.nn.modules.module import _has_any_global_hook
from torch.utils import _pytree

from ..network import Net, Node, Value
from .exported import Exported
from .weight_versions import Weights

__all__ = ["ModelPlan", "Refused", "signature"]

# The part of a network's time that a comparison of its weights may take.
_CHEAP = 0.05
# The part of a result's norm that rounding may change.
_NEAR = 1e-3
_MOST_COPIED = 1 << 26  # bytes of weights that a copy is kept of, for comparison


class Refused(ValueError):
    """A module that runs on no plan; the text says why."""


def signature(args: Any) -> tuple[Any, ...]:
    """What an exported program depends on of its arguments."""
    return tuple((arg.shape, arg.dtype, _is_channels_last(arg)) for arg in args)


def _is_channels_last(x: torch.Tensor) -> bool:
    return x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


class _Structure:
    """What a module and those in it are made of, but for what tensors hold.

    Attributes are compared, and not what is inside of lists or objects among them.
    """

    def __init__(self, model: Any) -> None:
        modules = list(model.modules())
        self._live = [
            scope
            for module in modules
            for scope in (vars(module), module._parameters, module._buffers, module._modules)
        ]
        self._seen = [dict(scope) for scope in self._live]
        self._hooks = [hooks for module in modules[1:] for hooks in (module._forward_hooks, module._forward_pre_hooks)]

    def is_unchanged(self) -> bool:
        """Whether all attributes are the same, and nobody wants to know of calls of modules within."""
        if any(self._hooks) or _has_any_global_hook():
            return False
        try:
            return self._live == self._seen
        except RuntimeError:  # another tensor is in an attribute, and tensors give no truth
            return False

    def put_back(self) -> None:
        """Undo changes of attributes."""
        for scope, seen in zip(self._live, self._seen, strict=True):
            scope.clear()
            scope.update(seen)


class ModelPlan:
    """A network made of a module, for arguments like some.

    Parameters
    ----------
    model : torch.nn.Module
    args : tuple of torch.Tensor

    Raises
    ------
    Refused
        If no plan can run it.
    """

    def __init__(self, model: Any, args: Any) -> None:
        structure = _Structure(model)
        if not structure.is_unchanged():
            raise Refused("modules have hooks")
        self._exported = self._export(model, args)
        self._structure = structure
        self._channels_last = [_is_channels_last(arg) for arg in args]
        self._tensors = list(self._exported.tensors.values())
        self.compares = False
        self.renew()
        try:
            self._hold_against(model, args)
            self.compares = self._is_cheap(args)
        except (ValueError, TypeError) as error:  # sizes that no operator takes, or that pass a limit
            raise Refused(_first_line(error)) from error
        if self.compares != self._weights.is_compared:
            self._watch()

    def _hold_against(self, model: Any, args: Any) -> None:
        """Raise Refused unless the network gives what the module does, and this does nothing else."""
        expected = _pytree.tree_leaves(model.forward_by_modules(*args))
        if not self._structure.is_unchanged():
            self._structure.put_back()
            raise Refused("a call changes attributes of its modules")
        results = _pytree.tree_leaves(self.run(args))
        if len(results) != len(expected) or not all(map(_is_near, results, expected)):
            raise Refused("what torch.export makes of it gives other results")

    @staticmethod
    def _export(model: Any, args: Any) -> Exported:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Exported(model, args)
        except Exception as error:  # torch.export raises what the module does, and errors of its own of many classes
            raise Refused(f"torch.export: {type(error).__name__}: {_first_line(error)}") from error

    def _graph(self) -> Any:
        try:
            return self._exported.graph(self._exported.tensors)
        except (ValueError, TypeError) as error:
            raise Refused(_first_line(error)) from error

    def renew(self) -> None:
        """Make the network again, of the weights as they are."""
        self._watch()
        graph = self._graph()
        for index, is_last in enumerate(self._channels_last):
            if is_last:
                _take_channels_last(graph, index)
        self.net = Net(graph)

    def _watch(self) -> None:
        self._weights = Weights(self._tensors, self.compares)
        if not self._weights.is_compared and any(tensor.is_inference() for tensor in self._tensors):
            raise Refused("torch counts no writes to tensors of inference mode")

    def _is_cheap(self, args: Any) -> bool:
        """Whether comparing the bytes of all weights takes little time beside the network."""
        self.run(args)
        if self._weights.nbytes > _MOST_COPIED:
            return False
        begin = time.perf_counter()
        self.run(args)
        between = time.perf_counter()
        weights = Weights(self._tensors, compare=True)
        copied = time.perf_counter()
        weights.are_unchanged()
        return time.perf_counter() - copied < _CHEAP * (between - begin)

    def is_of_the_model(self) -> bool:
        """Whether the module is still the one that was exported."""
        return self._structure.is_unchanged()

    def is_current(self) -> bool:
        """Whether its weights are those that the network was made of."""
        return self._weights.are_unchanged()

    @property
    def watches(self) -> str:
        """How writes to weights are noticed."""
        return "bytes" if self._weights.is_compared else "version counters and addresses"

    def run(self, args: Any) -> Any:
        """The module's result."""
        arrays = [
            arg.detach().permute(0, 2, 3, 1).numpy() if is_last else arg.detach().contiguous().numpy()
            for arg, is_last in zip(args, self._channels_last, strict=True)
        ]
        results = self.net(*arrays)
        results = results if isinstance(results, list) else [results]
        return _pytree.tree_unflatten(list(map(torch.from_numpy, results)), self._exported.output_form)


def _take_channels_last(graph: Any, index: int) -> None:
    """Let an input come with its channels last, in the memory that it has."""
    value = graph.inputs[index]
    n, c, h, w = value.shape
    name = graph.new_name(value.name)
    graph.inputs[index] = Value(name, (n, h, w, c), value.dtype)
    graph.nodes.insert(0, Node("Transpose", (name,), (value.name,), {"perm": (0, 3, 1, 2)}, value.name, "input"))


def _is_near(result: torch.Tensor, expected: torch.Tensor) -> bool:
    if result.shape != expected.shape or result.dtype != expected.dtype:
        return False
    return bool(torch.linalg.vector_norm(result - expected) <= _NEAR * torch.linalg.vector_norm(expected))


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else ""
