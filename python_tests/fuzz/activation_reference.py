"""Activations and their derivatives in float64 or longdouble, and how much they can enlarge an error."""

from __future__ import annotations

import math

import numpy as np

from .arrays import limits

SELU_SCALE = np.longdouble("1.0507009873554804934193349852946")
SELU_ALPHA = np.longdouble("1.6732632423543772848170429916717")
ROOT = np.longdouble("0.79788456080286535587989211986876")  # sqrt(2 / pi)


def _relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Keras' relu."""
    below = np.where(np.isnan(x), x, negative_slope * (x - threshold) if negative_slope else 0)
    return np.where(x > threshold, x if max_value is None else np.clip(x, 0, max_value), below)


def _relu_slope(x, negative_slope=0.0, max_value=None, threshold=0.0):
    above = np.ones_like(x) if max_value is None else (x > 0) & (x < max_value)
    return np.where(x > threshold, above, negative_slope).astype(x.dtype)


def _expm1(x):
    return np.expm1(np.minimum(x, 0))


def _sigmoid(x):
    e = np.exp(-abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _normal(x):
    """The normal distribution function to float64's digits in its tails too: what rounding z costs is made good."""
    z = abs(x.astype(np.longdouble)) * np.sqrt(np.longdouble(0.5))
    near = np.minimum(z, 40).astype(np.float64)
    loss = np.where(z < 40, z - near, 0) * np.exp(-z * z) * ROOT * np.sqrt(np.longdouble(2))
    tail = (np.asarray(_erfc(near), np.float64) - loss) / 2
    return np.where(x < 0, tail, 1 - tail).astype(x.dtype)


def _mish_factor(x):
    """tanh(softplus(x)) = n / (n + 2), n = e (e + 2), e = exp(x)."""
    e = np.exp(np.minimum(x, 40))
    n = e * (e + 2)
    return n / (n + 2)


def _gelu_tanh_factor(x):
    return _sigmoid(2 * ROOT.astype(x.dtype) * (x + x.dtype.type(0.044715) * x**3))


def _times(x, factor):
    """x * factor(x), the limit -0 where x is -inf."""
    return np.where(np.isneginf(x), -0.0, x * factor)


FORWARD = {
    "linear": lambda x: x,
    "relu": _relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, negative_slope=0.2: np.where(x > 0, x, x * negative_slope),
    "elu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * _expm1(x)),
    "selu": lambda x: SELU_SCALE.astype(x.dtype) * np.where(x > 0, x, SELU_ALPHA.astype(x.dtype) * _expm1(x)),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "exponential": np.exp,
    "softplus": _softplus,
    "softsign": lambda x: np.where(np.isinf(x), np.sign(x), x / (1 + abs(x))),
    "silu": lambda x: _times(x, _sigmoid(x)),
    "gelu": lambda x: _times(x, _normal(x)),
    "gelu_tanh": lambda x: _times(x, _gelu_tanh_factor(x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: _times(x, np.clip(x + 3, 0, 6) / 6),
    "mish": lambda x: _times(x, _mish_factor(x)),
}
FORWARD["swish"], FORWARD["hard_swish"] = FORWARD["silu"], FORWARD["hard_silu"]


def _gelu_tanh_slope(x):
    z = ROOT.astype(x.dtype) * (x + x.dtype.type(0.044715) * x**3)
    s = _sigmoid(2 * z)
    return s + x * 2 * s * _sigmoid(-2 * z) * ROOT.astype(x.dtype) * (1 + 3 * x.dtype.type(0.044715) * x**2)


def _mish_slope(x):
    t = _mish_factor(x)
    return t + x * (1 - t * t) * _sigmoid(x)


DERIVATIVE = {
    "linear": lambda x: np.ones_like(x),
    "relu": _relu_slope,
    "relu6": lambda x: ((x > 0) & (x < 6)).astype(x.dtype),
    "leaky_relu": lambda x, negative_slope=0.2: np.where(x > 0, 1, negative_slope).astype(x.dtype),
    "elu": lambda x, alpha=1.0: np.where(x >= 0, 1, alpha * np.exp(np.minimum(x, 0))),
    "selu": lambda x: np.where(x >= 0, SELU_SCALE, SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(x, 0))).astype(x.dtype),
    "sigmoid": lambda x: _sigmoid(x) * _sigmoid(-x),
    "tanh": lambda x: 4 * _sigmoid(2 * x) * _sigmoid(-2 * x),
    "exponential": np.exp,
    "softplus": _sigmoid,
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
    "silu": lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)),
    "gelu": lambda x: _normal(x) + x * np.exp(-x * x / 2) * ROOT.astype(x.dtype) / 2,
    "gelu_tanh": _gelu_tanh_slope,
    "hard_sigmoid": lambda x: ((x > -3) & (x < 3)).astype(x.dtype) / 6,
    "hard_silu": lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)),
    "mish": _mish_slope,
}
# Where derivatives jump.
KINKS = {
    "relu": (0,),
    "relu6": (0, 6),
    "leaky_relu": (0,),
    "elu": (0,),
    "selu": (0,),
    "hard_sigmoid": (-3, 3),
    "hard_silu": (-3, 3),
}
# The gradients that need no input, by Keras' names.
FROM_OUTPUT = (
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "exponential",
    "softplus",
    "softsign",
    "hard_sigmoid",
)


def derivative_terms(dy, slope, dtype):
    """By what the rounding of dy * slope to the dtype is measured; subnormals round as the smallest normal does."""
    return abs(dy) * (abs(slope) + (abs(slope) <= 1)) + float(limits(dtype).smallest_normal)


def after(name: str | None, sums, bound, eps: float):
    """(the activation of sums, its bound), for sums that are known within `bound`."""
    if name in (None, "linear"):
        return sums, bound
    y = FORWARD[name](sums)
    steepest = np.exp(np.minimum(sums + bound, 700)) if name == "exponential" else 2
    return y, bound * steepest + 16 * eps * (abs(y) + 2.0**-24 * (eps < 1e-12))


def from_output(name: str | None, y):
    """The derivative at the input whose activation is y, for those of `FROM_OUTPUT`."""
    one = np.ones_like(y)
    return {
        None: lambda: one,
        "linear": lambda: one,
        "relu": lambda: y > 0,
        "relu6": lambda: (y > 0) & (y < 6),
        "leaky_relu": lambda: np.where(y > 0, 1, 0.2),
        "elu": lambda: np.where(y >= 0, 1, y + 1),
        "selu": lambda: np.where(y >= 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA),
        "sigmoid": lambda: y * (1 - y),
        "tanh": lambda: 1 - y * y,
        "exponential": lambda: y,
        "softplus": lambda: -np.expm1(-y),
        "softsign": lambda: (1 - abs(y)) ** 2,
        "hard_sigmoid": lambda: ((y > 0) & (y < 1)) / 6,
    }[name]().astype(y.dtype)
