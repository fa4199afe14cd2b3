"""What the layers share: which inputs the ops serve, Keras' activations as the ops know them, the fallback's notice."""
from __future__ import annotations

import logging

import keras
import tensorflow as tf

from ..tensorflow import ops

_log = logging.getLogger("fastconv")
_told: set[str] = set()

_functions = keras.activations
# Keras' activation functions as (name, alpha) of the ops, with the defaults the functions have.
_ACTIVATIONS = {
    _functions.linear: ("linear", 0.0),
    _functions.relu: ("relu", 0.0),
    _functions.relu6: ("relu6", 0.0),
    _functions.leaky_relu: ("leaky_relu", 0.2),
    _functions.elu: ("elu", 1.0),
    _functions.selu: ("selu", 0.0),
    _functions.sigmoid: ("sigmoid", 0.0),
    _functions.tanh: ("tanh", 0.0),
    _functions.exponential: ("exponential", 0.0),
    _functions.softplus: ("softplus", 0.0),
    _functions.softsign: ("softsign", 0.0),
    _functions.silu: ("silu", 0.0),
    _functions.gelu: ("gelu", 0.0),
    _functions.hard_sigmoid: ("hard_sigmoid", 0.0),
    _functions.hard_silu: ("hard_silu", 0.0),
    _functions.mish: ("mish", 0.0),
}


def known_activation(function) -> tuple[str, float] | None:
    """(name, alpha) of one of Keras' activation functions, None for any other callable."""
    try:
        return _ACTIVATIONS.get(function)
    except TypeError:
        return None


def fall_back(layer, reason: str) -> None:
    """Log, once for a kind of layer and reason, that Keras' own computation runs."""
    message = f"{type(layer).__name__}: {reason}; Keras' own computation is used"
    if message not in _told:
        _told.add(message)
        _log.warning(message)


def serves(layer, x, rank: int | None = None) -> bool:
    """Whether the ops can take x; says so in the log if not."""
    if not tf.is_tensor(x) or not isinstance(x, tf.Tensor):
        fall_back(layer, f"the input is a {type(x).__name__}, not a dense tensor")
    elif x.dtype not in ops.DTYPES:
        fall_back(layer, f"no kernel for {x.dtype.name}")
    elif rank is not None and x.shape.rank != rank:
        fall_back(layer, f"the input has {x.shape.rank} dimensions, not {rank}")
    else:
        return True
    return False


def with_logits(y, x):
    """Mark y as computed from logits x, as Keras does, so that its losses may use the logits."""
    y._keras_logits = x
    return y


def activate(x, name: str, alpha: float):
    """The op of an activation; nothing for 'linear'."""
    if name == "linear":
        return x
    y = ops.activation(x, name, alpha)
    return with_logits(y, x) if name == "sigmoid" else y
