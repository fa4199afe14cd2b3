"""What the gradient of an operator is: a function that plans the reverse of a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...graph import Node
from ...operators import Step
from ..errors import UntrainableError

__all__ = ["Gradient", "Reverse", "gradient", "gradient_of", "training_step", "training_step_of"]


@dataclass(frozen=True)
class Reverse:
    """How the gradients of a node's inputs follow from that of its first output.

    Parameters
    ----------
    run : callable or None
        ``run(*inputs, *outputs, dy, *gradients)`` writes all of the gradient of every wanted input. None for a view.
    reads : tuple of int
        The inputs that it takes, by position.
    reads_outputs : tuple of int
        The outputs of the node that it takes.
    view : bool
        Every wanted gradient is the memory of dy, in the input's shape.
    """

    run: Callable[..., Any] | None = None
    reads: tuple[int, ...] = ()
    reads_outputs: tuple[int, ...] = ()
    view: bool = False


@dataclass(frozen=True)
class Gradient:
    """The gradient of an operator.

    Parameters
    ----------
    plan : callable
        ``plan(node, inputs, outputs, wanted) -> Reverse``, with a `Tensor` or None for each input, a `Tensor` for each
        output, and for each input whether its gradient is wanted.
    weights : tuple of int
        The inputs that are trained where they are constants of the graph.
    state : tuple of int
        The inputs that the forward step moves, such as moving means.
    """

    plan: Callable[..., Reverse]
    weights: tuple[int, ...] = ()
    state: tuple[int, ...] = ()


_GRADIENTS: dict[str, Gradient] = {}
_TRAINING_STEPS: dict[str, Callable[..., Step]] = {}


def gradient(*names: str, weights: tuple[int, ...] = (), state: tuple[int, ...] = ()) -> Callable[..., Any]:
    """Register a function as the gradient of the operators of these names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.operators import Tensor
    >>> from fastconv.network.training.gradients import gradient_of
    >>> x = Tensor((2,), np.dtype("float32"))
    >>> gradient_of(Node("Neg", ("x",), ("y",))).plan(Node("Neg", ("x",), ("y",)), [x], [x], [True]).reads
    ()
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _GRADIENTS.update((name, Gradient(function, weights, state)) for name in names)
        return function

    return register


def gradient_of(node: Node) -> Gradient:
    """The gradient of a node's operator.

    Raises
    ------
    UntrainableError
        If there is none.
    """
    if node.op not in _GRADIENTS:
        raise UntrainableError(f"{node}: there is no gradient of {node.op}")
    return _GRADIENTS[node.op]


def training_step(*names: str) -> Callable[..., Any]:
    """Register a function as what plans nodes of these operators while training.

    It is called as ``f(node, generator, *inputs)`` with the `numpy.random.Generator` of the run, and returns a `Step`,
    whose outputs after the node's own are for the reverse.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _TRAINING_STEPS.update((name, function) for name in names)
        return function

    return register


def training_step_of(node: Node) -> Callable[..., Step] | None:
    """What plans a node while training, None where it runs as in inference."""
    return _TRAINING_STEPS.get(node.op)
