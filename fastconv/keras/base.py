"""What the layers share: which inputs the ops serve, Keras' activations as the ops know them, what the log says."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import keras

from .. import cpu
from ..nn.convolution_grad import has_output_gradient
from ..nn.rectifiers import rectifier
from . import _ops

_log = logging.getLogger("fastconv")
_told: set[str] = set()
_served: set[str] = set()  # the kinds of layers that have run on the ops
_fallen: set[str] = set()  # and those that have not

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


if TYPE_CHECKING:
    from keras import Layer as Stock
else:
    Stock = object


class Fast(Stock):
    """What stands before a stock layer in the order of classes."""

    @property
    def supports_jit(self) -> Any:
        return _ops.COMPILES and self.__dict__.get("supports_jit", True)

    @supports_jit.setter
    def supports_jit(self, value: Any) -> None:
        self.__dict__["supports_jit"] = value

    def _serves(self, x: Any, rank: int | None = None, *kernels: Any) -> bool:
        """Whether the ops can take x and kernels; the log says once for a kind of layer what runs."""
        reason = _ops.refusal(x) or _misfit(x, rank, kernels)
        if reason:
            fall_back(self, reason)
        else:
            _served.add(type(self).__name__)
            _tell_once(logging.INFO, f"{type(self).__name__}: fastconv's kernels ({cpu.active_isa()})")
        return not reason


def _misfit(x: Any, rank: Any, kernels: Any) -> str | None:
    if rank is not None and rank_of(x) != rank:
        return f"the input has {rank_of(x)} dimensions, not {rank}"
    for kernel in kernels:
        if kernel.dtype != x.dtype:
            return f"the input is {_dtype(x)}, the kernel {_dtype(kernel)}"
    return None


def rank_of(x: Any) -> int | None:
    try:
        return len(x.shape)
    except ValueError:  # TensorFlow's shape of unknown rank
        return None


def _dtype(x: Any) -> str:
    result: str = keras.backend.standardize_dtype(x.dtype)
    return result


def weight(variable: Any, x: Any) -> Any:
    """The tensor of a variable in a call on x."""
    tensor = keras.ops.convert_to_tensor(variable)
    # torch's shape inference on its device "meta" leaves the dtype policy out.
    return keras.ops.cast(tensor, x.dtype) if getattr(tensor, "is_meta", False) else tensor


def fall_back(layer: Any, reason: str) -> None:
    """Log, once for a kind of layer and reason, that Keras' own computation runs."""
    _fallen.add(type(layer).__name__)
    _tell_once(logging.WARNING, f"{type(layer).__name__}: {reason}; Keras' own computation is used")


def summary() -> str:
    """Which kinds of layers have run on fastconv's kernels, and which were at times left to Keras.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> y = fastconv.keras.ReLU()(np.zeros((1, 2), "float32"))
    >>> "ReLU" in fastconv.keras.base.summary()
    True
    """
    return (
        f"layers on fastconv's kernels: {', '.join(sorted(_served)) or 'none'}; "
        f"left to Keras: {', '.join(sorted(_fallen)) or 'none'}"
    )


def _tell_once(level: int, message: str) -> None:
    if message not in _told:
        _told.add(message)
        _log.log(level, message)


def known_activation(function: Any) -> tuple[str, float] | None:
    """(name, alpha) of one of Keras' activation functions, None for any other callable."""
    arguments = relu_arguments(function)
    if arguments is not None:
        name, alpha = rectifier(*arguments)
        return (name, alpha) if name else None
    try:
        return _ACTIVATIONS.get(function)
    except TypeError:
        return None


def relu_arguments(function: Any) -> tuple[Any, ...] | None:
    """(negative_slope, max_value, threshold) of a `functools.partial` of Keras' relu, None for anything else."""
    if not isinstance(function, functools.partial) or function.func is not _functions.relu or function.args:
        return None
    given = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}
    return tuple((given | function.keywords).values()) if function.keywords.keys() <= given.keys() else None


def split_activation(function: Any) -> Any:
    """((name, alpha) to compute with a convolution, function to apply after it or None)."""
    known = known_activation(function)
    if function is None or known == ("linear", 0.0):
        return ("linear", 0.0), None
    if known is None:
        return ("linear", 0.0), _own(function)
    if is_fusable(*known):
        return known, None
    return ("linear", 0.0), lambda y: activate(y, *known)


def _own(function: Any) -> Any:
    """fastconv's function for one of Keras' that is no activation by name; else the function itself."""
    if function is _functions.softmax:
        return softmax
    arguments = relu_arguments(function)
    return function if arguments is None else lambda y: relu(y, *arguments)


def is_fusable(name: str, alpha: float) -> bool:
    """Whether a convolution may compute it: its gradient is had from the output; sigmoid's logits a loss may want."""
    return name != "sigmoid" and has_output_gradient(name, alpha)


def activate(x: Any, name: str, alpha: float) -> Any:
    """The op of an activation; nothing for 'linear'."""
    if name == "linear":
        return x
    y = _ops.activation(x, name, alpha)
    return with_logits(y, x) if name == "sigmoid" else y


def relu(x: Any, negative_slope: Any, max_value: Any, threshold: Any) -> Any:
    return _ops.relu(x, negative_slope, max_value, threshold)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Along several axes these are no logits that a loss knows what to do with."""
    y = _ops.softmax(x, axis)
    return y if isinstance(axis, tuple) else with_logits(y, x)


def with_logits(y: Any, x: Any) -> Any:
    """Mark y as computed from logits x, as Keras does, so that its losses may use the logits."""
    if _ops.BACKEND == "tensorflow":
        y._keras_logits = x
    return y
