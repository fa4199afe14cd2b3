"""A compiled model's whole steps on batches of Keras' iterators."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ..network.training import UntrainableError
from ..network.training.interrupts import BetweenSteps
from .fit_metrics import FitMetrics
from .model_trainer import ModelTrainer
from .weight_versions import Weights, are_cheap
from .whole_batches import parts_of_spec

__all__ = ["ModelPlans"]

# What a model may have as attributes of its own, in the place of those of its class.
_OWN = {"call", "compute_loss", "compute_metrics", "test_step", "train_step"}


class ModelPlans:
    """Training and evaluation of a model, as it was compiled.

    Parameters
    ----------
    model : keras.Model
    updates : bool
        Whether it is to be trained.

    Raises
    ------
    UntrainableError
        If the model, or something that it was compiled with, is not served.
    """

    def __init__(self, model: Any, updates: bool) -> None:
        if own := _OWN & vars(model).keys():
            raise UntrainableError(f"a {min(own)} of the model's own")
        if not are_cheap(model.variables):
            raise UntrainableError("variables that are not on a CPU")
        self.updates = updates
        self._model, self._compiled = model, model._compile_loss
        self._trainer, self._metrics = ModelTrainer(model, updates), FitMetrics(model)
        self._dtypes = [value.dtype for value in self._trainer.inputs]
        self._frozen = Weights(self._trainer.frozen)
        self._fitting: set[str] = set()  # specs of batches

    def are_current(self) -> bool:
        """Whether the model is compiled as it was, and nobody has changed what does not train."""
        return self._compiled is self._model._compile_loss and self._frozen.are_unchanged()

    def require(self, batches: Any) -> None:
        """Raise an UntrainableError if such batches are not served, or a metric for them."""
        key = str(batches.spec)
        if key in self._fitting:
            return
        inputs, truth, weights = parts_of_spec(batches.spec)
        (output,) = self._model.outputs
        self._require_inputs(inputs)
        _require_truth(self._trainer.loss, truth, output)
        if weights is not None and (weights.shape.rank != 1 or len(output.shape) > 3):
            raise UntrainableError(f"sample weights of shape {tuple(weights.shape)}")
        unknown = self._metrics.unknown(*(keras.KerasTensor(tuple(x.shape)) for x in (truth, output)))
        if unknown:
            raise UntrainableError(unknown)
        self._fitting.add(key)

    def _require_inputs(self, inputs: Any) -> None:
        values = self._trainer.inputs
        fits = len(inputs) == len(values) and all(
            spec.shape.is_compatible_with(value.shape)
            and (spec.dtype.as_numpy_dtype == value.dtype or (value.dtype.kind == "f" and _is_number(spec)))
            for spec, value in zip(inputs, values, strict=True)
        )
        if not fits:
            found = [f"{spec.dtype.name}{list(spec.shape)}" for spec in inputs]
            raise UntrainableError(f"inputs {', '.join(found)}, which Keras may convert")

    def push(self) -> None:
        """Give the variables of the model and of its metrics what the steps have made of them."""
        self._trainer.push()
        self._metrics.push()

    def run(self, batches: Any, count: int, is_training: bool, is_seen: bool) -> dict[Any, Any]:
        """Steps on the next batches: the logs. Where somebody may look, variables are as they are after the last.

        Raises
        ------
        StopIteration
            If there are no more.
        """
        trainer, metrics = self._trainer, self._metrics
        step, logs = trainer.step if is_training else trainer.test, None
        done, is_begun = 0, False
        with BetweenSteps():
            trainer.pull()
            metrics.pull()
            try:
                for x, y, weights, size, places in batches.take(count, self._dtypes):
                    is_begun = True
                    weights = None if weights is None else weights.astype(np.float32, copy=False)
                    loss, outputs = step(x, y, weights, places)
                    logs = metrics.count(y, outputs, weights, loss, size)
                    done, is_begun = done + 1, False
            finally:
                if is_training and done < count and not is_begun and batches.may_end:
                    trainer.begin()
                if is_seen or done < count:
                    self.push()
                elif is_training:
                    trainer.count_steps()
        if logs is None:
            raise StopIteration
        return {name: float(np.float32(value)) for name, value in logs.items()}


def _is_number(spec: Any) -> bool:
    return np.dtype(spec.dtype.as_numpy_dtype).kind in "biuf"


def _require_truth(loss: Any, truth: Any, output: Any) -> None:
    """Raise an UntrainableError where Keras would stretch, squeeze or refuse what is true."""
    shape, given = output.shape, truth.shape
    if loss.name == "sparse_categorical_crossentropy":
        fits = given.is_compatible_with(shape[:-1]) or given.is_compatible_with((*shape[:-1], 1))
    else:
        fits = given.is_compatible_with(shape) or (
            len(shape) == 2 and shape[-1] == 1 and given.is_compatible_with(shape[:-1])
        )
    if not fits or not _is_number(truth):
        raise UntrainableError(f"targets {truth.dtype.name}{list(given)} for outputs {list(shape)}")
