"""The metrics of a model in training: Keras' own, a few of them by quicker means."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = ["FitMetrics"]


def _sparse(truth: Any, outputs: Any) -> Any:
    labels = truth[..., 0] if truth.ndim == outputs.ndim else truth
    return outputs.argmax(-1) == labels


def _categorical(truth: Any, outputs: Any) -> Any:
    return outputs.argmax(-1) == truth.argmax(-1)


_KNOWN = {keras.metrics.SparseCategoricalAccuracy: _sparse, keras.metrics.CategoricalAccuracy: _categorical}


class FitMetrics:
    """Counts batches for a model's loss tracker and metrics.

    Where it knows all metrics, it counts in plain numbers, which `push` gives to the metrics' variables.

    Parameters
    ----------
    model : keras.Model
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._counts: dict[Any, Any] | None = None  # [total, count] of each tracker, by its name
        self._functions: dict[Any, Any] = {}

    def update(self, x: Any, truth: Any, outputs: Any, weights: Any, loss: float, count: int) -> dict[Any, Any]:
        """Count a batch; the logs of all batches since the metrics were reset."""
        if self._counts is None:
            self._model._loss_tracker.update_state(loss, sample_weight=count)
            logs = self._model.compute_metrics(x, truth, outputs.copy(), sample_weight=weights)
            self.pull()
            result: dict[Any, Any] = logs
            return result
        _count(self._counts["loss"], loss * count, count)
        for name, function in self._functions.items():
            values = function(truth, outputs)
            _count(self._counts[name], float(values.sum()), values.size)
        return {name: total / count if count else 0.0 for name, (total, count) in self._counts.items()}

    def pull(self) -> None:
        """Go on with what the metrics hold, where all of them are known."""
        known = self._known()
        if known is None:
            return
        self._functions = {metric.name: _KNOWN[type(metric)] for metric in known}
        self._trackers = [self._model._loss_tracker, *known]
        self._counts = {metric.name: [float(metric.total), float(metric.count)] for metric in self._trackers}

    def _known(self) -> list[Any] | None:
        compiled = self._model._compile_metrics
        if compiled is None:
            return []
        if not compiled.built or compiled._user_weighted_metrics or len(self._model.metrics) > 2:
            return None
        metrics = compiled.metrics
        names = {metric.name for metric in metrics}
        plain = all(type(metric) in _KNOWN for metric in metrics) and len(names | {"loss"}) == len(metrics) + 1
        return metrics if plain else None

    def push(self) -> None:
        """Give the metrics' variables what was counted."""
        if self._counts is None:
            return
        for metric in self._trackers:
            for variable, number in zip((metric.total, metric.count), self._counts[metric.name], strict=True):
                variable.assign(np.asarray(number, "float32"))
        self._counts = None


def _count(held: list[float], total: float, count: float) -> None:
    held[0] += total
    held[1] += count
