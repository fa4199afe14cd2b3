"""A model that exists already, moved to fastconv's layers and back."""

from __future__ import annotations

import logging
from typing import Any

import keras
from keras.src.trainers.trainer import model_supports_jit

from . import convolution
from .graphs import fuse, graphs_of, unfuse
from .numpy_training import train_models_of, untrain_models_of
from .predictions import forget_plan, plan_predictions_of, unplan_predictions_of
from .stock import STOCK

__all__ = ["accelerate", "restore"]

_log = logging.getLogger("fastconv")


def accelerate(model: Any) -> Any:
    """Move a model to fastconv's layers, where it is.

    Every stock layer of the model, also inside other models and wrappers, becomes fastconv's layer of the same name.
    It stays the same object with the same variables, so weights, optimizer, compiled losses and whatever else refers to
    the model or its layers stay as they are. In a functional or `Sequential` model, an activation layer after a
    convolution is computed with it, and in inference so is a pooling layer, or on TensorFlow a batch normalization and
    an activation after that. Its predictions may run on a plan, as under `patch_keras`.

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
    for graph in graphs_of(model):
        fuse(graph)
    if isinstance(model, keras.Model):
        plan_predictions_of(model)
        train_models_of(model)
    return model


def restore(model: Any) -> Any:
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
    for graph in graphs_of(model):
        unfuse(graph)
    unplan_predictions_of(model)
    untrain_models_of(model)
    _change(model, STOCK)
    return model


def _change(model: Any, classes: dict[type, type]) -> None:
    layers = model._flatten_layers()
    for layer in layers:
        target = classes.get(type(layer))
        if target is None or (target in STOCK.values() and _is_ours_alone(layer)):
            continue
        layer.__class__ = target
    for trainer in layers:
        if isinstance(trainer, keras.Model):
            _forget_traces(trainer)


def _is_ours_alone(layer: Any) -> bool:
    return isinstance(layer, convolution.DilatedStrides) and max(layer.strides) > 1 and max(layer.dilation_rate) > 1


def _forget_traces(model: Any) -> None:
    """What was compiled from the layers as they were before."""
    forget_plan(model)
    model.train_function = model.test_function = model.predict_function = None
    if model.compiled and model.jit_compile and not model_supports_jit(model):
        _log.warning("accelerate: jit_compile of %s is off now, XLA has no kernels of fastconv's", model.name)
        model.jit_compile = False
