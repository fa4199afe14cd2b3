"""`fit` and `train_on_batch` on Keras' NumPy backend, which has neither of its own."""

from __future__ import annotations

import functools
import types
from typing import Any, cast

import keras
import numpy as np
from keras.src import callbacks as keras_callbacks
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils.python_utils import pythonify_logs

from ..network.training import UntrainableError
from ..network.training.interrupts import BetweenSteps
from . import _ops
from .fit_metrics import FitMetrics
from .model_trainer import ModelTrainer
from .steps import sees_batches

__all__ = ["train_models", "train_models_of", "untrain_models", "untrain_models_of"]

_TRAINER = "_fastconv_trainer"  # the attribute of a model


def train_models() -> None:
    """Let every model train on a plan, on Keras' NumPy backend."""
    if _ops.BACKEND == "numpy":
        keras.Model.fit, keras.Model.train_on_batch = fit, train_on_batch


def untrain_models() -> None:
    """Undo `train_models`."""
    for name in ("fit", "train_on_batch"):
        if name in vars(keras.Model):
            delattr(keras.Model, name)


def train_models_of(model: Any) -> None:
    """Let one model train on a plan, on Keras' NumPy backend."""
    if _ops.BACKEND == "numpy":
        for function in (fit, train_on_batch):
            vars(model)[function.__name__] = types.MethodType(function, model)


def untrain_models_of(model: Any) -> None:
    """Undo `train_models_of`."""
    for name in ("fit", "train_on_batch", _TRAINER):
        vars(model).pop(name, None)


def _trainer_of(model: Any) -> ModelTrainer:
    try:
        return ModelTrainer(model)
    except UntrainableError as reason:
        raise NotImplementedError(
            f"fit on Keras' NumPy backend is for models that fastconv trains; it does not serve {reason}"
        ) from None


@functools.wraps(keras.Model.fit)
def fit(
    self: Any,
    x: Any = None,
    y: Any = None,
    batch_size: Any = None,
    epochs: Any = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: Any = 0.0,
    validation_data: Any = None,
    shuffle: Any = True,
    class_weight: Any = None,
    sample_weight: Any = None,
    initial_epoch: Any = 0,
    steps_per_epoch: Any = None,
    validation_steps: Any = None,
    validation_batch_size: Any = None,
    validation_freq: Any = 1,
) -> Any:
    self._assert_compile_called("fit")
    self._eval_epoch_iterator = None
    if validation_split and validation_data is None:
        parts = array_slicing.train_validation_split((x, y, sample_weight), validation_split=validation_split)
        (x, y, sample_weight), validation_data = cast(tuple[Any, Any], parts)
    words = {"batch_size": batch_size, "steps_per_execution": self.steps_per_execution}
    batches = EpochIterator(
        x,
        y,
        sample_weight=sample_weight,
        steps_per_epoch=steps_per_epoch,
        shuffle=shuffle,
        class_weight=class_weight,
        **words,
    )
    if not isinstance(callbacks, keras_callbacks.CallbackList):
        callbacks = keras_callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=min(epochs, keras.config.max_epochs() or epochs),
            steps=batches.num_batches,
            model=self,
        )
    validation = None
    if validation_data is not None:
        validation = {
            "validation_data": data_adapter_utils.unpack_x_y_sample_weight(validation_data),
            "steps": validation_steps,
            "batch_size": validation_batch_size or batch_size,
            "freq": validation_freq,
        }
    with BetweenSteps() as interrupts:
        return _Fit(self, batches, callbacks, validation, interrupts).run(initial_epoch, epochs)


class _Fit:
    """One call of `fit`."""

    def __init__(
        self, model: Any, batches: Any, callbacks: Any, validation: dict[Any, Any] | None, interrupts: Any
    ) -> None:
        self._model, self._batches, self._callbacks = model, batches, callbacks
        self._validation, self._interrupts = validation, interrupts
        self._trainer, self._metrics = _trainer_of(model), FitMetrics(model)
        self._is_seen = any(map(sees_batches, callbacks.callbacks))

    def run(self, initial_epoch: int, epochs: int) -> Any:
        """Train; the History."""
        model, callbacks = self._model, self._callbacks
        epochs = min(epochs, keras.config.max_epochs() or epochs)
        model.stop_training = False
        callbacks.on_train_begin()
        logs = None
        try:
            for epoch in range(model._initial_epoch or initial_epoch, epochs):
                model.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                self._epoch()
                logs = dict(model.get_metrics_result())
                logs |= self._validate(epoch)
                callbacks.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
        finally:
            self._push()
        if epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        model._eval_epoch_iterator = None
        callbacks.on_train_end(logs=logs)
        return model.history

    def _epoch(self) -> None:
        """All batches of an epoch; the variables hold what came out."""
        callbacks = self._callbacks
        self._trainer.pull()
        with self._batches.catch_stop_iteration():
            for begin, end, data in self._batches:
                callbacks.on_train_batch_begin(begin)
                if self._is_seen:
                    self._trainer.pull()
                logs = {}
                for batch in data:
                    logs = self._step(batch)
                if self._is_seen:
                    self._push()
                callbacks.on_train_batch_end(end, logs)
                self._interrupts.check()
                if self._model.stop_training:
                    break
        self._push()

    def _step(self, batch: Any) -> dict[Any, Any]:
        x, y, weights = data_adapter_utils.unpack_x_y_sample_weight(batch)
        truth = np.asarray(y)
        loss, outputs = self._trainer.step(x, truth, weights)
        return self._metrics.update(x, truth, outputs, weights, loss, len(truth))

    def _push(self) -> None:
        self._trainer.push()
        self._metrics.push()

    def _validate(self, epoch: int) -> dict[Any, Any]:
        """Loss and metrics of validation data, where they are due."""
        model, words = self._model, self._validation
        if words is None or not model._should_eval(epoch, words["freq"]):
            return {}
        x, y, weights = words["validation_data"]
        size = words["batch_size"]
        if model._eval_epoch_iterator is None:
            model._eval_epoch_iterator = EpochIterator(
                x,
                y,
                sample_weight=weights,
                batch_size=size,
                steps_per_execution=model.steps_per_execution,
                steps_per_epoch=words["steps"],
                shuffle=False,
            )
        found = model.evaluate(
            x,
            y,
            sample_weight=weights,
            batch_size=size,
            steps=words["steps"],
            callbacks=self._callbacks,
            return_dict=True,
            _use_cached_eval_dataset=True,
        )
        return {f"val_{name}": value for name, value in found.items()}


@functools.wraps(keras.Model.train_on_batch)
def train_on_batch(
    self: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
) -> Any:
    self._assert_compile_called("train_on_batch")
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError("Arguments `sample_weight` and `class_weight` cannot be specified at the same time.")
        sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
    facts = _facts(self)
    kept = vars(self).get(_TRAINER)
    if kept is None or any(a is not b for a, b in zip(kept[0], facts, strict=False)) or len(kept[0]) != len(facts):
        kept = vars(self)[_TRAINER] = facts, _trainer_of(self)
    trainer, truth = kept[1], np.asarray(y)
    trainer.pull()
    self.reset_metrics()
    metrics = FitMetrics(self)
    with BetweenSteps():
        loss, outputs = trainer.step(x, truth, sample_weight)
        logs = metrics.update(x, truth, outputs, sample_weight, loss, len(truth))
        trainer.push()
        metrics.push()
    logs = pythonify_logs(logs)
    return logs if return_dict else self._flatten_metrics_in_order(logs)


def _facts(model: Any) -> list[Any]:
    """What a kept trainer was made of."""
    variables = model.trainable_variables
    trained = {id(variable) for variable in variables}
    frozen = [
        variable._value for variable in model.variables if id(variable) not in trained and not _is_moved(variable)
    ]
    return [model.optimizer, model.loss, *variables, *frozen]


def _is_moved(variable: Any) -> bool:
    """Whether it is what layers move while they train: statistics, and states of random numbers."""
    return variable.name.startswith("moving_") or "seed" in variable.name
