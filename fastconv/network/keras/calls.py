"""The calls of a Functional model in an order in which each has its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import FileError
from .layer import Placeholder, Symbol
from .nodes import MODELS, Reference, call_of, references, resolve, structure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Calls", "listed"]


class Calls:
    """The calls of a Functional model, in an order in which each has its inputs."""

    def __init__(
        self, layers: list[dict[Any, Any]], config: dict[str, Any], inputs: list[Symbol], version: int
    ) -> None:
        self._layers = layers
        self._pending = {layer["name"]: [call_of(node) for node in layer["inbound_nodes"]] for layer in layers}
        self._results: dict[str, list[Any]] = {layer["name"]: [] for layer in layers}
        self._first = {layer["name"]: 0 for layer in layers}
        for (_, reference), symbol in zip(structure(config["input_layers"]), inputs, strict=True):
            self._results[reference.layer] = [symbol]
            self._pending[reference.layer] = []
        self._count_from(layers, version)

    def _count_from(self, layers: list[dict[Any, Any]], version: int) -> None:
        """Calls of inner models count from 1 in Keras 2's files, and in some others.

        The call that made the model was the first.
        """
        seen = {layer["name"]: 0 for layer in layers}
        calls = {name: len(pending) for name, pending in self._pending.items()}
        for pending in self._pending.values():
            for reference in references(pending):
                seen[reference.layer] = max(seen[reference.layer], reference.call)
        self._first |= {
            layer["name"]: int(version < 3 or seen[layer["name"]] == calls[layer["name"]])
            for layer in layers
            if layer["class_name"] in MODELS
        }
        self._functional = {layer["name"] for layer in layers if layer["class_name"] in ("Functional", "Model")}

    def find(self, reference: Reference) -> Any:
        """The output of a call; a LookupError if it was not made yet."""
        results = self._results[reference.layer]
        index = reference.call - self._first[reference.layer]
        if not 0 <= index < len(results):
            raise LookupError
        return _one(results[index], reference.output)

    def output(self, reference: Reference) -> Symbol:
        """The same for an output of the model, where calls of inner Functional models always count from 1."""
        index = reference.call - (1 if reference.layer in self._functional else self._first[reference.layer])
        results = self._results[reference.layer]
        return _one(results[max(index, 0)], reference.output)

    def in_order(self, source: str) -> Iterator[Any]:
        """(layer, arguments, keywords) of each call; `done` is told the result before the next one."""
        left = list(self._layers)
        while left:
            waiting = []
            for layer in left:
                pending = self._pending[layer["name"]]
                while pending and self._ready(pending[0]):
                    arguments, words = resolve(pending.pop(0), self.find)
                    yield layer, list(arguments), dict(words)
                if pending:
                    waiting.append(layer)
            if len(waiting) == len(left) and not any(self._ready(self._pending[layer["name"]][0]) for layer in waiting):
                names = [layer["name"] for layer in waiting]
                raise FileError(f"{source}: the calls of layers {names} wait for each other")
            left = waiting

    def _ready(self, call: Any) -> bool:
        try:
            resolve(call, self.find)
        except LookupError as error:
            if isinstance(error, KeyError):
                raise
            return False
        return True

    def done(self, layer: dict[Any, Any], result: Any) -> None:
        self._results[layer["name"]].append(result)


def _one(result: Any, output: int) -> Symbol:
    return result if isinstance(result, Placeholder) else listed(result)[output]


def listed(value: Any) -> list[Any]:
    """One value or several as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
