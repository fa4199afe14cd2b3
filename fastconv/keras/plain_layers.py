"""Models of layers whose training is known here."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
from keras.src.models.functional import Functional
from keras.src.models.sequential import Sequential

from ..network.training import UntrainableError
from .model_plan import is_known_layer

__all__ = ["require_plain"]

_MODELS = Functional, Sequential


def require_plain(model: Any) -> None:
    """Raise an UntrainableError for what nobody but Keras knows how to train.

    Parameters
    ----------
    model : keras.Model

    Examples
    --------
    >>> import keras
    >>> require_plain(keras.Sequential([keras.Input((2,)), keras.layers.GaussianNoise(0.1)]))
    Traceback (most recent call last):
    ...
    fastconv.network.training.errors.UntrainableError: the layer gaussian_noise of class GaussianNoise
    """
    if type(model) not in _MODELS:
        raise UntrainableError(f"a model of class {type(model).__name__}")
    if not model.built:
        raise UntrainableError("a model that is not built: its first layer must be an Input")
    layers = model._flatten_layers()
    for layer in layers:
        _require_plain_layer(layer)
    drawing = Counter(layer.name for layer in layers if hasattr(layer, "seed_generator"))
    if drawing and max(drawing.values()) > 1:
        raise UntrainableError(f"two layers {drawing.most_common(1)[0][0]} that draw random numbers")


def _require_plain_layer(layer: Any) -> None:
    is_embedding = type(layer) is keras.layers.Embedding and not layer.mask_zero
    if type(layer) not in _MODELS and not is_embedding and not is_known_layer(layer):
        raise UntrainableError(f"the layer {layer.name} of class {type(layer).__name__}")
    if "call" in vars(layer):
        raise UntrainableError(f"a call of its own of {layer.name}")
    if layer.activity_regularizer is not None:
        raise UntrainableError(f"the activity_regularizer of {layer.name}")
    for variable in layer._trainable_variables:
        if variable.constraint is not None:
            raise UntrainableError(f"the constraint of {variable.path}")
    if layer.dtype_policy.compute_dtype != layer.dtype_policy.variable_dtype:
        raise UntrainableError(f"the dtype policy {layer.dtype_policy.name} of {layer.name}")
