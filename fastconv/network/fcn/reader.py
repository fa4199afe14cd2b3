"""Reads a ``.fcn`` file: its table is held against closed lists of words and against the sizes of the file."""

from __future__ import annotations

import inspect
import json
import math
import mmap
import os
import zlib
from typing import Any

import numpy as np

from ..branches import Branch
from ..errors import FileError
from ..graph import Graph, Node, Value
from ..limits import Limits
from ..operators import OPERATORS
from .attributes import check_attribute
from .layout import ALIGNMENT, HEADER_BYTES, NATIVE, Header, dtype_named

__all__ = ["map_fcn", "read_fcn"]

_MAX_AXES = 32
# Of a table: this many for each node that the limits allow, and some for a network of few nodes.
_ROW_BYTES, _SOME_BYTES = 512, 1 << 20
_CONDITION = "If"  # the one name that plans take apart themselves


def map_fcn(file: Any, source: str, limits: Limits) -> Graph:
    """The graph in an open file; its constants are read-only views of the mapped file.

    Parameters
    ----------
    file : file object of the system
    source : str
        What errors call it.
    limits : Limits

    Raises
    ------
    FileError
        If the file is damaged, or passes a limit.
    """
    size = os.fstat(file.fileno()).st_size
    if size > limits.file_bytes:
        raise FileError(f"{source}: more than the limit of {limits.file_bytes} bytes")
    return _Reader(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), source, limits).graph()


def read_fcn(data: bytes, source: str, limits: Limits) -> Graph:
    """The graph in the bytes of a file, of which it keeps an aligned copy; otherwise as `map_fcn`."""
    room = np.empty(len(data) + ALIGNMENT, np.uint8)
    begin = -room.ctypes.data % ALIGNMENT
    copy = room[begin : begin + len(data)]
    copy[:] = np.frombuffer(data, np.uint8)
    copy.flags.writeable = False
    return _Reader(copy.data, source, limits).graph()


class _Reader:
    """The bytes of a file while its graph is made."""

    def __init__(self, data: memoryview, source: str, limits: Limits) -> None:
        self._data, self._source, self._limits = data, source, limits
        self._header = Header.parse(data, source)
        self._end = HEADER_BYTES  # of the arrays read so far
        self._spans: dict[int, tuple[int, int]] = {}  # by offset, bytes and checksum
        self._nodes = 0

    def graph(self) -> Graph:
        table = self._table()
        rows = self._list(table, "nodes", "table")
        graph = Graph(
            [self._value(row, f"inputs[{i}]") for i, row in enumerate(self._list(table, "inputs", "table"))],
            [self._value(row, f"outputs[{i}]", True) for i, row in enumerate(self._list(table, "outputs", "table"))],
            [self._node(row, f"nodes[{i}]", 0) for i, row in enumerate(rows)],
            self._constants(self._list(table, "constants", "table")),
            self._layers(table),
        )
        try:
            graph.check()
        except ValueError as error:
            raise self._error("nodes", error) from None
        for name in set(graph.layers.values()) - graph.names():
            raise self._error("layers", f"no value of the name {name!r}")
        return graph

    def _error(self, place: str, problem: Any) -> FileError:
        return FileError(f"{self._source}: {place}: {problem}")

    def _table(self) -> dict[Any, Any]:
        data = self._data[self._header.table_begin :]
        most = self._limits.nodes * _ROW_BYTES + _SOME_BYTES
        if len(data) > most:
            raise self._error("table", f"{len(data)} bytes, more than the limit of {most}")
        if zlib.crc32(data) != self._header.table_checksum:
            raise self._error("table", "the checksum differs")
        try:
            table = json.loads(str(data, "utf-8"))
        except (ValueError, RecursionError) as error:
            raise self._error("table", f"not JSON: {error}") from None
        return self._row(table, "table")

    def _row(self, value: Any, place: str) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self._error(place, "not an object")
        return value

    def _list(self, row: dict[Any, Any], word: str, place: str) -> list[Any]:
        found = row.get(word)
        if not isinstance(found, list):
            raise self._error(place, f"`{word}` must be a list")
        return found

    def _text(self, row: dict[Any, Any], word: str, place: str) -> str:
        found = row.get(word, "")
        if not isinstance(found, str):
            raise self._error(place, f"`{word}` must be a string")
        return found

    def _names(self, row: dict[Any, Any], word: str, place: str) -> tuple[str, ...]:
        found = self._list(row, word, place)
        if not all(isinstance(name, str) for name in found):
            raise self._error(place, f"`{word}` must be strings")
        return tuple(found)

    def _layers(self, table: dict[Any, Any]) -> dict[str, str]:
        layers = self._row(table.get("layers"), "layers")
        if not all(isinstance(value, str) for value in layers.values()):
            raise self._error("layers", "not names of values")
        return layers

    def _value(self, row: Any, place: str, may_be_open: bool = False) -> Value:
        """An input, or an output, whose shape and dtype may be open."""
        row = self._row(row, place)
        shape, dtype = row.get("shape"), row.get("dtype")
        if not may_be_open or shape is not None:
            shape = self._shape(row, place, may_be_free=True)
        return Value(
            self._text(row, "name", place), shape, None if may_be_open and dtype is None else self._dtype(row, place)
        )

    def _shape(self, row: dict[Any, Any], place: str, may_be_free: bool = False) -> tuple[Any, ...]:
        shape = self._list(row, "shape", place)
        if len(shape) > _MAX_AXES or not all(
            (may_be_free and size is None) or (type(size) is int and size >= 0) for size in shape
        ):
            raise self._error(place, "`shape` must be sizes of few axes")
        return tuple(shape)

    def _dtype(self, row: dict[Any, Any], place: str) -> np.dtype:
        try:
            return dtype_named(self._text(row, "dtype", place))
        except ValueError as error:
            raise self._error(place, error) from None

    def _node(self, row: Any, place: str, depth: int) -> Node:
        row = self._row(row, place)
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            raise self._error(place, f"more than the limit of {self._limits.nodes} nodes")
        op = self._text(row, "op", place)
        if op not in OPERATORS and op != _CONDITION:
            raise self._error(place, f"no operator of the name {op!r}")
        inputs, outputs = self._names(row, "inputs", place), self._names(row, "outputs", place)
        if not any(outputs):
            raise self._error(place, "no outputs")
        attributes = self._row(row.get("attributes", {}), place)
        if op == _CONDITION:
            branches = self._list(attributes, "branches", place)
            if len(branches) != 2 or not inputs:
                raise self._error(place, "a condition must have an input and two branches")
            attributes = {
                "branches": tuple(
                    self._branch(branch, f"{place}.branches[{i}]", (len(inputs) - 1, len(outputs)), depth + 1)
                    for i, branch in enumerate(branches)
                )
            }
        else:
            self._check_inputs(op, inputs, place)
            attributes = {word: self._attribute(word, value, place) for word, value in attributes.items()}
        return Node(op, inputs, outputs, attributes, self._text(row, "name", place), self._text(row, "kind", place))

    def _check_inputs(self, op: str, inputs: tuple[str, ...], place: str) -> None:
        try:
            inspect.signature(OPERATORS[op]).bind(None, *inputs)
        except TypeError:
            raise self._error(place, f"{op} does not take {len(inputs)} inputs") from None

    def _attribute(self, word: str, value: Any, place: str) -> Any:
        value = _as_tuples(value)
        try:
            check_attribute(word, value)
        except ValueError as error:
            raise self._error(place, error) from None
        return value

    def _branch(self, row: Any, place: str, counts: tuple[int, int], depth: int) -> Branch:
        """A branch of as many inputs and results, whose nodes read what there is."""
        row = self._row(row, place)
        if depth > self._limits.depth:
            raise self._error(place, f"nested deeper than the limit of {self._limits.depth}")
        inputs, results = self._names(row, "inputs", place), self._names(row, "results", place)
        if (len(inputs), len(results)) != counts:
            raise self._error(place, "other numbers of inputs or results than the condition's")
        nodes = tuple(
            self._node(inner, f"{place}.nodes[{i}]", depth) for i, inner in enumerate(self._list(row, "nodes", place))
        )
        try:
            Graph([Value(name) for name in inputs], [Value(name) for name in results], list(nodes)).check()
        except ValueError as error:
            raise self._error(place, error) from None
        return Branch(nodes, inputs, results)

    def _constants(self, rows: list[Any]) -> dict[str, np.ndarray]:
        constants: dict[str, np.ndarray] = {}
        for i, row in enumerate(rows):
            place = f"constants[{i}]"
            row = self._row(row, place)
            name = self._text(row, "name", place)
            if name in constants:
                raise self._error(place, f"there are two of the name {name!r}")
            constants[name] = self._array(row, f"{place} {name!r}")
        return constants

    def _array(self, row: dict[Any, Any], place: str) -> np.ndarray:
        dtype, shape, offset = self._dtype(row, place), self._shape(row, place), row.get("offset")
        most = self._limits.tensor_bytes
        if math.prod(max(size, 1) for size in shape) * dtype.itemsize > most:
            raise self._error(place, f"an array of shape {shape}, more than the limit of {most} bytes")
        nbytes = math.prod(shape) * dtype.itemsize
        if (
            type(offset) is not int
            or offset % ALIGNMENT
            or not (HEADER_BYTES <= offset <= offset + nbytes <= self._header.table_begin)
        ):
            raise self._error(place, f"{nbytes} bytes at offset {offset}, which is no place for them")
        self._verify(offset, nbytes, row.get("crc32"), place)
        words = np.frombuffer(self._data, f"{self._header.order}u{dtype.itemsize}", math.prod(shape), offset)
        if self._header.order != NATIVE:
            words = words.astype(words.dtype.newbyteorder("="))
            words.flags.writeable = False
        if dtype.kind == "b" and words.size and words.max() > 1:
            raise self._error(place, "not only 0 and 1")
        return words.view(dtype).reshape(shape)

    def _verify(self, offset: int, nbytes: int, checksum: Any, place: str) -> None:
        """Hold an array's bytes against their checksum; an array may be that of another name, and otherwise lies
        behind all before it, so that no byte is read twice."""
        if self._spans.get(offset) == (nbytes, checksum):
            return
        if offset < self._end:
            raise self._error(place, "overlaps an array before it")
        if zlib.crc32(self._data[offset : offset + nbytes]) != checksum:
            raise self._error(place, "the checksum differs")
        self._spans[offset] = nbytes, checksum
        self._end = offset + nbytes


def _as_tuples(value: Any) -> Any:
    """Lists of JSON, in two levels at most, as attributes have them."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)
