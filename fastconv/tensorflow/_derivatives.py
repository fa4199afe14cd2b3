"""Derivatives of the activations as TensorFlow's own operations, for second and higher gradients."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA_SCALE = 1.7580993408473766


def _constant(value: float, like: Any) -> Any:
    """In full precision: tf.cast would go through float32."""
    return tf.constant(value, like.dtype)


def _step(y: Any, below: Any, above: float) -> Any:
    return tf.where(y > 0, _constant(above, y), below)


# f'(x) as a function of y = f(x).
_FROM_OUTPUT = {
    "linear": lambda y, alpha: tf.ones_like(y),
    "relu": lambda y, alpha: _step(y, tf.zeros_like(y), 1),
    "relu6": lambda y, alpha: tf.cast((y > 0) & (y < 6), y.dtype),
    "leaky_relu": lambda y, alpha: _step(y, _constant(alpha, y), 1),
    "elu": lambda y, alpha: _step(y, y + _constant(alpha, y), 1),
    "selu": lambda y, alpha: _step(y, y + _constant(_SELU_ALPHA_SCALE, y), _SELU_SCALE),
    "sigmoid": lambda y, alpha: y * (1 - y),
    "tanh": lambda y, alpha: 1 - y * y,
    "exponential": lambda y, alpha: y,
    "softplus": lambda y, alpha: -tf.math.expm1(-y),
    "softsign": lambda y, alpha: (1 - tf.abs(y)) ** 2,
    "hard_sigmoid": lambda y, alpha: tf.cast((y > 0) & (y < 1), y.dtype) / 6,
}

# f(x), where the output does not tell the derivative.
_FROM_INPUT = {
    "leaky_relu": lambda x, alpha: tf.where(x > 0, x, _constant(alpha, x) * x),
    "elu": lambda x, alpha: tf.where(x > 0, x, _constant(alpha, x) * tf.math.expm1(tf.minimum(x, 0))),
    "silu": lambda x, alpha: x * tf.sigmoid(x),
    "gelu": lambda x, alpha: 0.5 * x * (1 + tf.math.erf(x * _constant(math.sqrt(0.5), x))),
    "gelu_tanh": lambda x, alpha: (
        0.5 * x * (1 + tf.tanh(_constant(math.sqrt(2 / math.pi), x) * (x + _constant(0.044715, x) * x**3)))
    ),
    "hard_silu": lambda x, alpha: x * tf.nn.relu6(x + 3) / 6,
    "mish": lambda x, alpha: x * tf.tanh(tf.math.softplus(x)),
}


def from_output(name: str) -> Any:
    """f'(x) as a function of y = f(x)."""
    return _FROM_OUTPUT[name]


def from_input(name: str) -> Any:
    """f'(x) as a function of x."""

    def derivative(x: Any, alpha: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = _FROM_INPUT[name](x, alpha)
        return tape.gradient(y, x)

    return derivative
