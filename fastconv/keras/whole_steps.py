"""`fit`, `train_on_batch` and `evaluate` on TensorFlow by whole steps of a plan, which nobody sees but by the clock.

Keras runs a function of its own on each batch, or on a group of them (`steps`). Here is one that takes the same and
gives the same: batches come from Keras' iterators, and variables hold what Keras' function would leave in them.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import keras

from . import _ops
from .steps import MARK, SETTLE, Group

__all__ = ["take_whole_steps", "untake_whole_steps"]

_log = logging.getLogger("fastconv")
_taken: Counter[str] = Counter()  # whole steps, by the names of models
_left: list[tuple[str, str]] = []
_METHODS = "make_train_function", "make_test_function"
_KEPT = "_fastconv_plans"  # the attribute of a model that holds its `Plans`


def take_whole_steps() -> None:
    """Let `fit`, `train_on_batch` and `evaluate` of any model run on a plan of `fastconv.network`, where it is served.

    Nothing is traced, so that a first epoch begins at once. Later ones take about as long as on fastconv's layers, and
    longer where models have many weights or normalize batches, so that `patch_keras` leaves it to its caller. Data,
    their order, dropout, callbacks, metrics, variables and files are Keras'. With `group_steps`, or `patch_keras`,
    variables are written once for many batches. What is not served goes Keras' own way; the log ``fastconv`` says what
    it was. On other backends than TensorFlow nothing changes. Doing it twice is doing it once.

    See Also
    --------
    untake_whole_steps : the opposite.

    Examples
    --------
    >>> import fastconv.keras
    >>> fastconv.keras.take_whole_steps()
    >>> fastconv.keras.untake_whole_steps()
    """
    if _ops.BACKEND == "tensorflow":
        keras.Model.make_train_function, keras.Model.make_test_function = make_train_function, make_test_function


def untake_whole_steps() -> None:
    """Undo `take_whole_steps`, for models that are compiled afterwards."""
    for name in _METHODS:
        if name in vars(keras.Model):
            delattr(keras.Model, name)


def make_train_function(self: Any, force: bool = False) -> Any:
    """Keras' own, whose function runs on a plan where it may."""
    if self.train_function is None or force:
        super(keras.Model, self).make_train_function(force)
        self.train_function = _Function(self, self.train_function, is_training=True)
    return self.train_function


def make_test_function(self: Any, force: bool = False) -> Any:
    """Keras' own, whose function runs on a plan where it may."""
    if self.test_function is None or force:
        super(keras.Model, self).make_test_function(force)
        self.test_function = _Function(self, self.test_function, is_training=False)
    return self.test_function


for _maker in (make_train_function, make_test_function):
    setattr(_maker, MARK, True)


class _Function:
    """What Keras calls with an iterator of batches, or with a group of them.

    Parameters
    ----------
    model : keras.Model
    stock : callable
        Keras' function, for all that is not served.
    is_training : bool
    """

    def __init__(self, model: Any, stock: Any, is_training: bool) -> None:
        self._model, self._stock, self._is_training = model, stock, is_training
        self._is_refused = False
        setattr(self, SETTLE, self._settle)
        if hasattr(stock, MARK):
            setattr(self, MARK, True)

    def __call__(self, data: Any) -> Any:
        if self._is_refused or not self._has_usual_options():
            return self._stock(data)
        from .whole_batches import batches_of

        iterator, count = (data.iterator, data.most) if isinstance(data, Group) else (data, 1)
        batches = batches_of(iterator)
        plans = self._plans(batches)
        if plans is None:
            return self._stock(batches.again(data))
        _taken[self._model.name] += count
        is_seen = not isinstance(data, Group) or data.is_last
        return plans.run(batches, count, self._is_training, is_seen)

    def _settle(self) -> None:
        """Write the variables where a fit has ended before its time."""
        plans = vars(self._model).get(_KEPT)
        if plans is not None:
            plans.push()

    def _has_usual_options(self) -> bool:
        import tensorflow as tf

        model = self._model
        options = {
            "run_eagerly": model.run_eagerly or tf.config.functions_run_eagerly(),
            "steps_per_execution": model.steps_per_execution != 1,
            "a distribution strategy": model._distribute_strategy is not None or tf.distribute.has_strategy(),
        }
        for option, is_set in options.items():
            if is_set:
                _leave(model, option)
        return not any(options.values())

    def _plans(self, batches: Any) -> Any:
        """The plans of the model, or None where its own steps are to be taken."""
        from ..network.training import UntrainableError
        from .model_plans import ModelPlans

        plans = vars(self._model).get(_KEPT)
        try:
            if plans is None or not plans.are_current() or self._is_training > plans.updates:
                self._settle()
                plans = vars(self._model)[_KEPT] = ModelPlans(self._model, self._is_training)
        except UntrainableError as reason:
            self._is_refused = True
            return _leave(self._model, str(reason))
        try:
            plans.require(batches)
        except UntrainableError as reason:
            return _leave(self._model, str(reason))
        return plans


def _leave(model: Any, reason: str) -> None:
    """Log, once for a model and reason, that Keras' own steps are taken."""
    if (model.name, reason) not in _left:
        _left.append((model.name, reason))
        _log.info("fit of %s: whole steps do not serve %s; Keras' own are taken", model.name, reason)


def taken() -> int:
    """How many whole steps there were so far."""
    return sum(_taken.values())


def summary() -> str:
    """How many steps were taken whole, and for what Keras' own were; '' of none.

    Examples
    --------
    >>> isinstance(summary(), str)
    True
    """
    if not _taken and not _left:
        return ""
    left = ", ".join(f"{name} ({reason})" for name, reason in _left)
    return f"whole steps: {taken()}; left to Keras: {left or 'none'}"
