"""`fit` on arrays: epochs of batches, and what is told of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _args
from ..graph import Graph
from ..inputs import arrays_of
from ..progress import Progress
from .history import History
from .interrupts import BetweenSteps
from .losses import loss_of
from .masks import Masks
from .metrics import Metric, metric_of
from .optimizers import optimizer_of
from .trainer import Trainer

__all__ = ["Data", "Fitting"]


@dataclass(frozen=True)
class Data:
    """Samples, what the network should say of them, and how much each counts."""

    inputs: list[np.ndarray]
    truth: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @classmethod
    def of(cls, graph: Graph, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Data:
        """Checked arguments of `fit`.

        Raises
        ------
        ValueError, TypeError
            If they do not fit the graph, or each other.
        """
        inputs, truth = arrays_of(graph.inputs, [x]), np.asarray(y)
        counts = {len(array) for array in inputs} | {len(truth) if truth.ndim else -1}
        if len(counts) != 1 or 0 in counts:
            raise ValueError(f"`x` and `y` must have one number of samples, 1 or more; received {sorted(counts)}")
        if truth.dtype.kind not in "biuf":
            raise TypeError(f"`y` must be numbers; received {truth.dtype}")
        weights = None if sample_weight is None else _sample_weights(truth, sample_weight)
        if class_weight is not None:
            of_class = _class_weights(truth, class_weight)
            weights = of_class if weights is None else weights * of_class
        return cls(inputs, truth, weights)

    @classmethod
    def of_validation(cls, graph: Graph, given: Any) -> Data | None:
        """The checked argument `validation_data` of `fit`, None for None.

        Raises
        ------
        ValueError, TypeError
            If it is not ``(x, y)`` or ``(x, y, sample_weight)``, or does not fit.
        """
        if given is None:
            return None
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            found = f"{len(given)} parts" if isinstance(given, (tuple, list)) else type(given).__name__
            raise TypeError(f"`validation_data` must be (x, y) or (x, y, sample_weight); received {found}")
        try:
            return cls.of(graph, *given)
        except (ValueError, TypeError) as error:
            raise type(error)(f"`validation_data`: {error}") from None


def _sample_weights(truth: np.ndarray, given: Any) -> np.ndarray:
    """The weight of each sample, or of each loss of it."""
    weights = np.asarray(given)
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"`sample_weight` must be numbers; received {weights.dtype}")
    if weights.shape[:1] != truth.shape[:1]:
        raise ValueError(f"`sample_weight` must have {len(truth)} numbers; received shape {weights.shape}")
    return weights.astype(np.float32)


def _class_weights(truth: np.ndarray, class_weight: dict[Any, Any]) -> np.ndarray:
    """The weight of each sample by its class, 1 for classes without one."""
    if not isinstance(class_weight, dict) or not all(isinstance(label, (int, np.integer)) for label in class_weight):
        raise TypeError(f"`class_weight` must be a dict of integers to numbers; received {class_weight!r:.80}")
    if truth.ndim == 2 and truth.shape[1] > 1:
        truth = truth.argmax(1)
    labels = truth.reshape(len(truth), -1)
    if labels.shape[1] != 1:
        raise ValueError(f"`class_weight` needs one class for each sample; received `y` of shape {truth.shape}")
    labels = labels[:, 0].astype(int)
    weights = np.ones(len(labels), np.float32)
    for label, weight in class_weight.items():
        weights[labels == int(label)] = _args.real(weight, "class_weight")
    return weights


class Fitting:
    """A trainer on arrays, with metrics.

    Parameters
    ----------
    graph : Graph
    loss, optimizer, metrics
        As of `fastconv.network.Net.fit`.
    seed : int, optional
    """

    def __init__(self, graph: Graph, loss: Any, optimizer: Any, metrics: Any, seed: int | None) -> None:
        loss = loss_of(loss)
        seed = None if seed is None else _args.integer(seed, "seed", 0)
        order, masks = np.random.SeedSequence(seed).spawn(2)
        self._order = np.random.default_rng(order)
        self.trainer = Trainer(graph, loss, optimizer_of(optimizer), Masks(np.random.default_rng(masks)))
        if not isinstance(metrics, (tuple, list)):
            metrics = () if metrics is None else (metrics,)
        self._metrics = [metric_of(spec) for spec in metrics]

    def run(
        self, data: Data, epochs: int, batch_size: int, validation: Data | None, shuffle: bool, progress: Any
    ) -> History:
        """Train for so many epochs."""
        history = History()
        with BetweenSteps() as interrupts, Progress(epochs * len(data), progress, "fit") as shown:
            for _ in range(epochs):
                begin = time.perf_counter()
                order = self._order.permutation(len(data)) if shuffle else np.arange(len(data))
                values = self._epoch(data, order, batch_size, self.trainer.step, interrupts, shown.advance)
                if validation is not None:
                    order = np.arange(len(validation))
                    found = self._epoch(validation, order, batch_size, self.trainer.test, interrupts)
                    values |= {f"val_{name}": value for name, value in found.items()}
                history.add(values, time.perf_counter() - begin)
        if epochs:
            self.trainer.finish()
        return history

    def evaluate(self, data: Data, batch_size: int) -> dict[str, float]:
        """Loss and metrics of data."""
        with BetweenSteps() as interrupts:
            result: dict[str, float] = self._epoch(
                data, np.arange(len(data)), batch_size, self.trainer.test, interrupts
            )
            return result

    def _epoch(
        self, data: Data, order: Any, batch_size: int, step: Any, interrupts: Any, advance: Any = lambda count: None
    ) -> Any:
        losses = Metric("loss", lambda loss, count: np.full(count, loss))
        for metric in self._metrics:
            metric.reset()
        with np.errstate(all="ignore"):  # numbers that are not finite are results like others
            for begin in range(0, len(data), batch_size):
                places = order[begin : begin + batch_size]
                truth = data.truth[places]
                weights = None if data.weights is None else data.weights[places]
                loss, outputs = step(data.inputs, truth, weights, places)
                losses.update(loss, len(places))
                for metric in self._metrics:
                    metric.update(truth, outputs)
                advance(len(places))
                interrupts.check()
        return {metric.name: metric.result() for metric in (losses, *self._metrics)}
