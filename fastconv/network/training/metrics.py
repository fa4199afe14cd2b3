"""What is told of a network's outputs beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import UntrainableError
from .losses import LOSSES, loss_of

__all__ = ["Metric", "categorical_accuracy", "metric_of", "sparse_categorical_accuracy"]


class Metric:
    """The mean of a number of each sample, over the batches of an epoch.

    Parameters
    ----------
    name : str
    function : callable
        ``function(truth, outputs)``: a number for each sample.

    Examples
    --------
    >>> metric = metric_of("accuracy")
    >>> metric.update(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    >>> metric.result()
    0.5
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self._function = name, function
        self.reset()

    def reset(self) -> None:
        """Forget the batches so far."""
        self._total, self._count = 0.0, 0.0

    def update(self, truth: Any, outputs: Any) -> None:
        """Count a batch."""
        values = np.asarray(self._function(truth, outputs))
        self._total += float(values.sum(dtype=np.float64))
        self._count += values.size

    def result(self) -> float:
        """The mean so far, 0 of nothing."""
        return self._total / self._count if self._count else 0.0


def sparse_categorical_accuracy(truth: Any, outputs: Any) -> Any:
    """Whether the largest output is that of the class, an integer."""
    labels = np.asarray(truth)
    labels = labels[..., 0] if labels.ndim == outputs.ndim else labels
    return outputs.argmax(-1) == labels


def categorical_accuracy(truth: Any, outputs: Any) -> Any:
    """Whether the largest output is where the largest target is."""
    return outputs.argmax(-1) == np.asarray(truth).argmax(-1)


def _binary(truth: Any, outputs: Any) -> Any:
    return ((outputs > 0.5) == np.asarray(truth).reshape(outputs.shape)).mean(-1)


def _accuracy(truth: Any, outputs: Any) -> Any:
    """The one that shapes ask for, as Keras has it."""
    shape = np.shape(truth)
    if outputs.shape[-1] == 1:
        return _binary(truth, outputs)
    is_sparse = len(shape) < outputs.ndim or shape[-1] == 1
    return (sparse_categorical_accuracy if is_sparse else categorical_accuracy)(truth, outputs)


_ACCURACIES = {
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
    "categorical_accuracy": categorical_accuracy,
    "binary_accuracy": _binary,
}


def metric_of(spec: Any) -> Metric:
    """The metric of a name, which for 'accuracy' goes with the shapes, or of a function of ``(truth, outputs)``.

    Raises
    ------
    UntrainableError
        If it is neither.
    """
    if callable(spec):
        return Metric(getattr(spec, "__name__", "metric"), spec)
    name = spec if isinstance(spec, str) else None
    if name in ("accuracy", "acc"):
        return Metric(name, _accuracy)
    if name in _ACCURACIES:
        return Metric(name, _ACCURACIES[name])
    if name in LOSSES or name in ("mse", "mae"):
        found = loss_of(spec)
        return Metric(spec, lambda truth, outputs: found.of(truth, outputs)[0])
    known = ["accuracy", *_ACCURACIES, *sorted(LOSSES)]
    raise UntrainableError(f"a metric must be a function or one of {known}; received {spec!r}")
