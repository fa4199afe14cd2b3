"""A program of torch.export as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..graph import Graph, Value
from .mapping import MAPPING
from .nodes import Call, Emitter, Reference, Refused, Result

__all__ = ["read_exported"]


def read_exported(program: Any, weights: dict[str, np.ndarray], source: str = "model") -> Graph:
    """The graph of an exported program without operations in place.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        After ``run_decompositions({})``.
    weights : dict of str to numpy.ndarray
        Parameters, buffers and constants that the program reads, by the names of their placeholders.
    source : str
        What errors call it.

    Returns
    -------
    Graph
        Its layers are the calls of the program, by their names.

    Raises
    ------
    UnsupportedError
        If there are calls that no operator serves; it lists all of them.
    """
    return _Reader(weights, source).graph(program)


class _Reader:
    def __init__(self, weights: dict[str, np.ndarray], source: str) -> None:
        self._weights, self._source = weights, source
        self._graph = Graph([], [])
        self._emit = Emitter(self._graph)
        self._values: dict[Any, Any] = {}  # of the program's nodes: a Reference, or a tuple of them
        self._unsupported: list[tuple[str, str]] = []

    def graph(self, program: Any) -> Graph:
        graph = self._graph
        self._given = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"}
        for node in program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                self._output(program, node)
            else:
                self._unsupported.append((node.name, node.op))
        if self._unsupported:
            raise UnsupportedError(self._source, self._unsupported)
        graph.check()
        graph.layers = {name: value for name, value in graph.layers.items() if value not in graph.constants}
        graph.drop_unread_constants()
        return graph

    def _placeholder(self, node: Any) -> None:
        if node.name in self._weights:
            array = self._weights[node.name]
            self._graph.constants[node.name] = array
            self._values[node] = Reference(node.name, array.shape, array.dtype)
            return
        results = _results(node)
        if node.name not in self._given or len(results) != 1:
            if node.users:
                self._unsupported.append((node.name, "an input that is no tensor"))
            return
        (result,) = results
        self._graph.inputs.append(Value(node.name, result.shape, result.dtype))
        self._values[node] = Reference(node.name, result.shape, result.dtype)

    def _output(self, program: Any, node: Any) -> None:
        kinds = {spec.kind.name for spec in program.graph_signature.output_specs}
        if kinds != {"USER_OUTPUT"}:
            self._unsupported.append(("", f"a program that gives {', '.join(sorted(kinds - {'USER_OUTPUT'}))}"))
            return
        for item in node.args[0]:
            value = self._values.get(item) if not isinstance(item, int | float | bool | None) else None
            if not isinstance(value, Reference):
                self._unsupported.append(("", f"an output {item!r}"))
                continue
            # An output has a name of its own: several may be one value, or an input.
            name = self._emit.new_name()
            self._emit.layer, self._emit.kind = node.name, "output"
            self._emit.add("Identity", value.name, to=name)
            self._graph.outputs.append(Value(name, value.shape, value.dtype))

    def _call(self, node: Any) -> None:
        target = _target(node)
        if target == "getitem":
            self._pick(node)
            return
        if target not in MAPPING:
            self._refuse(node, target)
            return
        results = _results(node)
        call = Call(target, node.name, self._arguments(node), results)
        names = (node.name,) if len(results) == 1 else tuple(f"{node.name}:{index}" for index in range(len(results)))
        self._emit.layer, self._emit.kind = node.name, target.removeprefix("aten.").partition(".")[0]
        try:
            MAPPING[target](call, self._emit, names)
        except Refused as refused:
            self._refuse(node, f"{target}: {refused}")
        self._know(node, names, results)

    def _refuse(self, node: Any, kind: str) -> None:
        self._unsupported.append((node.name, kind))
        results = _results(node)
        self._know(node, tuple(f"{node.name}:{index}" for index in range(len(results))), results)

    def _know(self, node: Any, names: Any, results: Any) -> None:
        found = tuple(Reference(name, result.shape, result.dtype) for name, result in zip(names, results, strict=True))
        several = isinstance(node.meta.get("val"), list | tuple)
        if not found:  # a size
            found = (Reference(node.name),)
        self._values[node] = found if several else found[0]
        if not several and found[0].dtype is not None:
            self._graph.layers[node.name] = found[0].name

    def _pick(self, node: Any) -> None:
        whole = self._values.get(node.args[0])
        self._values[node] = whole[node.args[1]] if isinstance(whole, tuple) else None
        if isinstance(self._values[node], Reference):
            self._graph.layers[node.name] = self._values[node].name

    def _arguments(self, node: Any) -> dict[Any, Any]:
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            return {str(index): self._argument(value) for index, value in enumerate(node.args)}
        given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False))
        given.update(node.kwargs)
        return {
            argument.name: self._argument(given.get(argument.name, argument.default_value))
            for argument in schema.arguments
        }

    def _argument(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._argument(item) for item in value]
        return self._values.get(value, value) if hasattr(value, "op") else value


def _target(node: Any) -> str:
    """The name of what a node calls: 'aten.relu.default', or a function of Python's operator."""
    return str(node.target) if hasattr(node.target, "_schema") else getattr(node.target, "__name__", str(node.target))


def _results(node: Any) -> tuple[Result, ...]:
    """What the tensors are that a node gives; none for a size."""
    value = node.meta.get("val")
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple(_result(item) for item in values if hasattr(item, "dtype"))


def _result(tensor: Any) -> Result:
    shape = tuple(size if type(size) is int else None for size in tensor.shape)
    return Result(shape, _dtype(str(tensor.dtype).removeprefix("torch.")))


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        result: np.dtype = np.dtype(ml_dtypes.bfloat16)
        return result
    return np.dtype(name)
