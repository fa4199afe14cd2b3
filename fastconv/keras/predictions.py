"""`predict` and `predict_on_batch` on a plan of `fastconv.network`, where nobody would see it but by the clock.

A model's arrays go through Keras' data sets, callbacks and layers where anything may watch or change them; what is left
is a model of plain layers, one array, and a result.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras.src import callbacks as keras_callbacks
from keras.src.backend.common.stateless_scope import in_stateless_scope

from . import _ops
from .steps import are_grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["forget_plan", "plan_predictions", "plan_predictions_of", "unplan_predictions", "unplan_predictions_of"]

_CHOICE = "_fastconv_predictions"  # the attribute of a model
_FIRST_WAIT, _LONGEST_WAIT = 64, 1 << 16  # batches


def plan_predictions() -> None:
    """Let every model predict on a plan, where it may."""
    keras.Model.predict, keras.Model.predict_on_batch = predict, predict_on_batch


def unplan_predictions() -> None:
    """Undo `plan_predictions`."""
    for name in ("predict", "predict_on_batch"):
        if name in vars(keras.Model):
            delattr(keras.Model, name)


def plan_predictions_of(model: Any) -> None:
    """Let one model predict on a plan, where it may."""
    for function in (predict, predict_on_batch):
        vars(model)[function.__name__] = types.MethodType(function, model)


def unplan_predictions_of(model: Any) -> None:
    """Undo `plan_predictions_of`."""
    for name in ("predict", "predict_on_batch", _CHOICE):
        vars(model).pop(name, None)


def forget_plan(model: Any) -> None:
    """Let go of what was made of a model before its layers changed."""
    vars(model).pop(_CHOICE, None)


@functools.wraps(keras.Model.predict)
def predict(
    self: Any, x: Any, batch_size: Any = None, verbose: Any = "auto", steps: Any = None, callbacks: Any = None
) -> Any:
    net, size = None, 32 if batch_size is None else batch_size
    if steps is None and not callbacks and type(size) is int and size > 0 and type(x) is np.ndarray:
        net = _net_for(self, x, -(-len(x) // size) if x.ndim else 0)
    if net is None:
        stock = super(keras.Model, self).predict
        return stock(x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
    if _ops.BACKEND == "torch":
        self.eval()
    self.stop_predicting = False
    if verbose == 0:
        return net.predict(x, size, progress=False)
    batches = [x[begin : begin + size] for begin in range(0, len(x), size)]
    return np.concatenate(list(_shown(self, net, batches, verbose)))


def _shown(model: Any, net: Any, batches: Any, verbose: Any) -> Iterator[Any]:
    """The results of batches, under Keras' progress bar."""
    bar = keras_callbacks.CallbackList(add_progbar=True, verbose=verbose, epochs=1, steps=len(batches), model=model)
    bar.on_predict_begin()
    for step, batch in enumerate(batches):
        bar.on_predict_batch_begin(step)
        y = net(batch)
        bar.on_predict_batch_end(step, {"outputs": y})
        yield y
    bar.on_predict_end()


@functools.wraps(keras.Model.predict_on_batch)
def predict_on_batch(self: Any, x: Any) -> Any:
    # TensorFlow's variables take longer to look at than its trace of a model takes to be called.
    net = _net_for(self, x, 1) if type(x) is np.ndarray and not are_grouped() else None
    return super(keras.Model, self).predict_on_batch(x) if net is None else net(x)


def _net_for(model: Any, x: np.ndarray, batches: int) -> Any:
    """The network that gives what the model would for x, or None."""
    if not batches or not _is_plain_call(model):
        return None
    choice = vars(model).get(_CHOICE)
    if choice is None:
        choice = vars(model)[_CHOICE] = _Choice()
    plan = choice.plan(model, batches)
    return plan.net if plan and plan.takes(x) else None


def _is_plain_call(model: Any) -> bool:
    """Whether nothing is set that predictions of Keras heed."""
    if model.run_eagerly or model.steps_per_execution != 1 or in_stateless_scope():
        return False
    if {"call", "predict_step", "make_predict_function"} & vars(model).keys() or keras.distribution.distribution():
        return False
    if _ops.BACKEND == "torch":
        import torch

        return not torch.is_autocast_enabled("cpu")
    return _ops.BACKEND != "tensorflow" or _is_plain_tensorflow(model)


def _is_plain_tensorflow(model: Any) -> bool:
    import tensorflow as tf

    from fastconv.tensorflow.threads import eager_context

    return (
        tf.executing_eagerly()
        and not tf.config.functions_run_eagerly()
        and not eager_context().op_callbacks
        and model._distribute_strategy is None
        and not tf.distribute.has_strategy()
    )


class _Choice:
    """Whether a model's predictions run on a plan.

    They do from the first on. A plan takes longer to make than a few predictions of Keras take, so that after a change
    of the weights some batches go Keras' way before there is another: the more, the fewer batches plans have lasted.
    """

    def __init__(self) -> None:
        self._plan = None
        self._is_refused = False
        self._waited = self._wait = self._served = 0

    def plan(self, model: Any, batches: int) -> Any:
        if self._is_refused:
            return None
        if self._plan is not None and not self._plan.is_current():
            self._wait = (
                _FIRST_WAIT if self._served >= _FIRST_WAIT else min(2 * self._wait or _FIRST_WAIT, _LONGEST_WAIT)
            )
            self._plan, self._waited = None, 0
        if self._plan is None:
            self._waited += batches
            if self._waited < self._wait:
                return None
            self._plan, self._served = self._made(model), 0
        self._served += batches
        return self._plan

    def _made(self, model: Any) -> Any:
        from .model_plan import ModelPlan, suits

        try:
            plan = ModelPlan(model) if suits(model) else None
        except ValueError:
            plan = None
        self._is_refused = plan is None and model.built
        return plan
