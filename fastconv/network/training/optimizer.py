"""What all optimizers share: bounds and sums of gradients, decay and averages of weights, and steps by the core or over
parts in cache."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ... import _args, _core
from .parameters import Parameters

__all__ = ["CoreOptimizer", "NumpyOptimizer", "Optimizer"]

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
    use_ema : bool
        Whether it keeps an average of the weights, which takes their place at the end of `fit`.
    ema_momentum : float
        The share of the average that stays at each step.
    ema_overwrite_frequency : int, optional
        The average takes the weights' place after every so many updates as well.
    gradient_accumulation_steps : int, optional
        Batches, 2 or more, whose mean gradient makes one update.

    Attributes
    ----------
    steps : int
        Batches so far.
    slots : list of numpy.ndarray
        What it keeps beside the weights, each in the order of `Parameters.values`; empty before the first step.
    averages, sums : numpy.ndarray or None
        The average of the weights, and the sum of the gradients since the last update, in that order too.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number, or out of its range.
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
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: Any = None,
        gradient_accumulation_steps: Any = None,
    ) -> None:
        self.learning_rate = _args.real(learning_rate, "learning_rate", 0)
        self.weight_decay = None if weight_decay is None else _args.real(weight_decay, "weight_decay", 0)
        bounds: dict[str, Any] = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(bound is not None for bound in bounds.values()) > 1:
            raise ValueError(f"only one of {list(bounds)} may be set; received {bounds}")
        checked = (None if bound is None else _args.real(bound, name, 0) for name, bound in bounds.items())
        self.clipnorm, self.clipvalue, self.global_clipnorm = checked
        self.use_ema, self.ema_momentum = bool(use_ema), _args.real(ema_momentum, "ema_momentum", 0)
        if self.ema_momentum > 1:
            raise ValueError(f"`ema_momentum` must be in [0, 1]; received {ema_momentum}")
        self.ema_overwrite_frequency = _count(ema_overwrite_frequency, "ema_overwrite_frequency", 1)
        self.gradient_accumulation_steps = _count(gradient_accumulation_steps, "gradient_accumulation_steps", 2)
        self.steps = 0
        self.slots: list[np.ndarray] = []
        self.averages: np.ndarray | None = None
        self.sums: np.ndarray | None = None

    def begin(self, parameters: Parameters) -> None:
        """Make the slots for these parameters, unless they are there.

        Raises
        ------
        ValueError
            If it has updated others.
        """
        kept = [*self.slots, *(array for array in (self.averages, self.sums) if array is not None)]
        if any(array.shape != parameters.values.shape for array in kept):
            raise ValueError("`optimizer` has updated another network's weights")
        if not self.slots and self.slot_count:
            self.slots = [np.full_like(parameters.values, self.first) for _ in range(self.slot_count)]
        if self.use_ema and self.averages is None:
            self.averages = np.zeros_like(parameters.values)
        if self.gradient_accumulation_steps and self.sums is None:
            self.sums = np.zeros_like(parameters.values)

    def apply(self, parameters: Parameters) -> None:
        """Change the weights by the gradients of a batch, or keep these for the batch that ends an update."""
        kind, updates = parameters.values.dtype.type, self.steps // (self.gradient_accumulation_steps or 1)
        if self._accumulate(parameters):
            self._clip(parameters, kind)
            rate = kind(self.learning_rate)
            self._change(parameters, rate, self._factors(rate, kind, updates + 1))
        self._average(parameters, kind, updates)
        self.steps += 1

    def finish(self, parameters: Parameters) -> None:
        """Let the average of the weights, if one is kept, take their place."""
        if self.averages is not None and self.steps:
            parameters.values[...] = self.averages

    def _accumulate(self, parameters: Parameters) -> bool:
        """Add up gradients; whether their mean, which is in their place then, makes an update."""
        if self.sums is None or self.gradient_accumulation_steps is None:
            return True
        if (self.steps + 1) % self.gradient_accumulation_steps:
            self.sums += parameters.gradients
            return False
        parameters.gradients += self.sums
        parameters.gradients /= self.gradient_accumulation_steps
        self.sums[...] = 0
        return True

    def _average(self, parameters: Parameters, kind: Any, updates: int) -> None:
        """Move the average of the weights."""
        if self.averages is None:
            return
        momentum = kind(self.ema_momentum if updates else 0)
        self.averages *= momentum
        self.averages += (1 - momentum) * parameters.values
        if self.ema_overwrite_frequency and not (updates + 1) % self.ema_overwrite_frequency:
            parameters.values[...] = self.averages

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
    def _change(self, parameters: Parameters, rate: Any, factors: tuple[Any, ...]) -> None:
        """Let the weights decay, and change them and the slots in place."""


class CoreOptimizer(Optimizer):
    """An optimizer whose step is one call of the core, on all threads."""

    _rule = ""  # a name of `_core.UPDATE_RULES`

    def _change(self, parameters: Parameters, rate: Any, factors: tuple[Any, ...]) -> None:
        values = parameters.values
        _core.update_weights(
            _args.dtype_id(values.dtype),
            _core.UPDATE_RULES[self._rule],
            values.size,
            [float(number) for number in factors],
            (self.weight_decay or 0.0, float(rate)),
            parameters.gradients,
            values,
            self._placed_slots(),
        )

    def _placed_slots(self) -> tuple[Any, ...]:
        """The slots in the places that the rule has for them, None where it goes without one."""
        return (*self.slots, None, None, None)[:3]


class NumpyOptimizer(Optimizer):
    """An optimizer that NumPy computes, on parts of the weights that stay in cache."""

    def _change(self, parameters: Parameters, rate: Any, factors: tuple[Any, ...]) -> None:
        if self.weight_decay is not None:
            parameters.values -= parameters.values * parameters.values.dtype.type(self.weight_decay) * rate
        for begin in range(0, parameters.values.size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            slots = [slot[part] for slot in self.slots]
            self._update(parameters.values[part], parameters.gradients[part], slots, *factors)

    @abstractmethod
    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        """Change a part of the weights and of the slots in place."""


def _count(given: Any, name: str, least: int) -> int | None:
    return None if given is None else _args.integer(given, name, least)


def _shorten(slope: np.ndarray, bound: Any) -> None:
    norm = np.sqrt(np.square(slope).sum())
    if norm > bound:
        slope *= bound / norm
