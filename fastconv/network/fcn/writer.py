"""Writes a graph into a ``.fcn`` file."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from ... import _files
from ..branches import Branch
from ..graph import Graph, Node, Value
from .attributes import check_attribute
from .layout import ALIGNMENT, DTYPES, HEADER_BYTES, Header

__all__ = ["save_fcn"]


def save_fcn(graph: Graph, path: Any) -> None:
    """Write a graph into a file, which is there whole or, after an error, as it was.

    Parameters
    ----------
    graph : Graph
    path : path
        A link is followed. A file that is there is replaced; who has mapped it keeps its content.

    Raises
    ------
    ValueError
        If something other than a file has that path, or the graph holds what the format does not.
    OSError
        If the file cannot be written.
    """
    _files.write_whole(path, ".fcn", lambda file: _write(graph, file))


def _write(graph: Graph, file: Any) -> None:
    file.write(bytes(HEADER_BYTES))
    constants = _write_constants(graph.constants, file)
    table = json.dumps(
        {
            "inputs": [_value(value) for value in graph.inputs],
            "outputs": [_value(value) for value in graph.outputs],
            "nodes": [_node(node) for node in graph.nodes],
            "layers": graph.layers,
            "constants": constants,
        },
        separators=(",", ":"),
    ).encode()
    begin = file.tell()
    file.write(table)
    file.seek(0)
    file.write(Header(begin + len(table), begin, zlib.crc32(table)).packed())


def _write_constants(constants: dict[str, np.ndarray], file: Any) -> list[dict[str, Any]]:
    """The table's rows of arrays, each of which is written once, under however many names it goes."""
    written: dict[tuple[Any, ...], tuple[int, int]] = {}  # offset and checksum
    rows = []
    for name, array in constants.items():
        if array.dtype.name not in DTYPES:
            raise ValueError(f"{name!r} is of dtype {array.dtype}, which .fcn files do not hold")
        memory = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype
        if memory not in written:
            written[memory] = _write_array(array, file)
        offset, checksum = written[memory]
        rows.append(
            {"name": name, "dtype": array.dtype.name, "shape": array.shape, "offset": offset, "crc32": checksum}
        )
    return rows


def _write_array(array: np.ndarray, file: Any) -> tuple[int, int]:
    """Where an array lies, and its checksum."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    words = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
    file.write(bytes(-file.tell() % ALIGNMENT))
    offset = file.tell()
    file.write(words)
    return offset, zlib.crc32(words.data)


def _value(value: Value) -> dict[Any, Any]:
    return {"name": value.name, "shape": value.shape, "dtype": None if value.dtype is None else value.dtype.name}


def _node(node: Node) -> dict[Any, Any]:
    row = {
        "op": node.op,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "name": node.name,
        "kind": node.kind,
        "attributes": _attributes(node),
    }
    return {word: entry for word, entry in row.items() if entry or word in ("op", "inputs", "outputs")}


def _attributes(node: Node) -> dict[str, Any]:
    if node.op == "If":
        return {"branches": [_branch(branch) for branch in node.attributes["branches"]]}
    for word, value in node.attributes.items():
        try:
            check_attribute(word, value)
        except ValueError as error:
            raise ValueError(f"{node} cannot be saved: {error}") from None
    return node.attributes


def _branch(branch: Branch) -> dict[Any, Any]:
    return {"nodes": [_node(inner) for inner in branch.nodes], "inputs": branch.inputs, "results": branch.results}
