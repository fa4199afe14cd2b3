"""A Keras model that is there already, on any backend."""

from __future__ import annotations

import json
from typing import Any

from ..errors import UnsupportedError
from .model import Source
from .nodes import MODELS
from .weights import LiveWeights

__all__ = ["read_live"]


def read_live(model: Any, taken: list[Any] | None = None) -> Source:
    """The configuration and the weights, copied, of a live model.

    Parameters
    ----------
    model : keras.Model
    taken : list, optional
        Gets (variable, its copy) of every weight when it is read.

    Raises
    ------
    TypeError
        If it is no Keras model.
    UnsupportedError
        If its class is not one that a configuration describes.
    """
    if not all(hasattr(model, word) for word in ("to_json", "layers", "name")):
        raise TypeError(f"`model` must be a Keras model; received {type(model).__name__}")
    name = f"model {model.name!r}"
    # The class that Keras itself has chosen for a Model of layers, or that a class of the user's is derived from.
    kind = next(kind.__name__ for kind in type(model).__mro__ if kind.__name__ in MODELS)
    if kind == "Model" or type(model).__name__ not in MODELS:
        raise UnsupportedError(name, [("", f"a model of class {type(model).__name__}")])
    config = json.loads(model.to_json())
    shape = list(model.input_shape) if kind == "Sequential" and model.built else None
    return Source(name, kind, config["config"], LiveWeights(model, taken), 3, {"input_shape": shape})
