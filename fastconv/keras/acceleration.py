"""A model that exists already, moved to fastconv's layers and back."""
from __future__ import annotations

import logging
from collections import Counter

import keras
from keras.src.models.functional import Functional
from keras.src.trainers.trainer import model_supports_jit

from . import activations, convolution, pooling
from .chain import Followers, Run
from .patch import STOCK

__all__ = ["accelerate", "restore"]

_log = logging.getLogger("fastconv")
_HEADS = convolution.Conv1D, convolution.Conv2D
_ACTIVATIONS = activations.Activation, activations.ReLU, activations.LeakyReLU, activations.ELU
_POOLS = pooling.MaxPooling2D, pooling.AveragePooling2D


def accelerate(model):
    """Move a model to fastconv's layers, where it is.

    Every stock layer of the model, also inside other models and wrappers, becomes fastconv's layer of the same name.
    It stays the same object with the same variables, so weights, optimizer, compiled losses and whatever else refers to
    the model or its layers stay as they are. In a functional or `Sequential` model, an activation layer after a
    convolution is computed with it, and in inference so is a pooling layer.

    Parameters
    ----------
    model : keras.Model or keras.layers.Layer
        Functional, `Sequential` or subclassed. Layers of classes derived from stock ones keep theirs.

    Returns
    -------
    keras.Model or keras.layers.Layer
        `model` itself.

    See Also
    --------
    restore : back to stock layers.
    patch_keras : for models that are yet to be made.

    Examples
    --------
    >>> import keras
    >>> import fastconv.keras
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.ReLU()])
    >>> fastconv.keras.accelerate(model) is model
    True
    >>> isinstance(model.layers[0], fastconv.keras.Conv2D)
    True
    """
    _change(model, {stock: layer for layer, stock in STOCK.items()})
    for graph in _graphs(model):
        _fuse(graph)
    return model


def restore(model):
    """Move a model back to Keras' own layers, where it is: `accelerate` undone, or `patch_keras` for this model.

    Parameters
    ----------
    model : keras.Model or keras.layers.Layer

    Returns
    -------
    keras.Model or keras.layers.Layer
        `model` itself. Convolutions with both strides and dilation keep fastconv's class: Keras has none for them.

    Examples
    --------
    >>> import keras
    >>> import fastconv.keras
    >>> model = keras.Sequential([fastconv.keras.Conv2D(4, 3)])
    >>> type(fastconv.keras.restore(model).layers[0]).__module__
    'keras.src.layers.convolutional.conv2d'
    """
    for graph in _graphs(model):
        vars(graph).pop("_run_through_graph", None)
    _change(model, STOCK)
    return model


def _change(model, classes: dict[type, type]) -> None:
    layers = model._flatten_layers()
    for layer in layers:
        target = classes.get(type(layer))
        if target is None or (target in STOCK.values() and _is_ours_alone(layer)):
            continue
        layer.__class__ = target
    for trainer in layers:
        if isinstance(trainer, keras.Model):
            _forget_traces(trainer)


def _is_ours_alone(layer) -> bool:
    return (isinstance(layer, convolution.DilatedStrides)
            and max(layer.strides) > 1 and max(layer.dilation_rate) > 1)


def _forget_traces(model) -> None:
    """What was compiled from the layers as they were before."""
    model.train_function = model.test_function = model.predict_function = None
    if model.compiled and model.jit_compile and not model_supports_jit(model):
        _log.warning("accelerate: jit_compile of %s is off now, XLA has no kernels of fastconv's", model.name)
        model.jit_compile = False


def _graphs(model) -> list[Functional]:
    models = model._flatten_layers()
    inner = [getattr(layer, "_functional", None) for layer in models if isinstance(layer, keras.Sequential)]
    return [graph for graph in [*models, *inner] if isinstance(graph, Functional)]


def _fuse(graph: Functional) -> None:
    """Let the graph's convolutions compute what comes after them."""
    vars(graph).pop("_run_through_graph", None)
    chains, walk = _chains(graph), graph._run_through_graph
    if not chains:
        return

    def run_through_graph(inputs, operation_fn=lambda operation: operation, **kwargs):
        run = Run(chains)
        return walk(inputs, lambda layer: run.substitute(layer, operation_fn(layer)), **kwargs)

    vars(graph)["_run_through_graph"] = run_through_graph


def _chains(graph: Functional) -> dict[int, Followers]:
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
        activation = after(node, _ACTIVATIONS)
        pool = after(activation or node, _POOLS)
        if activation or pool:
            found[id(head)] = Followers(activation and activation.operation, pool and pool.operation)
    return found
