"""The promise on each value of activations, softmax and average pooling: docs/design.md's constants hold."""
from __future__ import annotations

import importlib.util
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import fastconv

_spec = importlib.util.spec_from_file_location(
    "accuracy_activations", Path(__file__).parents[1] / "bench" / "accuracy_activations.py")
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
