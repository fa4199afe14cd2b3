"""Optimizers; the formulas are those of Keras (keras/src/optimizers), in its order of operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _args
from .errors import UntrainableError
from .optimizer import CoreOptimizer, NumpyOptimizer, Optimizer
from .parameters import Parameters

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "optimizer_of",
]


class SGD(CoreOptimizer):
    """Gradient descent, with a momentum of Sutskever et al., 2013, where it is given.

    Examples
    --------
    >>> parameters = Parameters({"kernel": np.ones(2)}, {})
    >>> parameters.gradients[:2] = 1, 2
    >>> SGD(0.5).apply(parameters)
    >>> parameters.weights["kernel"]
    array([0.5, 0. ])
    """

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **words: Any
    ) -> None:
        super().__init__(learning_rate, **words)
        self.momentum, self.nesterov = _args.real(momentum, "momentum", 0), bool(nesterov)
        self.slot_count = 1 if self.momentum else 0
        self._rule = "nesterov" if self.nesterov else "sgd"

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        return rate, self.momentum


class Adam(CoreOptimizer):
    """Kingma and Ba, 2014; `amsgrad` of Reddi et al., 2018."""

    _rule = "adam"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **words: Any,
    ) -> None:
        super().__init__(learning_rate, **words)
        self.beta_1, self.beta_2 = _args.real(beta_1, "beta_1", 0), _args.real(beta_2, "beta_2", 0)
        self.epsilon, self.amsgrad = _args.real(epsilon, "epsilon", 0), bool(amsgrad)
        self.slot_count = 3 if self.amsgrad else 2

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        first, second = (kind(beta) ** kind(number) for beta in (self.beta_1, self.beta_2))
        alpha = rate * np.sqrt(kind(1) - second) / (kind(1) - first)
        return alpha, 1 - self.beta_1, 1 - self.beta_2, self.epsilon


class AdamW(Adam):
    """Adam with the weight decay of Loshchilov and Hutter, 2019."""

    def __init__(self, learning_rate: float = 0.001, weight_decay: float = 0.004, **words: Any) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **words)


class Adamax(NumpyOptimizer):
    """Adam by the largest gradient, section 7.1 of Kingma and Ba, 2014."""

    slot_count = 2

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **words: Any,
    ) -> None:
        super().__init__(learning_rate, **words)
        self.beta_1, self.beta_2 = _args.real(beta_1, "beta_1", 0), _args.real(beta_2, "beta_2", 0)
        self.epsilon = _args.real(epsilon, "epsilon", 0)

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        return rate, kind(1) - kind(self.beta_1) ** kind(number)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        (left,) = factors
        mean, largest = slots
        mean += (slope - mean) * (1 - self.beta_1)
        np.maximum(largest * self.beta_2, np.abs(slope), out=largest)
        weight -= mean * rate / ((largest + self.epsilon) * left)


class Nadam(NumpyOptimizer):
    """Adam with Nesterov's momentum, Dozat, 2015.

    Attributes
    ----------
    product : float
        Of the momenta of all steps so far.
    """

    slot_count = 2

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **words: Any,
    ) -> None:
        super().__init__(learning_rate, **words)
        self.beta_1, self.beta_2 = _args.real(beta_1, "beta_1", 0), _args.real(beta_2, "beta_2", 0)
        self.epsilon, self.product = _args.real(epsilon, "epsilon", 0), 1.0

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        first = kind(self.beta_1)
        here, next_ = (first * (1 - kind(0.5) * kind(0.96) ** kind(i)) for i in (number, number + 1))
        product = kind(self.product) * here
        self.product = float(product)
        after = product * next_
        return rate, next_ / (1 - after), (1 - here) / (1 - product), 1 - kind(self.beta_2) ** kind(number)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        of_mean, of_slope, left = factors
        mean, square = slots
        mean += (slope - mean) * (1 - self.beta_1)
        square += (slope * slope - square) * (1 - self.beta_2)
        weight -= (mean * of_mean + slope * of_slope) * rate / (np.sqrt(square / left) + self.epsilon)


class RMSprop(CoreOptimizer):
    """Tieleman and Hinton, 2012."""

    _rule = "rmsprop"

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **words: Any,
    ) -> None:
        super().__init__(learning_rate, **words)
        self.rho, self.momentum = _args.real(rho, "rho", 0), _args.real(momentum, "momentum", 0)
        self.epsilon, self.centered = _args.real(epsilon, "epsilon", 0), bool(centered)
        self.slot_count = 1 + (self.momentum > 0) + self.centered

    def _placed_slots(self) -> tuple[Any, ...]:
        square, *others = self.slots
        moved = others[0] if self.momentum > 0 else None
        return square, moved, others[-1] if self.centered else None

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        return rate, self.rho, 1 - self.rho, self.epsilon, self.momentum


class Adagrad(NumpyOptimizer):
    """Duchi, Hazan and Singer, 2011."""

    slot_count = 1

    def __init__(
        self, learning_rate: float = 0.001, initial_accumulator_value: float = 0.1, epsilon: float = 1e-7, **words: Any
    ) -> None:
        super().__init__(learning_rate, **words)
        self.first = _args.real(initial_accumulator_value, "initial_accumulator_value", 0)
        self.epsilon = _args.real(epsilon, "epsilon", 0)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        slots[0] += slope * slope
        weight -= rate * slope / np.sqrt(slots[0] + self.epsilon)


class Adadelta(NumpyOptimizer):
    """Zeiler, 2012."""

    slot_count = 2

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **words: Any) -> None:
        super().__init__(learning_rate, **words)
        self.rho, self.epsilon = _args.real(rho, "rho", 0), _args.real(epsilon, "epsilon", 0)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        square, changes = slots
        square *= self.rho
        square += (1 - self.rho) * (slope * slope)
        change = -(np.sqrt(changes + self.epsilon) * slope / np.sqrt(square + self.epsilon))
        changes *= self.rho
        changes += (1 - self.rho) * (change * change)
        weight += rate * change


class Lion(NumpyOptimizer):
    """Chen et al., "Symbolic discovery of optimization algorithms", 2023."""

    slot_count = 1

    def __init__(self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **words: Any) -> None:
        super().__init__(learning_rate, **words)
        self.beta_1, self.beta_2 = _args.real(beta_1, "beta_1", 0), _args.real(beta_2, "beta_2", 0)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        (mean,) = slots
        weight -= rate * np.sign(mean * self.beta_1 + slope * (1 - self.beta_1))
        mean *= self.beta_2
        mean += slope * (1 - self.beta_2)


class Ftrl(NumpyOptimizer):
    """Follow the regularized leader, McMahan et al., 2013."""

    slot_count = 2

    def __init__(
        self,
        learning_rate: float = 0.001,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **words: Any,
    ) -> None:
        super().__init__(learning_rate, **words)
        self.power = _args.real(-_args.real(learning_rate_power, "learning_rate_power"), "-learning_rate_power", 0)
        self.first = _args.real(initial_accumulator_value, "initial_accumulator_value", 0)
        self.l1 = _args.real(l1_regularization_strength, "l1_regularization_strength", 0)
        self.l2 = _args.real(l2_regularization_strength, "l2_regularization_strength", 0)
        self.shrinkage = _args.real(l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength", 0)
        self.beta = _args.real(beta, "beta", 0)

    def begin(self, parameters: Parameters) -> None:
        """Make the slots; the second one begins with 0."""
        is_new = not self.slots
        super().begin(parameters)
        if is_new:
            self.slots[1][...] = 0

    def _factors(self, rate: Any, kind: Any, number: Any) -> Any:
        return rate, kind(self.l2) + kind(self.beta) / (2 * rate)

    def _update(self, weight: Any, slope: Any, slots: Any, rate: Any, *factors: Any) -> None:
        (l2,) = factors
        sums, linear = slots
        before = sums**self.power
        sums += slope * slope
        powers = sums**self.power
        linear += slope + 2 * self.shrinkage * weight - (powers - before) / rate * weight
        np.divide(np.clip(linear, -self.l1, self.l1) - linear, powers / rate + 2 * l2, out=weight)


OPTIMIZERS = {
    kind.__name__.lower(): kind for kind in (SGD, Adam, AdamW, Adamax, Nadam, RMSprop, Adagrad, Adadelta, Lion, Ftrl)
}


def optimizer_of(spec: Any) -> Optimizer:
    """The optimizer of a name, in any case of letters, with Keras' defaults, or an `Optimizer` as it is.

    Raises
    ------
    UntrainableError
        If it is neither.

    Examples
    --------
    >>> optimizer_of("adam").learning_rate
    0.001
    """
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, str) and spec.lower() in OPTIMIZERS:
        return OPTIMIZERS[spec.lower()]()
    raise UntrainableError(f"`optimizer` must be one of {sorted(OPTIMIZERS)}; received {spec!r}")
