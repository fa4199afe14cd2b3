"""A reader of Protocol Buffers' wire format, by tables of fields.

Nothing is copied but text: bytes and packed numbers of fixed width are views of what is read. Fields that a table does
not name are skipped. Source: "Encoding", protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import FileError

__all__ = ["Field", "Message", "decode"]

# Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Kinds of fields: wire type of a single number, its dtype where the width is fixed.
_NUMBERS = {"int": (_VARINT, None), "float": (_FIXED32, "<f4"), "double": (_FIXED64, "<f8")}
_DEFAULTS = {"int": 0, "float": 0.0, "double": 0.0, "str": "", "bytes": b""}


@dataclass(frozen=True)
class Field:
    """A field of a message: `kind` is 'int', 'float', 'double', 'str', 'bytes' or the name of a message."""

    name: str
    kind: str
    repeated: bool = False


class Message:
    """A decoded message: fields are attributes; one that was not there is 0, empty, or None for a message."""

    __slots__ = ("_defaults", "_found")

    def __init__(self, defaults: dict[Any, Any], found: dict[Any, Any]) -> None:
        self._defaults, self._found = defaults, found

    def __getattr__(self, name: str) -> Any:
        if name in self._found:
            return self._found[name]
        try:
            default = self._defaults[name]
        except KeyError:
            raise AttributeError(name) from None
        return [] if default is list else default

    def has(self, name: str) -> bool:
        """Whether the field was there."""
        return name in self._found

    def __repr__(self) -> str:
        return f"Message({self._found})"


def decode(
    data: Any,
    schema: dict[str, dict[int, Field]],
    kind: str,
    source: str = "message",
    *,
    max_depth: int = 64,
    max_items: int = 2_000_000,
) -> Message:
    """Decode a message.

    Parameters
    ----------
    data : bytes-like
    schema : dict
        By name of each message its fields by their numbers.
    kind : str
        The message's name in `schema`.
    source : str
        What errors call the data.
    max_depth, max_items : int
        Bounds on the nesting, and on messages and single values together.

    Returns
    -------
    Message
        Repeated numbers are arrays of int64, float32 or float64, other repeated fields lists.

    Raises
    ------
    FileError
        If the data is malformed or passes a bound; the message names the source and the offset.

    Examples
    --------
    >>> schema = {"Point": {1: Field("x", "int"), 2: Field("name", "str")}}
    >>> point = decode(b"\\x08\\x96\\x01", schema, "Point")
    >>> point.x, point.name
    (150, '')
    """
    view = memoryview(data).cast("B").toreadonly()
    return _Decoder(view, schema, source, max_depth, max_items).message(0, len(view), kind, 0)


class _Decoder:
    def __init__(self, view: memoryview, schema: dict[Any, Any], source: str, max_depth: int, max_items: int) -> None:
        self._view, self._schema, self._source = view, schema, source
        self._max_depth, self._left = max_depth, max_items
        self._defaults = {
            kind: {field.name: list if field.repeated else _DEFAULTS.get(field.kind) for field in fields.values()}
            for kind, fields in schema.items()
        }

    def _error(self, text: str, position: int) -> FileError:
        return FileError(f"{self._source}: {text} at byte {position}")

    def _count(self, items: int, position: int) -> None:
        self._left -= items
        if self._left < 0:
            raise self._error("more items than the limit", position)

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while position < end and shift < 70:
            byte = self._view[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1), position
            shift += 7
        raise self._error("a number is cut short", position)

    def _fields(self, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(number, wire type, begin, end) of the value of every field; of a varint, its own begin and end."""
        while position < end:
            self._count(1, position)
            key, position = self._varint(position, end)
            number, wire = key >> 3, key & 7
            begin = position
            if wire == _VARINT:
                _, position = self._varint(position, end)
            elif wire == _BYTES:
                size, begin = self._varint(position, end)
                position = begin + size
            elif wire in (_FIXED32, _FIXED64):
                position += 4 if wire == _FIXED32 else 8
            else:
                raise self._error(f"wire type {wire} is not known", position)
            if position > end or not number:
                raise self._error(f"field {number} is malformed or cut short", begin)
            yield number, wire, begin, position

    def message(self, begin: int, end: int, kind: str, depth: int) -> Message:
        if depth > self._max_depth:
            raise self._error(f"messages lie more than {self._max_depth} deep", begin)
        fields = self._schema[kind]
        found: dict[str, Any] = {}
        for number, wire, start, stop in self._fields(begin, end):
            field = fields.get(number)
            if field is not None:
                value = self._value(field, wire, start, stop, depth)
                if field.repeated:
                    found.setdefault(field.name, []).append(value)
                else:
                    found[field.name] = value
        for field in fields.values():
            if field.repeated and field.kind in _NUMBERS and field.name in found:
                found[field.name] = np.concatenate(found[field.name])
        return Message(self._defaults[kind], found)

    def _value(self, field: Field, wire: int, begin: int, end: int, depth: int) -> Any:
        if field.kind in _NUMBERS:
            return self._number(field, wire, begin, end)
        if wire != _BYTES:
            raise self._error(f"`{field.name}` has wire type {wire}", begin)
        if field.kind == "bytes":
            return self._view[begin:end]
        if field.kind == "str":
            try:
                return str(self._view[begin:end], "utf-8")
            except UnicodeDecodeError:
                raise self._error(f"`{field.name}` is not UTF-8", begin) from None
        return self.message(begin, end, field.kind, depth + 1)

    def _number(self, field: Field, wire: int, begin: int, end: int) -> Any:
        single, dtype = _NUMBERS[field.kind]
        if wire != single and not (field.repeated and wire == _BYTES):
            raise self._error(f"`{field.name}` has wire type {wire}", begin)
        part = self._view[begin:end]
        if dtype is None:
            numbers = _varints(part)
            if numbers is None:
                raise self._error(f"`{field.name}` is malformed", begin)
        else:
            if len(part) % np.dtype(dtype).itemsize:
                raise self._error(f"`{field.name}` is cut short", begin)
            numbers = np.frombuffer(part, dtype)
        return numbers if field.repeated else numbers[0].item()


def _varints(part: memoryview) -> np.ndarray | None:
    """Numbers of variable length as int64, None where they are malformed.

    Examples
    --------
    >>> _varints(memoryview(b"\\x05\\x96\\x01" + b"\\xff" * 9 + b"\\x01"))
    array([  5, 150,  -1])
    """
    data = np.frombuffer(part, np.uint8)
    last = np.flatnonzero(data < 0x80)
    if len(data) and (not len(last) or last[-1] != len(data) - 1):
        return None
    first = np.concatenate([np.zeros(1, np.intp), last + 1])[:-1]
    lengths = last - first + 1
    if len(last) and lengths.max() > 10:
        return None
    values = np.zeros(len(last), np.uint64)
    for index in range(lengths.max(initial=0)):
        longer = lengths > index
        digits = (data[first[longer] + index] & np.uint8(0x7F)).astype(np.uint64)
        values[longer] |= digits << np.uint64(7 * index)
    return values.view(np.int64)
