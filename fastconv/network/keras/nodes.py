"""The calls of layers in a Functional model's configuration, as Keras 2 and Keras 3 write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .layer import Unsupported

__all__ = ["MODELS", "Reference", "call_of", "references", "resolve", "structure"]


MODELS = ("Functional", "Model", "Sequential")  # classes of models


class Reference(NamedTuple):
    """An output of one of the calls of a layer."""

    layer: str
    call: int
    output: int


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


def call_of(node: Any) -> tuple[list[Any], dict[Any, Any]]:
    """(arguments, keywords) of a call, with a `Reference` for each tensor."""
    if isinstance(node, dict):
        return list(_decoded(node["args"])), dict(_decoded(node["kwargs"]))
    if node and isinstance(node[0], str):  # one input, not in a list
        node = [node]
    inputs: list[Any] = []
    keywords: dict[str, Any] = {}
    for item in node:
        name, call, output, *rest = item
        keywords |= rest[0] if rest else {}
        inputs.append(output if name == "_CONSTANT_VALUE" else Reference(name, int(call), int(output)))
    words = {name: _references_in(value) for name, value in keywords.items()}
    return [inputs[0] if len(inputs) == 1 else inputs], words


def _references_in(value: Any) -> Any:
    """A keyword of a legacy file with a `Reference` for each tensor."""
    if _is_reference(value):
        return Reference(*value[:3])
    if isinstance(value, list):
        return [_references_in(item) for item in value]
    if isinstance(value, dict):
        return {name: _references_in(item) for name, item in value.items()}
    return value


def _decoded(value: Any) -> Any:
    """Arguments as Keras 3 serializes them."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    config: Any = value.get("config")
    if kind == "__keras_tensor__":
        name, call, output = config["keras_history"]
        return Reference(str(name), int(call), int(output))
    if kind == "__tuple__":
        return tuple(_decoded(item) for item in value.get("items", config) or ())
    if kind in ("__tensor__", "__numpy__"):
        return np.asarray(config["value"], str(config["dtype"]))
    if kind == "__slice__":
        return slice(*(config.get(word) for word in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return Ellipsis
    if kind is not None and "config" in value:
        raise Unsupported(f"an argument of class {kind}")
    return {name: _decoded(item) for name, item in value.items()}


def structure(value: Any) -> list[tuple[str | None, Reference]]:
    """``input_layers`` or ``output_layers`` as a list; the names of those that are in a dict."""
    if _is_reference(value):
        return [(None, Reference(*value[:3]))]
    if isinstance(value, dict):
        return [(str(name), reference) for name, item in value.items() for _, reference in structure(item)]
    return [pair for item in value for pair in structure(item)]


def references(value: Any) -> Iterator[Reference]:
    """Every reference in arguments."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def resolve(value: Any, find: Callable[[Reference], object]) -> Any:
    """Arguments with what `find` gives for each reference."""
    if isinstance(value, Reference):
        return find(value)
    if isinstance(value, dict):
        return {name: resolve(item, find) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(item, find) for item in value)
    return value
