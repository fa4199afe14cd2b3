"""Layers that join several inputs."""

from __future__ import annotations

from typing import Any

from ..errors import FileError
from .layer import Layer, Symbol, keras_layer

__all__ = ["concatenate", "dot", "merge", "subtract"]

_OPERATORS = {"Add": "Sum", "Multiply": "Mul", "Average": "Mean", "Maximum": "Max", "Minimum": "Min"}


def _several(layer: Layer, inputs: Any, least: int = 1) -> list[Symbol]:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least:
        raise FileError(f"layer {layer.name!r} ({layer.kind}) needs {least} inputs or more")
    return list(inputs)


@keras_layer(*_OPERATORS)
def merge(layer: Any, inputs: Any) -> Any:
    first, *rest = _several(layer, inputs)
    if layer.kind in ("Add", "Multiply"):
        for other in rest:
            first = layer.emit("Add" if layer.kind == "Add" else "Mul", first, other)
        return first
    return layer.emit(_OPERATORS[layer.kind], first, *rest)


@keras_layer("Subtract")
def subtract(layer: Any, inputs: Any) -> Any:
    first, second = _several(layer, inputs, 2)[:2]
    return layer.emit("Sub", first, second)


@keras_layer("Concatenate")
def concatenate(layer: Any, inputs: Any) -> Any:
    return layer.emit("Concat", *_several(layer, inputs), axis=int(layer.config.get("axis", -1)))


@keras_layer("Dot")
def dot(layer: Any, inputs: Any) -> Any:
    first, second = _several(layer, inputs, 2)[:2]
    axes = layer.config["axes"]
    axes = (int(axes), int(axes)) if isinstance(axes, int) else tuple(int(axis) for axis in axes)
    return layer.emit("BatchDot", first, second, axes=axes, normalize=bool(layer.config.get("normalize", False)))
