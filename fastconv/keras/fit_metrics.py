"""The metrics of a model in training: Keras' own, the frequent ones by quicker means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..network.training.metrics import categorical_accuracy, sparse_categorical_accuracy

__all__ = ["FitMetrics"]


def _binary(metric: Any) -> Any:
    def accuracy(truth: Any, outputs: Any) -> Any:
        return (outputs > metric._fn_kwargs["threshold"]) == truth.reshape(outputs.shape)

    return accuracy


def _squares(truth: Any, outputs: Any) -> Any:
    return np.square(outputs - truth.reshape(outputs.shape)).mean(-1)


def _distances(truth: Any, outputs: Any) -> Any:
    return np.abs(outputs - truth.reshape(outputs.shape)).mean(-1)


# Functions that make the function of a metric: of what is true and of outputs, numbers for each sample.
_KNOWN: dict[Any, Callable[[Any], Callable[..., Any]]] = {
    keras.metrics.SparseCategoricalAccuracy: lambda metric: sparse_categorical_accuracy,
    keras.metrics.CategoricalAccuracy: lambda metric: categorical_accuracy,
    keras.metrics.BinaryAccuracy: _binary,
    keras.metrics.MeanSquaredError: lambda metric: _squares,
    keras.metrics.MeanAbsoluteError: lambda metric: _distances,
}
_FUNCTIONS = {keras.losses.mean_squared_error: _squares, keras.losses.mean_absolute_error: _distances}


def _function_of(metric: Any) -> Any:
    """How to count a metric without Keras' operations, None where nothing here knows."""
    if type(metric) in _KNOWN:
        return _KNOWN[type(metric)](metric)
    return _FUNCTIONS.get(metric._fn) if type(metric) is keras.metrics.MeanMetricWrapper else None


class FitMetrics:
    """Counts batches for a model's loss tracker and metrics.

    Where it knows all metrics, it counts in plain numbers, which `push` gives to the metrics' variables.

    Parameters
    ----------
    model : keras.Model
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._counts: Any = None  # [total, count] of each tracker, by its name
        self._functions: dict[Any, Any] = {}  # by its name, how each metric is counted, and whether by sample weights

    def update(self, x: Any, truth: Any, outputs: Any, weights: Any, loss: float, count: int) -> dict[Any, Any]:
        """Count a batch; the logs of all batches since the metrics were reset."""
        if self._counts is None:
            self._model._loss_tracker.update_state(loss, sample_weight=count)
            logs = self._model.compute_metrics(x, truth, outputs.copy(), sample_weight=weights)
            self.pull()
            result: dict[Any, Any] = logs
            return result
        return self.count(truth, outputs, weights, loss, count)

    def count(self, truth: Any, outputs: Any, weights: Any, loss: float, count: int) -> dict[Any, Any]:
        """As `update`, after a `pull` of metrics that are all known."""
        self._count("loss", loss * count, count)
        for name, (function, is_weighted) in self._functions.items():
            values = function(truth, outputs)
            values = values if values.ndim < 2 else values.reshape(len(values), -1).mean(1)
            if is_weighted and weights is not None:
                self._count(name, float(np.dot(values, weights.ravel())), float(weights.sum()))
            else:
                self._count(name, float(values.sum()), len(values))
        return {name: total / count if count else 0.0 for name, (total, count) in self._counts.items()}

    def _count(self, name: str, total: float, count: float) -> None:
        held = self._counts[name]
        held[0] += total
        held[1] += count

    def unknown(self, truth: Any, outputs: Any) -> str | None:
        """What is not known here, in words; Keras' metrics are built for tensors of these shapes if they are not."""
        compiled = self._model._compile_metrics
        if compiled is not None and not compiled.built:
            compiled.build(truth, outputs)
        if self._known() is not None:
            return self._misfit(truth, outputs)
        strangers = [metric for metric in compiled.metrics if _function_of(metric) is None] if compiled else []
        return f"the metric {strangers[0].name}" if strangers else "metrics of layers, or of one name"

    def _misfit(self, truth: Any, outputs: Any) -> str | None:
        """A metric for whose function Keras would stretch or squeeze tensors of these shapes, in words."""
        same = truth.shape[1:] == outputs.shape[1:] or (outputs.shape[1:] == (1,) and len(truth.shape) == 1)
        labels = truth.shape[1:] in (outputs.shape[1:-1], (*outputs.shape[1:-1], 1))
        for metric in self._known() or ():
            if not (labels if _function_of(metric) is sparse_categorical_accuracy else same):
                return f"the metric {metric.name} for targets {list(truth.shape)}"
        return None

    def pull(self) -> None:
        """Go on with what the metrics hold, where all of them are known and have all counts."""
        known = self._known()
        if known is None or self._counts is not None:
            return
        weighted = {id(metric) for metric in self._weighted()}
        self._functions = {metric.name: (_function_of(metric), id(metric) in weighted) for metric in known}
        self._trackers = [self._model._loss_tracker, *known]
        self._counts = {metric.name: [float(metric.total), float(metric.count)] for metric in self._trackers}

    def _known(self) -> list[Any] | None:
        compiled = self._model._compile_metrics
        if len(self._model.metrics) > 1 + (compiled is not None):
            return None
        if compiled is None:
            return []
        if not compiled.built:
            return None
        metrics = compiled.metrics
        names = {metric.name for metric in metrics}
        plain = all(_function_of(metric) for metric in metrics) and len(names | {"loss"}) == len(metrics) + 1
        return metrics if plain else None

    def _weighted(self) -> list[Any]:
        compiled = self._model._compile_metrics
        lists = compiled._flat_weighted_metrics if compiled is not None else []
        return [metric for metrics in lists if metrics is not None for metric in metrics.metrics]

    def push(self) -> None:
        """Give the metrics' variables what was counted."""
        if self._counts is None:
            return
        for metric in self._trackers:
            for variable, number in zip((metric.total, metric.count), self._counts[metric.name], strict=True):
                variable.assign(np.asarray(number, variable.dtype))
        self._counts = None
