"""Losses and their gradients; the formulas are those of Keras (keras/src/losses/losses.py)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ... import nn
from .errors import UntrainableError

__all__ = ["LOSSES", "Loss", "loss_of"]

_EPSILON = 1e-7  # how near to 0 and 1 a probability may come
_SHORT_AXIS = 32


@dataclass(frozen=True)
class Loss:
    """A loss of each sample and its derivative.

    Parameters
    ----------
    name : str
        Keras' name, in snake_case.
    words : dict
        Its arguments: ``from_logits``, ``label_smoothing``, ``delta``, ``alpha``, ``gamma``, ``apply_class_balancing``.

    Examples
    --------
    >>> loss = loss_of("mean_squared_error")
    >>> values, slopes = loss.of(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    >>> values, slopes
    (array([2.]), array([[0., 2.]]))
    """

    name: str
    words: dict[str, Any] = field(default_factory=dict)

    @property
    def fuses(self) -> str:
        """The activation before it whose input it takes instead, which is more accurate; '' for none."""
        return "" if self.words.get("from_logits") else _FUSES.get(self.name, "")

    def fused(self) -> Loss:
        """The loss that takes that input."""
        return replace(self, words=self.words | {"from_logits": True})

    def of(self, truth: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each sample, of the output's shape without its last axis, and its derivative by the output.

        Raises
        ------
        ValueError
            If `truth` does not fit the output.
        """
        result: tuple[np.ndarray, np.ndarray] = LOSSES[self.name](truth, output, **self.words)
        return result


def _targets(truth: np.ndarray, output: np.ndarray) -> np.ndarray:
    """What the output should be, in its dtype and shape."""
    truth = np.asarray(truth, output.dtype)
    if truth.ndim == output.ndim - 1 and output.shape[-1] == 1:
        truth = truth[..., None]
    elif truth.ndim == output.ndim + 1 and truth.shape[-1] == 1:
        truth = truth[..., 0]
    if truth.shape != output.shape:
        raise ValueError(f"`y` must have the shape of the outputs, {output.shape}; received {truth.shape}")
    return truth


def _smoothed(truth: np.ndarray, share: float, classes: int) -> np.ndarray:
    """Targets of which a share goes to all classes alike."""
    return truth * (1 - share) + share / classes if share else truth


def _softmax(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softmax along the last axis and its logarithm."""
    rows = logits.reshape(-1, logits.shape[-1])
    # NumPy is slow along a short last axis.
    columns = np.ascontiguousarray(rows.T) if rows.shape[1] <= _SHORT_AXIS else rows.T
    shifted = columns - columns.max(0)
    powers = np.exp(shifted)
    sums = powers.sum(0)
    powers /= sums
    shifted -= np.log(sums)
    return powers.T.reshape(logits.shape), shifted.T.reshape(logits.shape)


def _surprise(picked: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log of probabilities, those of the labels; where they are near to the least numbers, of the logits."""
    values: np.ndarray = -np.log(picked)
    tiny = picked < np.finfo(picked.dtype).tiny * 1e6
    if tiny.any():
        values[tiny] = -_softmax(logits[tiny])[1][np.arange(tiny.sum()), labels[tiny]]
    return values


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean along the last axis."""
    result: np.ndarray = values[..., 0] if values.shape[-1] == 1 else values.mean(-1)
    return result


def _clipped(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities within `_EPSILON` of 0 and 1, and where they are the output's own."""
    kind = output.dtype.type
    low, high = kind(_EPSILON), kind(1 - _EPSILON)
    return np.clip(output, low, high), (output >= low) & (output <= high)


def categorical_crossentropy(truth: Any, output: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """-sum(truth * log(output)) along the last axis."""
    truth = _smoothed(_targets(truth, output), label_smoothing, output.shape[-1])
    if from_logits:
        found, logarithms = _softmax(output)
        return -(truth * logarithms).sum(-1), found * truth.sum(-1, keepdims=True) - truth
    sums = output.sum(-1, keepdims=True)
    found, inside = _clipped(output / sums)
    inner = np.where(inside, -truth / found, 0)
    return -(truth * np.log(found)).sum(-1), (inner - (inner * output).sum(-1, keepdims=True) / sums) / sums


def sparse_categorical_crossentropy(truth: Any, output: Any, from_logits: bool = False) -> Any:
    """-log of the output at the true class, with classes as integers."""
    labels = np.asarray(truth)
    if labels.ndim == output.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != output.shape[:-1]:
        raise ValueError(
            f"`y` must have the shape of the outputs without the last axis, {output.shape[:-1]}; "
            f"received {np.shape(truth)}"
        )
    labels = labels.astype(np.intp, copy=False).ravel()
    if labels.size and not 0 <= labels.min() <= labels.max() < output.shape[-1]:
        raise ValueError(f"`y` must have classes in [0, {output.shape[-1]}); received {labels.min()} to {labels.max()}")
    rows = np.arange(labels.size)
    if from_logits:
        slopes = nn.softmax(output, -1).reshape(-1, output.shape[-1])
        picked = slopes[rows, labels]
        slopes[rows, labels] = picked - 1
        values = _surprise(picked, output.reshape(slopes.shape), labels)
    else:
        found, inside = (part.reshape(-1, output.shape[-1]) for part in _clipped(output))
        # Keras takes the logarithms for logits, whose softmax divides by the sum of the clipped probabilities.
        sums = found.sum(-1)
        values = np.log(sums) - np.log(found[rows, labels])
        slopes = np.repeat(1 / sums, output.shape[-1]).reshape(found.shape)
        slopes[rows, labels] -= 1 / found[rows, labels]
        slopes *= inside
    return values.reshape(output.shape[:-1]), slopes.reshape(output.shape)


def binary_crossentropy(truth: Any, output: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    """The mean of -(truth * log(output) + (1 - truth) * log(1 - output)) along the last axis."""
    truth, kind = _smoothed(_targets(truth, output), label_smoothing, 2), output.dtype.type
    share = kind(1 / output.shape[-1])
    if from_logits:
        values = nn.softplus(-np.abs(output))
        values += np.maximum(output, 0) - output * truth
        slopes = nn.sigmoid(output)
        slopes -= truth
        slopes *= share
        return _mean(values), slopes
    values, slopes = _of_probability(truth, output)
    return _mean(values), slopes * share


def _of_probability(truth: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The binary crossentropy of each number, and its derivative."""
    found, inside = _clipped(output)
    values = -(truth * np.log(found) + (1 - truth) * np.log(1 - found))
    return values, np.where(inside, (found - truth) / (found * (1 - found)), 0)


def mean_squared_error(truth: Any, output: Any) -> Any:
    """The mean of the squares of differences along the last axis."""
    errors = output - _targets(truth, output)
    return _mean(np.square(errors)), errors * output.dtype.type(2 / output.shape[-1])


def mean_absolute_error(truth: Any, output: Any) -> Any:
    """The mean of absolute differences along the last axis."""
    errors = output - _targets(truth, output)
    return _mean(np.abs(errors)), np.sign(errors) * output.dtype.type(1 / output.shape[-1])


def huber(truth: Any, output: Any, delta: float = 1.0) -> Any:
    """Half the square of differences up to `delta`, and linear beyond; the mean along the last axis."""
    errors, kind = output - _targets(truth, output), output.dtype.type
    sizes, bound, half = np.abs(errors), kind(delta), kind(0.5)
    values = np.where(sizes <= bound, half * np.square(errors), bound * sizes - half * bound * bound)
    return _mean(values), np.clip(errors, -bound, bound) * kind(1 / output.shape[-1])


def _signs(truth: np.ndarray) -> np.ndarray:
    """Classes 0 and 1 as -1 and 1; others as they are."""
    return 2 * truth - 1 if np.isin(truth, (0, 1)).all() else truth


def hinge(truth: Any, output: Any) -> Any:
    """The mean of max(1 - truth * output, 0) along the last axis; of classes 0 and 1 with -1 for 0."""
    truth = _signs(_targets(truth, output))
    margins = np.maximum(1 - truth * output, 0)
    return margins.mean(-1), np.where(margins > 0, -truth, 0) * output.dtype.type(1 / output.shape[-1])


def squared_hinge(truth: Any, output: Any) -> Any:
    """The mean of the squares of `hinge`'s terms."""
    truth = _signs(_targets(truth, output))
    margins = np.maximum(1 - truth * output, 0)
    return np.square(margins).mean(-1), -truth * margins * output.dtype.type(2 / output.shape[-1])


def categorical_hinge(truth: Any, output: Any) -> Any:
    """max(the largest output of a false class - the output of the true one + 1, 0)."""
    truth = _targets(truth, output)
    false = (1 - truth) * output
    values = np.maximum(false.max(-1) - (truth * output).sum(-1) + 1, 0)
    slopes = -truth
    largest = false.argmax(-1)[..., None]
    of_largest = np.take_along_axis(slopes, largest, -1) + 1 - np.take_along_axis(truth, largest, -1)
    np.put_along_axis(slopes, largest, of_largest, -1)
    return values, slopes * (values > 0)[..., None]


def log_cosh(truth: Any, output: Any) -> Any:
    """The mean of the logarithms of the hyperbolic cosines of differences along the last axis."""
    errors, kind = output - _targets(truth, output), output.dtype.type
    sizes = np.abs(errors)
    values = sizes + np.log1p(np.exp(-2 * sizes)) - kind(np.float32(np.log(2)))  # in float32, as Keras has it
    return _mean(values), np.tanh(errors) * kind(1 / output.shape[-1])


def kl_divergence(truth: Any, output: Any) -> Any:
    """The sum of truth * log(truth / output) along the last axis, of numbers from 1e-7 to 1."""
    low, high = output.dtype.type(_EPSILON), output.dtype.type(1)
    truth, found = np.clip(_targets(truth, output), low, high), np.clip(output, low, high)
    return (truth * np.log(truth / found)).sum(-1), np.where(found == output, -truth / found, 0)


def poisson(truth: Any, output: Any) -> Any:
    """The mean of output - truth * log(output) along the last axis."""
    truth, raised = _targets(truth, output), output + output.dtype.type(_EPSILON)
    values = output - truth * np.log(raised)
    return _mean(values), (1 - truth / raised) * output.dtype.type(1 / output.shape[-1])


def binary_focal_crossentropy(
    truth: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
) -> Any:
    """Binary crossentropy times (1 - the probability of what is true) ** gamma, Lin et al., 2017."""
    truth, kind = _smoothed(_targets(truth, output), label_smoothing, 2), output.dtype.type
    given = 1 / (1 + np.exp(-output)) if from_logits else output
    crossentropy, slopes = _of_probability(truth, given)
    left = 1 - (truth * given + (1 - truth) * (1 - given))
    factor = left**gamma
    slopes = factor * slopes
    slopes -= gamma * left ** (gamma - 1) * (2 * truth - 1) * crossentropy
    values = factor * crossentropy
    if apply_class_balancing:
        balance = truth * alpha + (1 - truth) * (1 - alpha)
        values, slopes = values * balance, slopes * balance
    if from_logits:
        slopes = slopes * given * (1 - given)
    return _mean(values), slopes * kind(1 / output.shape[-1])


def categorical_focal_crossentropy(
    truth: Any,
    output: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
) -> Any:
    """Categorical crossentropy times alpha * (1 - probability) ** gamma, Lin et al., 2017."""
    truth, scale = (
        _smoothed(_targets(truth, output), label_smoothing, output.shape[-1]),
        np.asarray(alpha, output.dtype),
    )
    given = _softmax(output)[0] if from_logits else output
    sums = given.sum(-1, keepdims=True)
    found, inside = _clipped(given / sums)
    factor, logarithms = scale * (1 - found) ** gamma, np.log(found)
    inner = scale * gamma * (1 - found) ** (gamma - 1) * truth * logarithms - factor * truth / found
    inner = np.where(inside, inner, 0)
    slopes = (inner - (inner * given).sum(-1, keepdims=True) / sums) / sums
    if from_logits:
        slopes = given * (slopes - (slopes * given).sum(-1, keepdims=True))
    return -(factor * truth * logarithms).sum(-1), slopes


LOSSES = {
    function.__name__: function
    for function in (
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_hinge,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_squared_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
    )
}
_FUSES = {
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
_SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error"}


def loss_of(spec: Any) -> Loss:
    """The loss of a name, or a `Loss` as it is.

    Raises
    ------
    UntrainableError
        If it is neither.

    Examples
    --------
    >>> loss_of("mse").name
    'mean_squared_error'
    """
    if isinstance(spec, Loss):
        return spec
    name = _SHORT.get(spec, spec) if isinstance(spec, str) else spec
    if not isinstance(name, str) or name not in LOSSES:
        raise UntrainableError(f"`loss` must be one of {sorted(LOSSES)}; received {spec!r}")
    return Loss(name)
