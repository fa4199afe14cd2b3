"""A network in training: one step after the other on batches of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _core
from ..graph import Graph
from .errors import UnequalShapesError, UntrainableError
from .losses import Loss
from .masks import Masks
from .optimizers import Optimizer
from .parameters import Parameters, trainable
from .plan import TrainingPlan
from .preparing import normalized, pooled_first, prepared

__all__ = ["Trainer"]

_PLANS = 4  # kept, for the shapes of batches that came last


class Trainer:
    """Weights of a graph, and what changes them.

    Parameters
    ----------
    graph : Graph
        With one output.
    loss : Loss
    optimizer : Optimizer
    masks : Masks, optional
        What dropout drops; by default of a generator of NumPy without a seed.
    weights, state : list of str, optional
        The constants that are trained, and those that layers move meanwhile; by default all of them.
    penalties : dict of str to (float, float), optional
        Weights whose absolute values and squares, times these numbers, are part of the loss.

    Attributes
    ----------
    parameters : Parameters

    Raises
    ------
    UntrainableError
        If the network cannot be trained so. Layers without a gradient are named when the first batch comes.

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> from fastconv.network.training import loss_of, optimizer_of
    >>> graph = Graph([Value("x", (None, 1), np.dtype("float64"))], [Value("y")],
    ...               [Node("Dense", ("x", "kernel"), ("y",))], {"kernel": np.ones((1, 1))})
    >>> trainer = Trainer(graph, loss_of("mse"), optimizer_of("sgd"))
    >>> x, y = np.array([[1.0]]), np.array([[3.0]])
    >>> trainer.step([x], y)[0], trainer.parameters.weights["kernel"]
    (4.0, array([[1.04]]))
    """

    def __init__(
        self,
        graph: Graph,
        loss: Loss,
        optimizer: Optimizer,
        masks: Masks | None = None,
        weights: Any = None,
        state: Any = None,
        penalties: Any = None,
    ) -> None:
        if len(graph.outputs) != 1:
            raise UntrainableError(f"networks of one output are trained; this has {len(graph.outputs)}")
        self._graph = prepared(graph, (loss.fuses,))
        trained, moved = trainable(self._graph)
        trained, moved = trained if weights is None else weights, moved if state is None else state
        self._penalties = penalties or {}
        constants = self._graph.constants
        self.parameters = Parameters(
            {name: constants[name] for name in trained}, {name: constants[name] for name in moved}
        )
        self.optimizer = optimizer
        optimizer.begin(self.parameters)
        self._head, fused = _head(self._graph, loss.fuses)
        self._loss = loss.fused() if fused else loss
        self._masks = Masks(np.random.default_rng()) if masks is None else masks
        self._plans: dict[tuple[Any, ...], TrainingPlan] = {}

    def step(
        self, inputs: list[np.ndarray], truth: Any, weights: Any = None, places: Any = None
    ) -> tuple[float, np.ndarray]:
        """Train on a batch.

        Parameters
        ----------
        inputs : list of numpy.ndarray
        truth : array_like
            What the output should be.
        weights : array_like, optional
            A number for each sample, or for each loss of a sample.
        places : slice or array of int, optional
            The samples of `inputs` that are the batch; all by default. `truth` and `weights` are the batch's.

        Returns
        -------
        loss : float
            The mean over the batch, before the step.
        outputs : numpy.ndarray
            Valid until the next call.
        """
        with _core.Series():
            plan = self._run(inputs, places, training=True)
            loss = self._compare(plan, truth, weights, plan.head_gradients[0])
            plan.backward()
            loss += self._penalize()
            self.optimizer.apply(self.parameters)
        return loss, plan.outputs[0]

    def finish(self) -> None:
        """End a training: weights become what the optimizer has them be, such as their average."""
        self.optimizer.finish(self.parameters)

    def test(
        self, inputs: list[np.ndarray], truth: Any, weights: Any = None, places: Any = None
    ) -> tuple[float, np.ndarray]:
        """As `step` as in inference, which changes nothing."""
        with _core.Series():
            plan = self._run(inputs, places, training=False)
            loss = self._compare(plan, truth, weights, None) + self._penalize(slopes=False)
        return loss, plan.outputs[0]

    def gradients(self, inputs: list[np.ndarray], truth: Any, weights: Any = None) -> dict[str, np.ndarray]:
        """The gradients of the weights for a batch, by name; valid until the next call."""
        plan = self._run(inputs, None, training=True)
        self._compare(plan, truth, weights, plan.head_gradients[0])
        plan.backward()
        self._penalize()
        return self.parameters.slopes

    def _penalize(self, slopes: bool = True) -> float:
        """The penalties' part of the loss; with `slopes`, their gradients are added to those of the weights."""
        total = 0.0
        for name, (absolute, square) in self._penalties.items():
            weight, slope = self.parameters.weights[name], self.parameters.slopes[name]
            if absolute:
                total += absolute * float(np.abs(weight).sum())
                if slopes:
                    slope += weight.dtype.type(absolute) * np.sign(weight)
            if square:
                total += square * float(np.square(weight).sum())
                if slopes:
                    slope += weight.dtype.type(2 * square) * weight
        return total

    def _run(self, inputs: Any, places: Any, training: bool) -> TrainingPlan:
        """The plan that has run forwards for a batch."""
        count = _count(inputs, places)
        shapes = [(count, *array.shape[1:]) for array in inputs]
        plan = self._plan(tuple(shapes), training)
        for buffer, array in zip(plan.inputs, inputs, strict=True):
            if isinstance(places, np.ndarray) and array.dtype == buffer.dtype:
                np.take(array, places, 0, out=buffer, mode="clip")
            else:
                buffer[...] = array if places is None else array[places]
        plan.forward()
        return plan

    def _plan(self, shapes: tuple[Any, ...], training: bool) -> TrainingPlan:
        key = shapes, training
        if key not in self._plans:
            while len(self._plans) >= _PLANS:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = self._new_plan(shapes) if training else self._plan_of(self._graph, shapes, None)
        return self._plans[key]

    def _new_plan(self, shapes: tuple[Any, ...]) -> TrainingPlan:
        """A plan for training, with as much fused as its sizes let be."""
        for sums in (True, False):
            graph = normalized(pooled_first(self._graph), self.parameters.state, sums)
            try:
                return self._plan_of(graph, shapes, self._masks)
            except UnequalShapesError:
                continue
        raise AssertionError("a plan without sums adds nothing up")

    def _plan_of(self, graph: Graph, shapes: tuple[Any, ...], masks: Masks | None) -> TrainingPlan:
        return TrainingPlan(graph, self.parameters, shapes, masks, (self._head,))

    def _compare(self, plan: TrainingPlan, truth: Any, weights: Any, slopes: np.ndarray | None) -> float:
        """The loss of what a plan gave; its derivative goes into `slopes`."""
        values, derivative = self._loss.of(truth, plan.head_values[0])
        share = values.dtype.type(1 / max(values.size, 1))
        factors = share
        if weights is not None:
            weights = np.asarray(weights, values.dtype)
            weights = weights.reshape(*weights.shape, *(1,) * (values.ndim - weights.ndim))
            factors = np.broadcast_to(weights * share, values.shape)
        if slopes is not None:
            np.multiply(derivative, factors if weights is None else factors[..., None], out=slopes)
        return float((values * factors).sum())


def _count(inputs: list[np.ndarray], places: Any) -> int:
    """How many samples a batch has."""
    if places is None:
        return len(inputs[0])
    if isinstance(places, slice):
        return len(range(*places.indices(len(inputs[0]))))
    return len(places)


def _head(graph: Graph, fuses: str) -> tuple[str, bool]:
    """The value whose gradient the loss gives, and whether it is what the activation that the loss fuses takes."""
    sources = {name: node for node in graph.nodes for name in node.outputs}
    node: Any = sources.get(graph.outputs[0].name)
    while node is not None and node.op == "Identity":
        node = sources.get(node.inputs[0])
    is_softmax = node is not None and node.op == "Softmax" and node.attributes.get("axis", -1) == -1
    is_sigmoid = node is not None and node.op == "Activation" and node.attributes["activation"][0] == "sigmoid"
    if node is not None and ((fuses == "softmax" and is_softmax) or (fuses == "sigmoid" and is_sigmoid)):
        return node.inputs[0], True
    return graph.outputs[0].name, False
