"""What `compile` was given, as `fastconv.network.training` has it: the loss, the optimizer, penalties on weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..network.training import UntrainableError
from ..network.training.losses import LOSSES, Loss, loss_of
from ..network.training.optimizers import OPTIMIZERS, Optimizer

__all__ = ["compiled_loss", "compiled_optimizer", "penalty_of", "slots_of"]

_LOSSES = {
    keras.losses.BinaryCrossentropy: "binary_crossentropy",
    keras.losses.BinaryFocalCrossentropy: "binary_focal_crossentropy",
    keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
    keras.losses.CategoricalFocalCrossentropy: "categorical_focal_crossentropy",
    keras.losses.CategoricalHinge: "categorical_hinge",
    keras.losses.Hinge: "hinge",
    keras.losses.Huber: "huber",
    keras.losses.KLDivergence: "kl_divergence",
    keras.losses.LogCosh: "log_cosh",
    keras.losses.MeanAbsoluteError: "mean_absolute_error",
    keras.losses.MeanSquaredError: "mean_squared_error",
    keras.losses.Poisson: "poisson",
    keras.losses.SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
    keras.losses.SquaredHinge: "squared_hinge",
}
_WORDS = "from_logits", "label_smoothing", "delta", "apply_class_balancing", "alpha", "gamma"
_REDUCTIONS = "sum_over_batch_size", "mean"
# The attributes that hold an optimizer's slots, in the order of those of `OPTIMIZERS`.
_SLOTS = {
    "adadelta": ("_accumulated_grads", "_accumulated_delta_vars"),
    "adagrad": ("_accumulators",),
    "adam": ("_momentums", "_velocities", "_velocity_hats"),
    "adamax": ("_m", "_u"),
    "adamw": ("_momentums", "_velocities", "_velocity_hats"),
    "ftrl": ("_accumulators", "_linears"),
    "lion": ("_momentums",),
    "rmsprop": ("_velocities", "_momentums", "_average_gradients"),
    "sgd": ("momentums",),
}
_KINDS = {getattr(keras.optimizers, OPTIMIZERS[name].__name__): name for name in _SLOTS}
_LEFT_OUT = ("name", "learning_rate", "is_legacy_optimizer")
_UNSERVED = ("loss_scale_factor",)


def compiled_loss(model: Any) -> Loss:
    """The loss that a model was compiled with.

    Raises
    ------
    UntrainableError
        If it is not one that is served.
    """
    given = model.loss
    if isinstance(given, (list, tuple, dict)) and len(given) == 1:
        (given,) = given.values() if isinstance(given, dict) else given
    if model._compile_loss is not None and model._compile_loss._user_loss_weights is not None:
        raise UntrainableError("`loss_weights`")
    if isinstance(given, str):
        # Keras knows names in any spelling, and short ones.
        given = keras.losses.get(given)
        name = getattr(given, "__name__", None)
        if name in LOSSES:
            return loss_of(name)
    if isinstance(given, keras.losses.Loss) and type(given) in _LOSSES:
        config = given.get_config()
        standard = {"axis": -1, "dtype": "float32", "ignore_class": None}
        unusual = [word for word, value in standard.items() if config.get(word, value) not in (value, None)]
        if given.reduction in _REDUCTIONS and not unusual:
            return Loss(_LOSSES[type(given)], {word: config[word] for word in _WORDS if config.get(word) is not None})
    word = getattr(given, "__name__", None)
    if word in LOSSES and given is getattr(keras.losses, word, None):
        return loss_of(word)
    raise UntrainableError(f"the loss {given!r:.80}")


def compiled_optimizer(optimizer: Any) -> Optimizer:
    """An optimizer of Keras in its first step.

    Raises
    ------
    UntrainableError
        If it is not one that is served.
    """
    kind = _KINDS.get(type(optimizer))
    if kind is None:
        raise UntrainableError(f"the optimizer {type(optimizer).__name__}")
    config = optimizer.get_config()
    unserved = [name for name in _UNSERVED if config.get(name)]
    if unserved or getattr(optimizer, "_exclude_from_weight_decay", None):
        raise UntrainableError(f"the optimizer's {(unserved or ['exclude_from_weight_decay'])[0]}")
    words = {name: value for name, value in config.items() if name not in (*_LEFT_OUT, *_UNSERVED)}
    return OPTIMIZERS[kind](**words)


def slots_of(optimizer: Any, ours: Optimizer) -> list[tuple[np.ndarray, list[Any]]]:
    """The arrays that `ours` keeps, each with the variables that it stands for.

    There is one variable for each trained one, in the order in which those were given.
    """
    held = [getattr(optimizer, name, None) for name in _SLOTS[_KINDS[type(optimizer)]]]
    kept = [(ours.averages, "_model_variables_moving_average"), (ours.sums, "_accumulated_gradients")]
    return [
        *zip(ours.slots, filter(None, held), strict=False),
        *((array, getattr(optimizer, name)) for array, name in kept if array is not None),
    ]


def penalty_of(variable: Any) -> tuple[float, float]:
    """What a variable's regularizer adds to the loss: factors of absolute values and of squares.

    Raises
    ------
    UntrainableError
        If it adds something else.
    """
    regularizer = variable.regularizer
    if regularizer is None:
        return 0.0, 0.0
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    if type(regularizer) not in kinds:
        raise UntrainableError(f"the regularizer {type(regularizer).__name__}")
    return float(getattr(regularizer, "l1", 0)), float(getattr(regularizer, "l2", 0))
