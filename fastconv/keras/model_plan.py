"""A Keras model on a plan of `fastconv.network`, for as long as model and weights stay what they were."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional
from keras.src.models.sequential import Sequential

from ..network import from_keras
from . import _ops, base
from .stock import STOCK
from .weight_versions import Weights, are_cheap

__all__ = ["ModelPlan", "is_known_layer", "suits"]

_NAMES = (
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "ELU",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "InputLayer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
)
# Layers that compute in inference nothing but their output from their input and weights.
_LAYERS = {STOCK.get(layer, layer) for layer in (getattr(keras.layers, name) for name in _NAMES)}
_MODELS = Functional, Sequential
_INPUTS = ("float32", "float64", "float16", "uint8")
_MISSING = object()


class ModelPlan:
    """A network made of a model.

    Parameters
    ----------
    model : keras.Model
        `suits` it.

    Raises
    ------
    ValueError
        If `fastconv.from_keras` does not serve it.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> plan = ModelPlan(model)
    >>> plan.net(np.ones((1, 2), "float32")), plan.is_current()
    (array([[2.]], dtype=float32), True)
    """

    def __init__(self, model: Any) -> None:
        self._layers = [(vars(layer), _parts(layer)) for layer in model._flatten_layers()]
        self._weights = Weights(model.weights)
        self.net = from_keras(model)

    def is_current(self) -> bool:
        """Whether the model is the one that the network was made of, with the same weights."""
        same = all(scope.get(name, _MISSING) is value for scope, parts in self._layers for name, value in parts.items())
        return same and not _has_hooks(self._layers) and self._weights.are_unchanged()

    def takes(self, x: Any) -> bool:
        """Whether the network computes from x what the model does, without an error that Keras would word."""
        if type(x) is not np.ndarray or x.dtype.name not in _INPUTS or not len(x):
            return False
        (value,) = self.net.inputs
        sizes = value.shape or ()
        return len(x.shape) == len(sizes) and all(
            size in (None, given) for size, given in zip(sizes, x.shape, strict=True)
        )


def suits(model: Any) -> bool:
    """Whether a prediction of a model leaves no trace but its result, which a plan may give as well."""
    if type(model) not in _MODELS or not model.built or keras.config.floatx() != "float32":
        return False
    graph = model._functional if type(model) is Sequential else model
    if graph is None or not all(
        isinstance(ends, keras.KerasTensor) for ends in (graph._inputs_struct, graph._outputs_struct)
    ):
        return False
    layers = model._flatten_layers()
    return (
        all(map(_is_plain, layers))
        and not _has_hooks([(vars(layer), ()) for layer in layers])
        and are_cheap(model.weights)
    )


def is_known_layer(layer: Any) -> bool:
    """Whether a layer is of a class of Keras, or of this package, whose computation is known."""
    return STOCK.get(type(layer), type(layer)) in _LAYERS


def _is_plain(layer: Any) -> bool:
    if type(layer) in _MODELS:
        return True
    return (
        is_known_layer(layer)
        and layer.dtype_policy.name == "float32"
        and layer.activity_regularizer is None
        and "call" not in vars(layer)
        and _is_known(getattr(layer, "activation", None))
    )


def _is_known(activation: Any) -> bool:
    """Whether it is one of Keras' functions, which a configuration names."""
    return activation in (None, keras.activations.softmax) or base.known_activation(activation) is not None


def _parts(layer: Any) -> dict[str, object]:
    """The attributes that make a layer what it is, by name."""
    scope = vars(layer)
    names = {"call", "_functional", "_dtype_policy", *({} if isinstance(layer, _MODELS) else layer.get_config())}
    names.update(name for name, value in scope.items() if isinstance(value, keras.Variable))
    names -= {"trainable", "name"}
    return {name: scope.get(name, _MISSING) for name in names}


def _has_hooks(layers: Any) -> bool:
    """Whether torch tells somebody of calls of a layer."""
    if _ops.BACKEND != "torch":
        return False
    from torch.nn.modules.module import _has_any_global_hook

    kinds = "_forward_hooks", "_forward_pre_hooks"
    return bool(_has_any_global_hook()) or any(scope.get(kind) for scope, _ in layers for kind in kinds)
