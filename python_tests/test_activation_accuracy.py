"""The promise on each value of activations, softmax and average pooling, in docs/inside/pooling-activations.md."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import fastconv

_spec = importlib.util.spec_from_file_location(
    "accuracy_activations", Path(__file__).parents[1] / "bench" / "accuracy_activations.py"
)
accuracy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(accuracy)


def hold(found, promised, subnormal=accuracy.SUBNORMAL):
    for (c, d), bound in zip(found, promised, strict=True):
        assert c <= bound
        assert d <= subnormal


@pytest.mark.parametrize("name", accuracy.NAMES)
def test_activations_of_every_exponent(name, isa):
    hold(accuracy.activation(name, 20), accuracy.PROMISED[name])


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("name", accuracy.NAMES)
def test_every_half_is_rounded_once(name, dtype):
    """Half types are computed in float32: half a spacing of theirs, and what float32 loses."""
    x = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):
        x = x[np.isfinite(x)]
    (want, _), (slope, scale) = accuracy.exact(name, x.astype(np.float64))
    if name == "leaky_relu":
        x, want, slope, scale = x[:0], want[:0], slope[:0], scale[:0]
        assert (fastconv.leaky_relu(np.array([-2], dtype)) == np.array([-0.4], dtype)).all()
    info = ml_dtypes.finfo(dtype)
    found = (accuracy.forward(name, x), want, np.abs(want)), (accuracy.backward(name, x), slope, scale)
    for got, exact, size in found:
        normal = (np.abs(exact) <= float(info.max)) & (size >= float(info.smallest_normal))
        with np.errstate(all="ignore"):
            error = np.abs(got.astype(np.float64) - exact)
        assert (error[normal] <= 0.51 * float(info.eps) * size[normal]).all()


@pytest.mark.parametrize(("shape", "axis"), accuracy.SOFTMAXES)
def test_softmax_however_long(shape, axis, isa):
    for spread in (0, 1, 30, 100):
        hold(accuracy.softmax(shape, axis, spread), accuracy.PROMISED["softmax"])


@pytest.mark.parametrize("case", accuracy.POOLINGS)
def test_average_pooling_however_large(case, isa):
    for constant in (False, True):
        hold(accuracy.average(*case, constant=constant), accuracy.PROMISED["average"])


def terms_alike(count, dtype):
    """(count, 50): a 1, then equal terms down to 3e-4: each addition of one to the sum rounds the same way."""
    terms = np.repeat(np.exp(-np.linspace(0, 8, 50))[None], count, 0).astype(dtype)
    terms[0, ::2] = 1
    return terms


def error(got, exact, size, dtype):
    """The worst, in units of rounding."""
    return float(np.max(abs(got - exact) / size) * (2.0**24 if dtype == np.float32 else 2.0**53))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [16, 31, 32, 33, 49, 100, 1000])
def test_sums_of_terms_that_are_alike(count, dtype, isa):
    terms = terms_alike(count, dtype)
    x, wide = np.log(terms), np.exp(np.log(terms).astype(np.longdouble))
    want = wide / wide.sum(0)
    given, slope = want.astype(dtype), dtype(0.1)
    products = given.astype(np.longdouble) * slope
    change, size = (given * (slope + sign * products.sum(0)) for sign in (-1, 1))
    for axis, turned in ((0, np.asarray), (1, np.transpose)):
        y = fastconv.softmax(turned(x).copy(), axis)
        assert error(turned(y), want, want, dtype) <= accuracy.PROMISED["softmax"][0]
        dx = fastconv.softmax_grad(turned(given), np.full(y.shape, slope), axis)
        assert error(turned(dx), change, size, dtype) <= accuracy.PROMISED["softmax"][1]
    for rows in (1, 4, 7, count):
        cols = count // rows
        image = terms[: rows * cols].reshape(1, rows, cols, 50)
        mean = image.astype(np.longdouble).mean((1, 2)).ravel()
        y = fastconv.avg_pool2d(image, (rows, cols))
        assert error(y.ravel(), mean, mean, dtype) <= accuracy.PROMISED["average"][0]


@pytest.mark.parametrize("count", [3, 9, 10, 16, 32, 33, 100])
def test_shares_that_are_alike(count, isa):
    """A cell under `count` windows."""
    dy = terms_alike(count, np.float32)[None, None]
    dx = fastconv.avg_pool2d_grad(dy, (1, 1, 2 * count - 1, 50), (1, count), strides=1)
    exact = dy.astype(np.float64).sum(2).ravel() / count
    assert error(dx[0, 0, count - 1], exact, exact, np.float32) <= accuracy.PROMISED["average"][1]


def test_infinities_reach_long_sums(isa):
    """A sum in two parts knows infinity: the rest of rounding it would be NaN."""
    x = np.ones((1, 20, 20, 5), np.float32)
    x[0, 3, 4, 0], x[0, 5, 6, 1], x[0, 7, 8, 2] = np.inf, -np.inf, np.nan
    x[0, 1:3, 0, 3] = np.inf, -np.inf
    np.testing.assert_array_equal(fastconv.avg_pool2d(x, 20).ravel(), [np.inf, -np.inf, np.nan, np.nan, 1])
    huge = np.full((1, 20, 20, 1), 3e38, np.float32)
    np.testing.assert_array_equal(fastconv.avg_pool2d(huge, 20).ravel(), [np.inf])


def test_equal_inputs_share_equally(isa):
    for count in (1, 2, 4, 64, 1 << 12):
        for value in (0.1, -87.3, 300.7, 1e30, -1e30):
            x = np.full((count, 3), value, np.float32)
            np.testing.assert_array_equal(fastconv.softmax(x, 0), 1 / count)
            np.testing.assert_array_equal(fastconv.softmax(x.T.copy(), 1), 1 / count)


def test_gradient_of_one_window_of_any_strides(isa):
    """The kernel and the conversions go by the same geometry."""
    for strides in ((1, 1), (2, 6), (7, 10), (2**40, 3)):
        for dtype in (np.float16, np.float32, np.float64):
            dx = fastconv.avg_pool2d_grad(np.ones((1, 1, 1, 16), dtype), (1, 7, 10, 16), (7, 10), strides=strides)
            np.testing.assert_array_equal(dx, np.ones(dtype=dtype, shape=(1, 7, 10, 16)) / dtype(70))
