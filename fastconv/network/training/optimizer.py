"""What all optimizers share: bounds of gradients, decay of weights, steps over parts that stay in cache."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ... import _args
from .parameters import Parameters

__all__ = ["Optimizer"]

_CHUNK = 1 << 14  # numbers whose temporary arrays stay in L2


class Optimizer(ABC):
    """How weights follow from their gradients.

    Parameters
    ----------
    learning_rate : float
    weight_decay : float, optional
        The share of each weight, times the learning rate, that every step takes off.
    clipnorm, clipvalue, global_clipnorm : float, optional
        Bounds on the norm of each weight's gradient, on each number of it, and on the norm of all together.

    Attributes
    ----------
    steps : int
        Updates so far.
    slots : list of numpy.ndarray
        What it keeps beside the weights, each in the order of `Parameters.values`; empty before the first step.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number, or less than 0.
    """

    slot_count = 0
    first = 0.0  # what slots begin with

    def __init__(
        self,
        learning_rate: Any = 0.001,
        *,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
    ) -> None:
        self.learning_rate = _args.real(learning_rate, "learning_rate", 0)
        self.weight_decay = None if weight_decay is None else _args.real(weight_decay, "weight_decay", 0)
        bounds: dict[str, Any] = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(bound is not None for bound in bounds.values()) > 1:
            raise ValueError(f"only one of {list(bounds)} may be set; received {bounds}")
        checked = (None if bound is None else _args.real(bound, name, 0) for name, bound in bounds.items())
        self.clipnorm, self.clipvalue, self.global_clipnorm = checked
        self.steps = 0
        self.slots: list[np.ndarray] = []

    def begin(self, parameters: Parameters) -> None:
        """Make the slots for these parameters, unless they are there.

        Raises
        ------
        ValueError
            If it has updated others.
        """
        if any(slot.shape != parameters.values.shape for slot in self.slots):
            raise ValueError("`optimizer` has updated another network's weights")
        if not self.slots and self.slot_count:
            self.slots = [np.full_like(parameters.values, self.first) for _ in range(self.slot_count)]

    def apply(self, parameters: Parameters) -> None:
        """Change the weights by one step."""
        kind = parameters.values.dtype.type
        self._clip(parameters, kind)
        rate, number = kind(self.learning_rate), self.steps + 1
        if self.weight_decay is not None:
            decay = kind(self.weight_decay)
            parameters.values -= parameters.values * decay * rate
        factors = self._factors(rate, kind, number)
        for begin in range(0, parameters.values.size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            slots = [slot[part] for slot in self.slots]
            self._update(parameters.values[part], parameters.gradients[part], slots, *factors)
        self.steps = number

    def _clip(self, parameters: Parameters, kind: Any) -> None:
        if self.clipvalue:
            np.clip(parameters.gradients, -self.clipvalue, self.clipvalue, out=parameters.gradients)
        elif self.global_clipnorm:
            _shorten(parameters.gradients, kind(self.global_clipnorm))
        elif self.clipnorm:
            for slope in parameters.slopes.values():
                _shorten(slope, kind(self.clipnorm))

    def _factors(self, rate: Any, kind: Any, number: int) -> tuple[Any, ...]:
        """The numbers of a step that all weights share."""
        return (rate,)

    @abstractmethod
    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        """Change a part of the weights and of the slots in place."""


def _shorten(slope: np.ndarray, bound: Any) -> None:
    norm = np.sqrt(np.square(slope).sum())
    if norm > bound:
        slope *= bound / norm
