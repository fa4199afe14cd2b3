"""The worst error of activations, softmax, average pooling and their gradients.

``python bench/accuracy_activations.py [--points N]`` prints it for every instruction set of this CPU.

A value y of an exact f is held to ``abs(y - f) <= c * eps * scale + d * least``, where eps is half of the dtype's
spacing at 1 (2^-24 for float32), and least its least subnormal number. c is measured where the scale is a normal
number, d below. The scale is ``abs(f)``; of the derivative of ``x * g(x)`` it is ``abs(g) + abs(x * g')``, as that
passes through 0. gelu's approximation takes exp of a number u that is itself rounded: its scale is ``1 + abs(u)`` times
that.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit, ndtr

import fastconv
from fastconv import cpu

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
EPS = 2.0**-24
GELU_C, GELU_CUBIC = 1.59576912160573071176, 0.044715


def _slope(x):
    """e / (1 + e)^2 with e = exp(-abs(x)): the derivative of the logistic function."""
    e = np.exp(-np.abs(x))
    return e / (1 + e) ** 2


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _exponent(x):
    return GELU_C * x * (1 + GELU_CUBIC * x * x)


# x g(x): g and g'.
_PRODUCTS = {
    "silu": (expit, _slope),
    "gelu": (ndtr, lambda x: np.exp(-0.5 * x * x) * 0.39894228040143267794),
    "gelu_tanh": (
        lambda x: expit(_exponent(x)),
        lambda x: _slope(_exponent(x)) * GELU_C * (1 + 3 * GELU_CUBIC * x * x),
    ),
    "hard_silu": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: (np.abs(x) < 3) / 6),
}


def _mish_gate(x):
    """tanh(softplus(x)) in e = exp(-abs(x)), without cancellation."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e * (e + 2) / (e * (e + 2) + 2), (1 + 2 * e) / (1 + 2 * e + 2 * e * e))


def _mish_slope(x):
    e = np.exp(-np.abs(x))
    scale = np.where(x < 0, 1.0, e)
    bottom = 2 * scale * scale + np.where(x < 0, e * (e + 2), 1 + 2 * e)
    return 4 * e * scale * (1 + e) / bottom**2


_PRODUCTS["mish"] = _mish_gate, _mish_slope

# f and f'.
_PLAIN = {
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x < 0, SELU_ALPHA * np.exp(np.minimum(x, 0)), 1),
    ),
    "sigmoid": (expit, _slope),
    "tanh": (np.tanh, lambda x: 4 * _slope(2 * x)),
    "exponential": (np.exp, np.exp),
    "softplus": (_softplus, expit),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "hard_sigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: (np.abs(x) < 3) / 6),
    "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, float(np.float32(0.2)) * x),
        lambda x: np.where(x > 0, 1, float(np.float32(0.2))),
    ),
}
NAMES = (*_PLAIN, *_PRODUCTS)


def exact(name, x):
    """f(x) and f'(x), each with the scale of its error; x in float64, finite."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if name in _PLAIN:
            y, slope = (np.asarray(f(x), np.float64) for f in _PLAIN[name])
            return (y, np.abs(y)), (slope, np.abs(slope))
        gate, bend = (f(x) for f in _PRODUCTS[name])
        rest = np.where(bend == 0, 0, x * bend)
        rounded = 1 + np.minimum(np.abs(_exponent(x)), 120) if name == "gelu_tanh" else 1
        return (x * gate, rounded * np.abs(x * gate)), (gate + rest, rounded * (np.abs(gate) + np.abs(rest)))


def float32_points(each, seed=0):
    """`each` float32 of both signs of every exponent, and their neighbours of round numbers."""
    rng = np.random.default_rng(seed)
    bits = (np.arange(255, dtype=np.uint32)[:, None] << 23) + rng.integers(0, 2**23, (255, each), dtype=np.uint32)
    round_numbers = np.concatenate([np.arange(0, 128, 0.25), np.log(2) * np.arange(0.5, 150)]).astype(np.float32)
    near = round_numbers.view(np.uint32)[:, None] + np.arange(-2, 3).astype(np.uint32)
    positive = np.concatenate([bits.ravel(), near.ravel()[near.ravel() < 0x7F800000], np.uint32([0, 1, 0x7F7FFFFF])])
    dense = rng.uniform(0, 110, 20 * each).astype(np.float32)
    positive = np.concatenate([positive.view(np.float32), dense])
    return np.concatenate([positive, -positive])


def forward(name, x):
    return fastconv.gelu(x, True) if name == "gelu_tanh" else getattr(fastconv, name)(x)


def backward(name, x):
    ones = np.ones_like(x)
    return fastconv.gelu_grad(x, ones, True) if name == "gelu_tanh" else getattr(fastconv, f"{name}_grad")(x, ones)


def worst(got, want, scale):
    """(c, d) of float32 values, those apart that overflow."""
    normal = np.asarray(scale) >= 2.0**-126
    with np.errstate(all="ignore"):  # where values overflow, which is as it should be
        error = np.abs(got.astype(np.float64) - want)
        relative = np.where(normal & (np.abs(want) <= float(np.finfo("f").max)), error / (EPS * scale), 0)
        absolute = np.where(normal, 0, error / 2.0**-149)
    return tuple(float(np.nan_to_num(e, nan=np.inf).max(initial=0)) for e in (relative, absolute))


def activation(name, each, seed=0):
    """(c, d) of the activation and of its gradient over float32."""
    x = float32_points(each, seed)
    value, slope = exact(name, x.astype(np.float64))
    return worst(forward(name, x), *value), worst(backward(name, x), *slope)


def softmax(shape, axis, spread, seed=0):
    """(c, d) of softmax and of its gradient; spread: the inputs' standard deviation, 0 for a constant."""
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(shape) * spread if spread else np.full(shape, 0.1)).astype(np.float32)
    dy = rng.standard_normal(shape).astype(np.float32)
    wide = x.astype(np.float64)
    e = np.exp(wide - wide.max(axis, keepdims=True))
    want = e / e.sum(axis, keepdims=True)
    y = fastconv.softmax(x, axis)
    products = y.astype(np.float64) * dy
    change = y * (dy.astype(np.float64) - products.sum(axis, keepdims=True))
    scale = y * (np.abs(dy) + np.abs(products).sum(axis, keepdims=True))
    return worst(y, want, want), worst(fastconv.softmax_grad(y, dy, axis), change, scale)


def _window_means(x, pool, strides):
    """Of (n, h, w, c), by the sums of all cells above and to the left, in float64."""
    sums = np.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0))).cumsum(1).cumsum(2)
    (top, left), (rows, cols) = strides, pool
    ends, begins = sums[:, rows::top], sums[:, : sums.shape[1] - rows : top]
    bands = ends - begins
    return (bands[:, :, cols::left] - bands[:, :, : bands.shape[2] - cols : left]) / (rows * cols)


def _shared(dy, shape, pool, strides):
    """The gradient of `_window_means`: what begins and ends at each cell, added up."""
    (top, left), (rows, cols) = strides, pool
    change = np.zeros((shape[0], shape[1] + 1, shape[2] + 1, shape[3]))
    height, width = (dy.shape[1] - 1) * top + 1, (dy.shape[2] - 1) * left + 1
    for row, col, sign in ((0, 0, 1), (0, cols, -1), (rows, 0, -1), (rows, cols, 1)):
        change[:, row : row + height : top, col : col + width : left] += sign * dy / (rows * cols)
    return change.cumsum(1).cumsum(2)[:, :-1, :-1]


def average(shape, pool, strides, constant=False, seed=0):
    """(c, d) of average pooling and of its gradient, each over the mean or sum of magnitudes."""
    rng = np.random.default_rng(seed)
    x = np.full(shape, 0.1, np.float32) if constant else rng.standard_normal(shape).astype(np.float32)
    y = fastconv.avg_pool2d(x, pool, strides=strides)
    dy = np.full(y.shape, 0.1, np.float32) if constant else rng.standard_normal(y.shape).astype(np.float32)
    wide, slope = x.astype(np.float64), dy.astype(np.float64)
    mean, size = (_window_means(v, pool, strides) for v in (wide, np.abs(wide)))
    change, total = (_shared(v, shape, pool, strides) for v in (slope, np.abs(slope)))
    found = fastconv.avg_pool2d_grad(dy, shape, pool, strides=strides)
    met = total > 1e-9  # no window holds the others
    return worst(y, mean, size), worst(found[met], change[met], total[met])


# c of the value and of the gradient: twice the worst measured on any instruction set; of a plain sum of 32 terms
# what it may lose. SUBNORMAL: d of all.
PROMISED = {
    "relu": (0, 0),
    "relu6": (0, 0),
    "leaky_relu": (2, 0),
    "hard_sigmoid": (3, 1),
    "hard_silu": (5, 4),
    "exponential": (4, 4),
    "elu": (4, 4),
    "selu": (6, 8),
    "sigmoid": (6, 9),
    "tanh": (6, 10),
    "softplus": (5, 6),
    "softsign": (4, 8),
    "silu": (7, 9),
    "gelu": (12, 13),
    "gelu_tanh": (9, 9),
    "mish": (9, 10),
    "softmax": (9, 9),
    "average": (20, 34),
}
SUBNORMAL = 5
SOFTMAXES = [((64, 1000), 1), ((1000, 64), 0), ((40, 10), 1), ((50_000, 3), 0), ((1, 1 << 17), 1)]
LONG_SOFTMAXES = [((1 << 20, 17), 0), ((1, 1 << 24), 1)]
POOLINGS = [
    ((1, 40, 40, 20), (3, 3), (1, 1)),
    ((1, 40, 40, 3), (16, 16), (1, 1)),
    ((2, 70, 90, 17), (70, 90), (1, 1)),
    ((1, 100, 200, 1), (90, 190), (3, 2)),
]
LONG_POOLINGS = [
    ((1, 1000, 1000, 16), (1000, 1000), (1, 1)),
    ((1, 1, 1 << 22, 1), (1, 1 << 22), (1, 1)),
    ((1, 300, 300, 2), (100, 100), (7, 7)),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2000, help="float32 an exponent and sign")
    points = parser.parse_args().points
    for isa in cpu.available_isas():
        with cpu.use_isa(isa):
            for name in NAMES:
                show(isa, name, *activation(name, points))
            for shape, axis in SOFTMAXES + LONG_SOFTMAXES:
                found = [softmax(shape, axis, spread) for spread in (0, 1, 30, 100)]
                show(isa, f"softmax {shape} axis {axis}", *np.max(found, 0))
            for case in POOLINGS + LONG_POOLINGS:
                found = [average(*case, constant=constant) for constant in (False, True)]
                show(isa, f"average {case}", *np.max(found, 0))


def show(isa, name, value, gradient):
    print(
        f"{isa:7} {name:40} c {value[0]:6.2f} d {value[1]:6.2f}   gradient c {gradient[0]:6.2f} d {gradient[1]:6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
