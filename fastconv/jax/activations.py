"""Elementwise activations and softmax."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .. import _args, _core
from ..nn.activations import activation_id
from ..nn.rectifiers import rectifier
from . import _checks, _portable
from ._primitives import kernel, linear_in, map_in_one_call
from ._sharding import Axes, elementwise


class Activation(NamedTuple):
    """One activation of an array of that shape; from_output: whether its gradient is given the output."""

    shape: tuple[Any, ...]
    activation: int
    alpha: float
    from_output: bool = False

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/activation.c reads."""
        return self.activation, _checks.bits(self.alpha), self.from_output

    def widened(self, count: int) -> Activation:
        return self._replace(shape=(count, *self.shape))

    def part(self, sizes: Any) -> Activation:
        return self._replace(shape=tuple(sizes.values()))

    def axes(self, arguments: int) -> Axes:
        return elementwise(len(self.shape), arguments)


class Relu(NamedTuple):
    """The rectifier with arguments, of an array of that shape."""

    shape: tuple[Any, ...]
    negative_slope: float
    threshold: float
    low: float
    high: float

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/activation.c reads."""
        return tuple(map(_checks.bits, self[1:]))

    def widened(self, count: int) -> Relu:
        return self._replace(shape=(count, *self.shape))

    def part(self, sizes: Any) -> Relu:
        return self._replace(shape=tuple(sizes.values()))

    def axes(self, arguments: int) -> Axes:
        return elementwise(len(self.shape), arguments)


class Softmax(NamedTuple):
    """The softmax of an array of that shape along one axis."""

    shape: tuple[Any, ...]
    axis: int

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/activation.c reads."""
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        return math.prod(before), self.shape[self.axis], math.prod(after)

    def widened(self, count: int) -> Softmax:
        return Softmax((count, *self.shape), self.axis + 1)

    def part(self, sizes: Any) -> Softmax:
        return self._replace(shape=tuple(sizes.values()))

    def axes(self, arguments: int) -> Axes:
        return elementwise(len(self.shape), arguments, whole=self.axis)


def _kernel(portable: Any, kind: Any) -> Any:
    prim = kernel(portable.__name__, lambda spec: [spec.shape], kind.axes, portable)
    map_in_one_call(prim, kind.widened, fold=False)
    return prim


_activation, _activation_grad = (_kernel(f, Activation) for f in (_portable.activation, _portable.activation_grad))
_relu, _relu_grad = (_kernel(f, Relu) for f in (_portable.relu, _portable.relu_grad))
_softmax, _softmax_grad = (_kernel(f, Softmax) for f in (_portable.softmax, _portable.softmax_grad))


def named(name: str | None, alpha: float) -> tuple[int, float]:
    """The number of an activation, and its parameter as a float."""
    return activation_id(name)[0], _args.real(alpha, "alpha")


def has_output_gradient(number: int, alpha: float) -> bool:
    """Whether the activation's gradient can be had from its output alone, so that it can be fused."""
    return _core.activation_from_output(number, alpha)


def activation_of(x: Any, number: int, alpha: float) -> Any:
    return _activation.bind(x, spec=Activation(x.shape, number, alpha))[0] if number else x


def activation_grad(known: Any, dy: Any, number: int, alpha: float, from_output: bool) -> Any:
    """dy f'(x), for known = f(x) or x."""
    return _activation_grad.bind(known, dy, spec=Activation(known.shape, number, alpha, from_output))[0]


def _activation_change(dx: Any, y: Any, x: Any, spec: Any) -> Any:
    from_output = has_output_gradient(spec.activation, spec.alpha)
    return activation_grad(y if from_output else x, dx, spec.activation, spec.alpha, from_output)


def _slope_change(change: Any, dx: Any, known: Any, dy: Any, spec: Any) -> Any:
    return dy * jax.jvp(lambda t: _portable.slope(t, spec), [known], [change])[1]


linear_in(_activation, {}, _activation_change)
linear_in(
    _activation_grad, {1: lambda ct, known, dy, spec: _activation_grad.bind(known, ct, spec=spec)[0]}, _slope_change
)


linear_in(_relu, {}, lambda dx, y, x, spec: _relu_grad.bind(x, dx, spec=spec)[0])
# The derivative is constant on both sides of its steps.
linear_in(_relu_grad, {1: lambda ct, x, dy, spec: _relu_grad.bind(x, ct, spec=spec)[0]})


def _softmax_slope_change(change: Any, dx: Any, y: Any, dy: Any, spec: Any) -> Any:
    """dx = y (dy - sum(y dy)), linear in dy, quadratic in y."""

    def total(values: Any) -> Any:
        return jnp.sum(values, spec.axis, keepdims=True)

    return change * (dy - total(y * dy)) - y * total(change * dy)


# The matrix of softmax's derivatives is symmetric.
linear_in(_softmax, {}, lambda dx, y, x, spec: _softmax_grad.bind(y, dx, spec=spec)[0])
linear_in(_softmax_grad, {1: lambda ct, y, dy, spec: _softmax_grad.bind(y, ct, spec=spec)[0]}, _softmax_slope_change)


def activation(x: Any, activation: Any, alpha: float = 0.0) -> Any:
    """An elementwise activation.

    Parameters
    ----------
    x : jax.Array
        Any shape; float16, bfloat16, float32 or float64.
    activation : str
        One of Keras' names that `fastconv.nn.activations.ACTIVATIONS` lists.
    alpha : float
        The slope of 'leaky_relu', the scale of 'elu'; others have no parameter.

    Returns
    -------
    jax.Array
        Of x's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If `activation` is unknown or x is not of these dtypes.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.activation(jnp.array([-1.0, 2.0]), "relu")
    Array([0., 2.], dtype=float32)
    """
    return activation_of(_checks.array(x, "x"), *named(activation, alpha))


def relu(x: Any, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """`keras.activations.relu`, as `fastconv.relu`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.relu(jnp.array([-1.0, 0.5, 2.0]), negative_slope=0.5, max_value=1.5)
    Array([-0.5,  0.5,  1.5], dtype=float32)
    """
    x = _checks.array(x, "x")
    name, parameters = rectifier(negative_slope, max_value, threshold)
    if name:
        return activation_of(x, activation_id(name)[0], parameters)
    return _relu.bind(x, spec=Relu(x.shape, *parameters))[0]


def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) over its sum along `axis`, an axis or several, as `jax.nn.softmax`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.softmax(jnp.zeros([1, 4]))
    Array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    >>> fj.softmax(jnp.zeros([1, 2, 2]), axis=(1, 2))
    Array([[[0.25, 0.25],
            [0.25, 0.25]]], dtype=float32)
    """
    x = _checks.array(x, "x")
    axes = _args.axes(axis, x.ndim)
    if len(axes) == 1:
        return _softmax.bind(x, spec=Softmax(x.shape, axes[0]))[0]
    order, begin, end = _args.side_by_side(axes, x.shape)
    moved = x if order is None else jnp.transpose(x, order)
    merged = (*moved.shape[:begin], math.prod(moved.shape[begin:end]), *moved.shape[end:])
    y = _softmax.bind(moved.reshape(merged), spec=Softmax(merged, begin))[0].reshape(moved.shape)
    return y if order is None else jnp.transpose(y, [order.index(a) for a in range(len(order))])
