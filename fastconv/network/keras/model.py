"""A model's configuration and weights as a graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import FileError, UnsupportedError
from ..graph import Graph, Value
from ..limits import Limits
from .calls import Calls, listed
from .layer import LAYERS, OPERATIONS, Layer, Placeholder, Symbol, Unsupported
from .masks import inherited_mask
from .nodes import MODELS, structure

__all__ = ["Source", "model_graph"]

_WHOLE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_OF_TENSORFLOW = ("TFOpLambda", "SlicingOpLambda")  # classes of Keras 2
_OF_INTEGERS = ("Embedding",)  # layers that read integers as they are
# Where Keras' own classes come from, and those of fastconv.keras of the same names; the packages they register under.
_LIBRARIES = ("keras", "tf_keras", "keras_core", "fastconv")
_PACKAGES = ("", "keras", "Keras", "fastconv")
_MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


class Source(NamedTuple):
    """A model as a file or a live one gives it."""

    name: str  # what errors call it
    kind: str  # the model's class
    config: dict[str, Any]
    weights: object
    version: int  # Keras' major version
    build: dict[Any, Any] | None = None


def model_graph(source: Source, limits: Limits) -> Graph:
    """The graph of a model.

    Raises
    ------
    UnsupportedError
        With all layers that are not served.
    FileError
        If the configuration or the weights are malformed.
    """
    if source.kind not in MODELS:
        raise UnsupportedError(source.name, [(str(source.config.get("name", "")), f"a model of class {source.kind}")])
    try:
        with np.errstate(all="ignore"):
            return _graph(source, limits)
    except (FileError, UnsupportedError):
        raise
    except (*_MALFORMED, RecursionError) as error:
        raise FileError(f"{source.name}: the model is malformed: {error!r}") from None


def _graph(source: Source, limits: Limits) -> Graph:
    builder = _Builder(source, limits)
    inputs = builder.inputs(source.kind, source.config, source.build)
    symbols = [Symbol(value.name) for value in inputs]
    builder.graph.inputs = inputs
    outputs = builder.model(source.kind, source.config, source.weights, symbols, "", 0)
    if builder.unsupported:
        raise UnsupportedError(source.name, builder.unsupported)
    builder.graph.outputs = builder.outputs(source.kind, source.config, outputs)
    return builder.graph


class _Builder:
    """Turns one model after the other, an inner one where it is called, into nodes of one graph."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source, self._limits = source.name, limits
        self._version = source.version
        self._dtype = np.dtype("float64" if _computes_float64(source.config) else "float32")
        self.graph = Graph([], [])
        self.unsupported: list[tuple[str, str]] = []
        self.masks: dict[str, Symbol] = {}  # by the names of values
        self._layers = self._depth = 0

    def bounded(self, count: int) -> int:
        """A number of values that a layer gives, held against the limit."""
        if not 0 < count <= self._limits.nodes:
            raise FileError(f"{self._source}: {count} values of one layer; the limit is {self._limits.nodes}")
        return count

    # ------------------------------------------------------------ inputs and outputs

    def inputs(self, kind: str, config: dict[str, Any], build: dict[Any, Any] | None) -> list[Value]:
        try:
            if kind == "Sequential":
                return [self._sequential_input(config, build)]
            held = {layer["config"].get("name", layer.get("name")): layer["config"] for layer in config["layers"]}
            return [
                self._input(reference.layer, _batch_shape(held[reference.layer]), held[reference.layer])
                for _, reference in structure(config["input_layers"])
            ]
        except _MALFORMED as error:
            raise FileError(f"{self._source}: the model's inputs are malformed: {error!r}") from None

    def _sequential_input(self, config: dict[str, Any], build: dict[Any, Any] | None) -> Value:
        first = config["layers"][0]
        while first["class_name"] in MODELS and not _batch_shape(first["config"]):
            first = first["config"]["layers"][0]
        shape = _batch_shape(first["config"]) or config.get("build_input_shape") or (build or {}).get("input_shape")
        if not shape:
            raise ValueError("the model was never built, its input's shape is not known")
        named, config = first["class_name"] == "InputLayer", first["config"]
        return self._input(str(config["name"]) if named else f"{config['name']}_input", shape, config if named else {})

    def _input(self, name: str, shape: Any, config: dict[str, Any]) -> Value:
        """An input, of integers or bool where its layer says so."""
        dtype = config.get("dtype")
        return Value(name, _shape(shape), np.dtype(dtype) if dtype in _WHOLE else self._dtype)

    def outputs(self, kind: str, config: dict[str, Any], symbols: list[Symbol]) -> list[Value]:
        """The outputs, by the names of layers or of a dict."""
        names: list[Any] = [None] * len(symbols)
        if kind == "Sequential":
            names = [str(config["layers"][-1]["config"]["name"])]
        elif "output_layers" in config:
            names = [name or reference.layer for name, reference in structure(config["output_layers"])]
        values = []
        for name, symbol in zip(names, symbols, strict=True):
            unique = self.graph.new_name(name or "output")
            symbol = Layer(self.graph, self._dtype, name, "output", {}, None, self._version).emit("Identity", symbol)
            node = self.graph.nodes[-1]
            node.outputs = (unique,)
            values.append(Value(unique))
        return values

    # ------------------------------------------------------------ models

    def model(
        self, kind: Any, config: Any, weights: Any, inputs: list[Symbol], prefix: str, depth: int
    ) -> list[Symbol]:
        """The outputs of a model for inputs."""
        if depth > self._limits.depth:
            raise FileError(f"{self._source}: models are nested deeper than the limit of {self._limits.depth}")
        try:
            layers = [_entry(layer) for layer in config["layers"]]
        except _MALFORMED as error:
            raise FileError(f"{self._source}: model {prefix or config.get('name')!r} is malformed: {error!r}") from None
        held = [
            layer
            for layer in layers
            if not _is_operation(layer) and not (kind == "Sequential" and layer["class_name"] == "InputLayer")
        ]
        found = weights.layers([(layer["name"], layer["class_name"]) for layer in held])
        by_name = {layer["name"]: part for layer, part in zip(held, found, strict=True)}
        if kind != "Sequential":
            return self._functional(config, layers, by_name, inputs, prefix, depth)
        current: object = inputs[0] if len(inputs) == 1 else inputs
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                current = self._call(layer, by_name.get(layer["name"]), [current], {}, prefix, depth)
        return listed(current)

    def _functional(self, config: Any, layers: Any, weights: Any, inputs: Any, prefix: Any, depth: Any) -> list[Symbol]:
        try:
            calls = Calls(layers, config, inputs, self._version)
            for layer, arguments, words in calls.in_order(self._source):
                calls.done(layer, self._call(layer, weights.get(layer["name"]), arguments, words, prefix, depth))
            return [calls.output(reference) for _, reference in structure(config["output_layers"])]
        except Unsupported as reason:
            self.unsupported.append((prefix, str(reason)))
            result: list[Symbol] = inputs[:1]
            return result
        except FileError:
            raise
        except _MALFORMED as error:
            where = prefix or config.get("name")
            raise FileError(f"{self._source}: the calls in model {where!r} are malformed: {error!r}") from None

    def _call(
        self, entry: dict[Any, Any], weights: Any, arguments: list[Any], words: dict[str, Any], prefix: str, depth: int
    ) -> Any:
        """What a call of a layer or inner model gives."""
        kind, name, config = entry["class_name"], prefix + entry["name"], entry["config"]
        self._layers += 1
        if self._layers > self._limits.nodes:
            raise FileError(f"{self._source}: more layers than the limit of {self._limits.nodes}")
        if kind in MODELS and not _is_operation(entry):
            outputs = self.model(kind, config, weights, _flat(arguments), f"{name}/", depth + 1)
            result = outputs[0] if len(outputs) == 1 else outputs
        else:
            result = self._layer(entry, name, weights, arguments, words)
        if isinstance(result, Symbol):
            self.graph.layers[name] = result.name
        return result

    def wrapped(self, layer: Layer, entry: dict[Any, Any], attribute: str, x: Symbol, words: dict[str, Any]) -> Any:
        """What the layer inside a layer gives for x."""
        entry = _entry(entry)
        weights = layer.weights.child(attribute, entry["config"].get("name", entry["name"]))
        self._depth += 1
        try:
            return self._call(entry, weights, [x], words, f"{layer.name}/", self._depth)
        finally:
            self._depth -= 1

    def _layer(
        self, entry: dict[Any, Any], name: str, weights: Any, arguments: list[Any], words: dict[str, Any]
    ) -> Any:
        kind = entry["class_name"]
        layer = Layer(self.graph, self._dtype, name, kind, entry["config"], weights, self._version, self)
        try:
            if _is_operation(entry):
                if _is_custom(entry):
                    raise Unsupported("")
                return _operation(layer, self._as_floats(layer, arguments), self._as_floats(layer, words))
            if kind not in LAYERS or _is_custom(entry):
                raise Unsupported("")
            return self._served(layer, arguments[0], words)
        except Unsupported as reason:
            self.unsupported.append((name, f"{layer.kind}: {reason}" if str(reason) else layer.kind))
            return _placeholder(arguments)
        except FileError as error:
            raise FileError(f"{self._source}: {error}") from None
        except _MALFORMED as error:
            raise FileError(f"{self._source}: layer {name!r} ({kind}) is malformed: {error!r}") from None

    def _served(self, layer: Layer, x: Any, words: dict[str, Any]) -> Any:
        """What a layer that is served gives, with its mask."""
        masks = [self.masks.get(symbol.name) for symbol in _flat(x)]
        if any(True for _ in _flat(words.get("mask"))):
            masks = list(words["mask"]) if isinstance(words["mask"], (list, tuple)) else [words["mask"]]
        layer.words, layer.mask = words, masks[0] if masks else None
        if layer.kind not in _OF_INTEGERS:
            x = self._as_floats(layer, x)
        result = LAYERS[layer.kind](layer, x)
        if isinstance(result, Symbol) and result.name not in self.masks:
            layer.give_mask(result, inherited_mask(layer, masks))
        return result

    def _as_floats(self, layer: Layer, value: Any) -> Any:
        """Arguments with the network's inputs of integers in what it computes in."""
        if isinstance(value, Symbol):
            whole = any(given.name == value.name and given.dtype.name in _WHOLE for given in self.graph.inputs)
            return layer.emit("Cast", value, dtype=layer.dtype.name) if whole else value
        if isinstance(value, dict):
            return {name: self._as_floats(layer, item) for name, item in value.items()}
        return (
            type(value)(self._as_floats(layer, item) for item in value) if isinstance(value, (list, tuple)) else value
        )


def _operation(layer: Layer, arguments: list[Any], words: dict[str, Any]) -> Any:
    """A function of ``keras.ops``, of Keras 3 or as Keras 2 wraps one of TensorFlow's."""
    kind = layer.kind
    if kind in _OF_TENSORFLOW:
        kind = layer.kind = str(layer.config.get("function", kind))
        if arguments and isinstance(arguments[0], list) and kind not in ("concat", "stack", "math.add_n"):
            arguments = [*arguments[0], *arguments[1:]]
    if kind not in OPERATIONS:
        raise Unsupported("")
    return OPERATIONS[kind](layer, *arguments, **words)


def _is_operation(entry: dict[Any, Any]) -> bool:
    kind, module = entry["class_name"], entry.get("module")
    if kind in _OF_TENSORFLOW:
        return True
    if module is None:  # a legacy file names no module, but every layer's configuration says whether it is trained
        return kind in OPERATIONS and "trainable" not in entry["config"]
    result: bool = module.startswith(("keras.src.ops", "keras.ops"))
    return result


def _is_custom(entry: dict[Any, Any]) -> bool:
    """Whether a file says that the class is neither Keras' own nor one of fastconv.keras that stands for it."""
    module, registered = entry.get("module") or "keras", entry.get("registered_name") or ""
    package, _, _ = registered.rpartition(">")
    return module.partition(".")[0] not in _LIBRARIES or package not in _PACKAGES


def _entry(layer: dict[Any, Any]) -> dict[Any, Any]:
    """A layer's entry, checked as far as all have it."""
    if not isinstance(layer, dict) or not isinstance(layer["config"], dict):
        raise TypeError("a layer is no object")
    name = layer["config"].get("name", layer.get("name"))
    return layer | {"name": str(layer.get("name", name)), "class_name": str(layer["class_name"])}


def _batch_shape(config: dict[str, Any]) -> Any:
    return config.get("batch_shape") or config.get("batch_input_shape")


def _shape(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, dict):
        shape = shape.get("items", shape.get("config"))
    sizes = tuple(None if size is None else int(size) for size in shape)
    if any(size is not None and size < 0 for size in sizes):
        raise ValueError(f"an input of shape {sizes}")
    return sizes


def _flat(value: Any) -> list[Symbol]:
    """The symbols in arguments."""
    if isinstance(value, Symbol):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [symbol for item in items for symbol in _flat(item)]


def _placeholder(arguments: list[Any]) -> Placeholder:
    """What stands for the result of a layer that is not served, so that the rest is looked at too."""
    return Placeholder(next(iter(_flat(arguments)), Symbol("")).name)


def _computes_float64(config: Any) -> bool:
    """Whether any layer's dtype is float64."""
    if isinstance(config, list):
        return any(_computes_float64(item) for item in config)
    if not isinstance(config, dict):
        return False
    policy = config.get("dtype")
    name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return name == "float64" or any(_computes_float64(item) for item in config.values())
