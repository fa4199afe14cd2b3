"""The chains of layers in a model's graph, each computed by the layer that it begins with."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
from keras.src.models.functional import Functional
from keras.src.ops import numpy

from . import activations, chain, convolution, depthwise, normalization, pooling

__all__ = ["fuse", "fuse_graphs", "graphs_of", "unfuse", "unfuse_graphs"]

_CONVOLUTIONS = convolution.Conv1D, convolution.Conv2D, depthwise.DepthwiseConv1D, depthwise.DepthwiseConv2D
_HEADS = *_CONVOLUTIONS, normalization.BatchNormalization
_NORMALIZATIONS = keras.layers.BatchNormalization, normalization.BatchNormalization
_ADDITIONS = (keras.layers.Add,)
_ACTIVATIONS = activations.Activation, activations.ReLU, activations.LeakyReLU, activations.ELU
_PADDED = convolution.Conv2D, depthwise.DepthwiseConv2D
_POOLS = pooling.MaxPooling2D, pooling.AveragePooling2D
_ELEMENTWISE = numpy.Add, numpy.Subtract, numpy.Multiply, numpy.Divide, numpy.TrueDivide
_STOCK_WALK = Functional._run_through_graph


def graphs_of(model: Any) -> list[Functional]:
    """The functional models in a model, itself and those that `Sequential` models are inside."""
    models = model._flatten_layers()
    inner = [getattr(layer, "_functional", None) for layer in models if isinstance(layer, keras.Sequential)]
    return [graph for graph in [*models, *inner] if isinstance(graph, Functional)]


def fuse(graph: Functional) -> None:
    """Let the graph's convolutions and normalizations compute what comes after them."""
    graph.__dict__["_fastconv_chains"] = chains_of(graph)
    graph.__dict__["_run_through_graph"] = lambda *args, **kwargs: _walk(graph, *args, **kwargs)


def unfuse(graph: Functional) -> None:
    graph.__dict__.pop("_run_through_graph", None)
    graph.__dict__.pop("_fastconv_chains", None)


def fuse_graphs() -> None:
    """`fuse` for every graph that runs from now on."""
    Functional._run_through_graph = _walk


def unfuse_graphs() -> None:
    if "_run_through_graph" in vars(Functional):
        del Functional._run_through_graph


def _walk(self: Any, inputs: Any, operation_fn: Any = lambda operation: operation, call_fn: Any = None) -> Any:
    """Keras' walk through a graph, with what is called for each layer exchanged; call_fn stands for those calls."""
    if call_fn is not None:
        return _STOCK_WALK(self, inputs, operation_fn, call_fn)
    if "_fastconv_chains" not in vars(self):
        vars(self)["_fastconv_chains"] = chains_of(self)
    run = chain.Run(vars(self)["_fastconv_chains"])
    return _STOCK_WALK(self, inputs, lambda layer: run.substitute(layer, operation_fn(layer)))


def chains_of(graph: Functional) -> dict[int, chain.Chain]:
    """The chains of layers that the graph uses once, each result by the next layer alone."""
    uses = _Uses(graph)
    paddings = {}  # by the id of the convolution after them
    for node in uses.nodes:
        padded = uses.after(node, _PADDED) if type(node.operation) is keras.layers.ZeroPadding2D else None
        if padded and uses.once(node.operation) and _takes_zeros(padded.operation, node.operation):
            paddings[id(padded.operation)] = node.operation
    found = {}
    for node in uses.nodes:
        head = node.operation
        if type(head) in _HEADS and uses.once(head) and not head.activity_regularizer:
            made = _chain(uses, node)._replace(padding=paddings.get(id(head)))
            if any(made.followers) or made.padding:
                found[id(head)] = made
    return found


class _Uses:
    """Which nodes of a graph use what."""

    def __init__(self, graph: Functional) -> None:
        by_depth = sorted(graph._nodes_by_depth.items(), reverse=True)
        self.nodes = [node for _, nodes in by_depth for node in nodes if not node.is_input]
        self._counts = Counter(id(node.operation) for node in self.nodes)
        self._ends = {id(tensor) for tensor in graph.outputs}
        self._readers: dict[int, list[Any]] = {}
        for node in self.nodes:
            for tensor in node.input_tensors:
                self._readers.setdefault(id(tensor), []).append(node)
        self._whole = self._whole_batches(graph)

    def _whole_batches(self, graph: Functional) -> set[int]:
        """The tensors, by their ids, that hold as many images as the one input of the graph."""
        whole = {id(tensor) for tensor in graph.inputs} if len(graph.inputs) == 1 else set()
        for node in self.nodes:
            if _keeps_batch(node.operation) and all(id(tensor) in whole for tensor in node.input_tensors):
                whole.update(map(id, node.outputs))
        return whole

    def of_one_batch(self, *tensors: Any) -> bool:
        """Whether the tensors are known to hold the same number of images, whatever goes into the graph."""
        return all(id(tensor) in self._whole for tensor in tensors)

    def once(self, operation: Any) -> bool:
        return self._counts[id(operation)] == 1

    def after(self, node: Any, kinds: Any) -> Any:
        """The next node, if it is the only one and its layer one of these kinds."""
        following = self._readers.get(id(node.outputs[0]), ())
        if id(node.outputs[0]) in self._ends or len(following) != 1:
            return None
        layer = following[0].operation
        plain = type(layer) in kinds and self.once(layer) and layer.activity_regularizer is None
        return following[0] if plain and layer.compute_dtype == node.operation.compute_dtype else None


def _chain(uses: _Uses, node: Any) -> chain.Chain:
    """The chain that a node begins, without the padding before it."""
    is_convolution = type(node.operation) in _CONVOLUTIONS
    normalized = uses.after(node, _NORMALIZATIONS) if is_convolution else None
    if normalized and not _normalizes(normalized, node.operation):
        return chain.Chain()
    last = normalized or node
    addition = uses.after(last, _ADDITIONS) if is_convolution else None
    place, other = _other_input(addition, last, uses) if addition else (0, None)
    addition = addition if other else None
    activation = uses.after(addition or last, _ACTIVATIONS)
    pool = uses.after(activation or addition or last, _POOLS)
    followers: Any = (follower and follower.operation for follower in (normalized, addition, activation, pool))
    normalization, sums, function, window = followers
    return chain.Chain(normalization, sums, function, window, place, other)


def _takes_zeros(head: Any, padding: Any) -> bool:
    """Whether a convolution may put in the zeros of the layer before it; one that is done again for a gradient is done
    without what comes before."""
    alike = head.data_format == padding.data_format and head.padding == "valid"
    return alike and not padding.activity_regularizer and getattr(head, "_remat_mode", None) is None


def _other_input(addition: Any, node: Any, uses: _Uses) -> tuple[int, object]:
    """The place of the node's result among the two inputs of an addition, and the operation that the other comes from.

    That is None where the other's result is not one tensor of the same shape that is computed once.
    """
    if len(addition.input_tensors) != 2:
        return 0, None
    place = [id(tensor) for tensor in addition.input_tensors].index(id(node.outputs[0]))
    tensor = addition.input_tensors[1 - place]
    operation, _, _ = tensor._keras_history
    single = uses.once(operation) and operation.output is tensor
    alike = tensor.shape == node.outputs[0].shape and tensor.dtype == node.outputs[0].dtype
    # Where sizes may differ, one could be 1, and the addition repeat it.
    alike = alike and None not in tensor.shape[1:] and uses.of_one_batch(tensor, node.outputs[0])
    return place, operation if single and alike else None


def _keeps_batch(operation: Any) -> bool:
    """Whether an operation is known to give as many images as it takes."""
    kind = type(operation)
    if kind in (Functional, keras.Sequential):
        return all(map(_keeps_batch, getattr(operation, "operations", operation.layers)))
    if kind is keras.layers.Concatenate:
        result: bool = operation.axis != 0
        return result
    is_layer = kind.__module__.startswith(("keras.src.layers.", "fastconv.keras."))
    return kind in _ELEMENTWISE or (is_layer and kind is not keras.layers.Lambda)


def _normalizes(node: Any, head: Any) -> bool:
    """Whether the node's batch normalization is of the channels of head, and of the mode that the graph runs in."""
    axis = node.operation.axis % len(node.outputs[0].shape)
    last = len(node.outputs[0].shape) - 1
    plain = all(value is None for value in node.arguments.kwargs.values())
    return plain and axis == (last if head.data_format == "channels_last" else 1)
