"""ONNX files as graphs."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..branches import Branch
from ..errors import FileError, UnsupportedError
from ..graph import Graph, Value
from ..limits import Limits
from ..protobuf import Message, decode
from .mapping import MAPPING
from .nodes import Emitter, OnnxNode, Refused, attribute_value
from .schema import SCHEMA
from .tensors import MAX_AXES, Files, array_of, dtype_of

__all__ = ["NEWEST", "OLDEST", "read_onnx"]

OLDEST, NEWEST = 6, 28  # operator sets
_DOMAINS = ("", "ai.onnx")
_ITEMS_PER_NODE = 20  # of a file's messages and texts


def read_onnx(data: Any, source: str = "model", folder: Path | None = None, limits: Limits | None = None) -> Graph:
    """The graph of an ONNX model.

    Parameters
    ----------
    data : bytes-like
        A ModelProto. Weights are read as views of it.
    source : str
        What errors call the model.
    folder : Path, optional
        Where weights may lie that are in files of their own.
    limits : Limits, optional

    Returns
    -------
    Graph

    Raises
    ------
    FileError
        If the model is malformed, or passes a limit.
    UnsupportedError
        If there are nodes that no operator serves; it lists all of them.
    """
    limits = limits or Limits()
    if len(memoryview(data)) > limits.file_bytes:
        raise FileError(f"{source}: larger than the limit of {limits.file_bytes} bytes")
    model = decode(data, SCHEMA, "ModelProto", source, max_depth=limits.depth, max_items=_ITEMS_PER_NODE * limits.nodes)
    if model.graph is None:
        raise FileError(f"{source}: not an ONNX model")
    return _Reader(Files(source, folder, limits), _version(model, source)).graph(model.graph)


def _version(model: Message, source: str) -> int:
    """The version of the operator set that the model is written in."""
    version = max((entry.version for entry in model.opset_import if entry.domain in _DOMAINS), default=NEWEST)
    if not OLDEST <= version <= NEWEST:
        raise UnsupportedError(source, [("", f"operator set {version}, which is not in {OLDEST} to {NEWEST}")])
    return version


class _Reader:
    def __init__(self, files: Files, version: int) -> None:
        self._files, self._version = files, version
        self._graph = Graph([], [])
        self._unsupported: list[tuple[str, str]] = []
        self._branches = 0  # that are being read

    def graph(self, proto: Message) -> Graph:
        graph, weights = self._graph, {tensor.name for tensor in proto.initializer}
        graph.inputs = [self._value(value) for value in proto.input if value.name not in weights]
        self._emit = Emitter(graph, self._branch)
        self._read(proto)
        graph.outputs = [Value(value.name) for value in proto.output]
        if self._unsupported:
            raise UnsupportedError(self._files.source, self._unsupported)
        try:
            graph.check()
        except ValueError as error:
            raise FileError(f"{self._files.source}: {error}") from None
        # Mappings leave kernels in ONNX's order behind, and values of nodes that are constants.
        graph.layers = {name: value for name, value in graph.layers.items() if value not in graph.constants}
        graph.drop_unread_constants()
        return graph

    def _read(self, proto: Message) -> None:
        """Constants and nodes of a graph, added to those that there are."""
        if proto.sparse_initializer:
            self._unsupported.append(("", "a sparse initializer"))
        for tensor in proto.initializer:
            if tensor.name in self._graph.constants:
                raise FileError(f"{self._files.source}: there are two initializers of the name {tensor.name!r}")
            self._graph.constants[tensor.name] = array_of(tensor, self._files, f"initializer {tensor.name!r}")
        for node in proto.node:
            self._node(node)

    def _node(self, proto: Message) -> None:
        name = proto.name or next((name for name in proto.output if name), "")
        kind = proto.op_type if proto.domain in _DOMAINS else f"{proto.domain}.{proto.op_type}"
        if kind not in MAPPING:
            self._unsupported.append((name, kind))
            return
        if len(self._graph.nodes) > self._files.limits.nodes:
            raise FileError(f"{self._files.source}: more than {self._files.limits.nodes} nodes")
        node = OnnxNode(kind, name, self._version, tuple(proto.input), tuple(proto.output))
        self._emit.node = node
        try:
            node.attributes = {item.name: attribute_value(item, self._tensor) for item in proto.attribute}
            MAPPING[kind](node, self._emit)
        except Refused as refused:
            self._unsupported.append((name, f"{kind}: {refused}"))
        if node.output(0) and not self._branches:
            self._graph.layers.setdefault(name, node.output(0))

    def _tensor(self, tensor: Message) -> np.ndarray:
        return array_of(tensor, self._files, f"a tensor of node {self._emit.node.name!r}")

    def _branch(self, proto: Any) -> Branch:
        """The branch that a GraphProto is; its constants become the network's."""
        if not isinstance(proto, Message):
            raise Refused("no branch")
        graph, outside, before = self._graph, self._graph.nodes, len(self._graph.constants)
        graph.nodes = []
        self._branches += 1
        self._read(proto)
        self._branches -= 1
        nodes, graph.nodes = graph.nodes, outside
        # The other branch may have constants of the same names.
        own = list(islice(reversed(graph.constants), len(graph.constants) - before))
        names = {name: self._emit.new_name() for name in own if not name.startswith("\0")}
        graph.constants.update((new, graph.constants.pop(name)) for name, new in names.items())

        def renamed(name: str) -> str:
            return names.get(name, name)

        nodes = [replace(node, inputs=tuple(renamed(name) for name in node.inputs)) for node in nodes]
        results = tuple(renamed(value.name) for value in proto.output)
        given = {name for node in nodes for name in node.outputs}
        read = [*(name for node in nodes for name in node.inputs), *results]
        return Branch(tuple(nodes), tuple(dict.fromkeys(name for name in read if name and name not in given)), results)

    def _value(self, proto: Message) -> Value:
        """An input of the model."""
        place = f"input {proto.name!r}"
        kind = proto.type.tensor_type if proto.type else None
        if kind is None or kind.shape is None or len(kind.shape.dim) > MAX_AXES:
            raise UnsupportedError(self._files.source, [(place, "no tensor of a known number of axes")])
        shape = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim)
        return Value(proto.name, shape, dtype_of(kind.elem_type, self._files.source, place))
