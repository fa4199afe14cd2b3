"""The chains of layers in a model's graph, each computed by the layer that it begins with."""

from __future__ import annotations

from collections import Counter

import keras
from keras.src.models.functional import Functional

from . import activations, chain, convolution, depthwise, normalization, pooling

__all__ = ["fuse", "fuse_graphs", "graphs_of", "unfuse", "unfuse_graphs"]

_CONVOLUTIONS = convolution.Conv1D, convolution.Conv2D, depthwise.DepthwiseConv1D, depthwise.DepthwiseConv2D
_HEADS = *_CONVOLUTIONS, normalization.BatchNormalization
_NORMALIZATIONS = keras.layers.BatchNormalization, normalization.BatchNormalization
_ADDITIONS = (keras.layers.Add,)
_ACTIVATIONS = activations.Activation, activations.ReLU, activations.LeakyReLU, activations.ELU
_POOLS = pooling.MaxPooling2D, pooling.AveragePooling2D
_STOCK_WALK = Functional._run_through_graph


def graphs_of(model) -> list[Functional]:
    """The functional models in a model, itself and those that `Sequential` models are inside."""
    models = model._flatten_layers()
    inner = [getattr(layer, "_functional", None) for layer in models if isinstance(layer, keras.Sequential)]
    return [graph for graph in [*models, *inner] if isinstance(graph, Functional)]


def fuse(graph: Functional) -> None:
    """Let the graph's convolutions and normalizations compute what comes after them."""
    vars(graph)["_fastconv_chains"] = chains_of(graph)
    vars(graph)["_run_through_graph"] = lambda *args, **kwargs: _walk(graph, *args, **kwargs)


def unfuse(graph: Functional) -> None:
    vars(graph).pop("_run_through_graph", None)
    vars(graph).pop("_fastconv_chains", None)


def fuse_graphs() -> None:
    """`fuse` for every graph that runs from now on."""
    Functional._run_through_graph = _walk


def unfuse_graphs() -> None:
    if "_run_through_graph" in vars(Functional):
        del Functional._run_through_graph


def _walk(graph, inputs, operation_fn=lambda operation: operation, call_fn=None):
    """Keras' walk through a graph, with what is called for each layer exchanged; call_fn stands for those calls."""
    if call_fn is not None:
        return _STOCK_WALK(graph, inputs, operation_fn, call_fn)
    if "_fastconv_chains" not in vars(graph):
        vars(graph)["_fastconv_chains"] = chains_of(graph)
    run = chain.Run(vars(graph)["_fastconv_chains"])
    return _STOCK_WALK(graph, inputs, lambda layer: run.substitute(layer, operation_fn(layer)))


def chains_of(graph: Functional) -> dict[int, chain.Followers]:
    """The chains of layers that the graph uses once, each result by the next layer alone."""
    nodes = [node for nodes in graph._nodes_by_depth.values() for node in nodes if not node.is_input]
    uses = Counter(id(node.operation) for node in nodes)
    readers: dict[int, list] = {}
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(node)
    ends = {id(tensor) for tensor in graph.outputs}

    def after(node, kinds):
        """The next node, if it is the only one and its layer one of these kinds."""
        following = readers.get(id(node.outputs[0]), ())
        if id(node.outputs[0]) in ends or len(following) != 1:
            return None
        layer = following[0].operation
        plain = type(layer) in kinds and uses[id(layer)] == 1 and layer.activity_regularizer is None
        return following[0] if plain and layer.compute_dtype == node.operation.compute_dtype else None

    found = {}
    for node in nodes:
        head = node.operation
        if type(head) not in _HEADS or uses[id(head)] != 1 or head.activity_regularizer:
            continue
        normalized = after(node, _NORMALIZATIONS) if type(head) in _CONVOLUTIONS else None
        if normalized and not _normalizes(normalized, head):
            continue
        addition = normalized and after(normalized, _ADDITIONS)
        place, other = _other_input(addition, normalized, uses) if addition and len(graph.inputs) == 1 else (0, None)
        addition = addition if other else None
        activation = after(addition or normalized or node, _ACTIVATIONS)
        pool = after(activation or addition or normalized or node, _POOLS)
        followers = [follower and follower.operation for follower in (normalized, addition, activation, pool)]
        if any(followers):
            found[id(head)] = chain.Followers(*followers, place, other)
    return found


def _other_input(addition, node, uses) -> tuple[int, object]:
    """The place of the node's result among the two inputs of an addition, and the operation that the other comes from.

    That is None where the other's result is not one tensor of the same shape that is computed once.
    """
    if len(addition.input_tensors) != 2:
        return 0, None
    place = [id(tensor) for tensor in addition.input_tensors].index(id(node.outputs[0]))
    tensor = addition.input_tensors[1 - place]
    operation, _, _ = tensor._keras_history
    single = uses[id(operation)] == 1 and operation.output is tensor
    alike = tensor.shape == node.outputs[0].shape and tensor.dtype == node.outputs[0].dtype
    alike = alike and None not in tensor.shape[1:]  # or one could be of size 1 and be repeated
    return place, operation if single and alike else None


def _normalizes(node, head) -> bool:
    """Whether the node's batch normalization is of the channels of head, and of the mode that the graph runs in."""
    axis = node.operation.axis % len(node.outputs[0].shape)
    last = len(node.outputs[0].shape) - 1
    plain = all(value is None for value in node.arguments.kwargs.values())
    return plain and axis == (last if head.data_format == "channels_last" else 1)
