"""Slices in a Functional model, ``x[1:, ..., 0]``, as Keras and Keras 2 write them."""

from __future__ import annotations

from typing import Any

from .layer import Symbol, Unsupported, keras_operation
from .operations import as_axes

__all__ = ["get_item"]


@keras_operation("GetItem", "__operators__.getitem")
def get_item(layer: Any, x: Any = None, key: Any = None, slice_spec: Any = None, tensor: Any = None) -> Any:
    """``x[key]`` for numbers, slices, new axes and one ellipsis."""
    key = slice_spec if key is None else key
    x = tensor if x is None else x
    parts = list(key) if isinstance(key, (list, tuple)) else [key]
    parts = [_part(part) for part in parts]
    if any(isinstance(part, Symbol) for part in parts) or parts.count(Ellipsis) > 1:
        raise Unsupported("an index that is computed")
    return _cut(layer, x, parts)


def _part(part: Any) -> Any:
    """A part of a key, as Keras 2 writes it too."""
    if isinstance(part, dict):
        if not set(part) <= {"start", "stop", "step"}:
            raise Unsupported("an index of an unknown form")
        part = slice(part.get("start"), part.get("stop"), part.get("step"))
    if part is None or part is Ellipsis or isinstance(part, (slice, Symbol)):
        return part
    return int(part)


def _cut(layer: Any, x: Any, parts: list[Any]) -> Any:
    ahead = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    before, behind = parts[:ahead], parts[ahead + 1 :]
    places = [*_places(before), *(place - _width(behind) for place in _places(behind))]
    given = [part for part in (*before, *behind) if part is not None]
    cuts = [(place, part) for place, part in zip(places, given, strict=True) if part != slice(None)]
    if cuts:
        starts, ends, steps = zip(*(_bounds(part) for _, part in cuts), strict=True)
        x = layer.emit("Slice", x, *map(as_axes, (starts, ends, [place for place, _ in cuts], steps)))
    single = [place for place, part in cuts if isinstance(part, int)]
    if single:
        x = layer.emit("Squeeze", x, as_axes(single))
    new = [place for place, part in enumerate(_kept(before)) if part is None]
    last = _kept(behind)
    new += [place - len(last) for place, part in enumerate(last) if part is None]
    return layer.emit("Unsqueeze", x, as_axes(new)) if new else x


def _kept(parts: list[Any]) -> list[Any]:
    """The parts that leave an axis."""
    return [part for part in parts if not isinstance(part, int)]


def _places(parts: list[Any]) -> list[int]:
    """The axes of the parts that are no new axis."""
    return list(range(len([part for part in parts if part is not None])))


def _width(parts: list[Any]) -> int:
    return len(_places(parts))


def _bounds(part: Any) -> tuple[int, int, int]:
    """Begin, end and step of a slice, or of one place."""
    far = 2**62
    if isinstance(part, int):
        return part, part + 1 if part != -1 else far, 1
    step = 1 if part.step is None else int(part.step)
    start = (0 if step > 0 else far) if part.start is None else int(part.start)
    stop = (far if step > 0 else -far) if part.stop is None else int(part.stop)
    return start, stop, step
