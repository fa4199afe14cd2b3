"""relu with Keras' arguments, and softmax over several axes, on NumPy arrays."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

DTYPES = [np.dtype(name) for name in ("float16", "float32", "float64")] + [np.dtype(ml_dtypes.bfloat16)]
ARGUMENTS = [*itertools.product((0.0, 0.25, -0.5), (None, 0.0, 1.5, 6.0), (0.0, 0.5, 2.0, -1.0))]


def formula(x, negative_slope, max_value, threshold):
    """keras.activations.relu in float64; at -inf the limit, NaN stays."""
    y = np.where(x > threshold, x, 0.0) if threshold else np.maximum(x, 0)
    if max_value is not None:
        y = np.clip(y, 0, max_value)
    below = np.minimum(x - threshold, 0)
    return np.where(np.isnan(x), x, y + (negative_slope * below if negative_slope else 0))


def slope(x, negative_slope, max_value, threshold):
    """What TensorFlow finds for `formula`."""
    if threshold == 0 and max_value is None:
        return np.where(np.isnan(x), x, np.where(x > 0, 1, negative_slope))
    high = np.inf if max_value is None else max_value
    low = -np.inf if max_value is None else 0
    inside = (x < 6) if (negative_slope, max_value, threshold) == (0, 6, 0) else (low <= x) & (x <= high)
    return np.where(np.isnan(x), x, np.where(x > threshold, inside, np.where(x < threshold, negative_slope, 0)))


def points(dtype, rng):
    special = [-np.inf, np.inf, np.nan, 0.0, -0.0, 0.5, 2.0, -1.0, 1.5, 6.0, 1e-30, -1e-30]
    near = [np.nextafter(dtype.type(v), dtype.type(to)) for v in (0.5, 2, -1, 1.5, 6) for to in (-9, 9)]
    return np.concatenate([np.array(special, dtype), np.array(near, dtype), (rng.normal(size=77) * 3).astype(dtype)])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_relu_is_keras(dtype, isa, rng):
    x = points(dtype, rng)
    wide, dy = x.astype(np.float64), rng.normal(size=x.size).astype(dtype)
    eps = float(ml_dtypes.finfo(dtype).eps)
    for arguments in ARGUMENTS:
        y = fastconv.relu(x, *arguments)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.astype(np.float64), formula(wide, *arguments), rtol=eps, err_msg=str(arguments))
        np.testing.assert_allclose(
            fastconv.relu_grad(x, dy, *arguments).astype(np.float64),
            (slope(wide, *arguments) * dy.astype(np.float64)),
            rtol=eps,
            err_msg=str(arguments),
        )


def test_relu_is_tensorflows(rng):
    keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")
    x = points(np.dtype("float32"), rng)
    x = tf.constant(x[np.isfinite(x)])
    for arguments in ARGUMENTS:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = keras.activations.relu(x, *arguments)
        np.testing.assert_allclose(fastconv.relu(x.numpy(), *arguments), y, rtol=1e-7, atol=0, err_msg=str(arguments))
        found = fastconv.relu_grad(x.numpy(), np.ones_like(x.numpy()), *arguments)
        sloped6 = arguments[0] != 0 and arguments[1:] == (6.0, 0.0)  # to Keras a relu6, whose derivative at 6 is 0
        want = np.where((x == 6) & sloped6, 1, tape.gradient(y, x))
        np.testing.assert_array_equal(found, want, err_msg=str(arguments))


def test_thresholds_are_of_the_dtype():
    """x is compared with the threshold rounded to its dtype, as Keras casts it."""
    for dtype in DTYPES:
        x = np.array([0.1], dtype)
        assert fastconv.relu(x, threshold=0.1)[0] == 0
        assert fastconv.relu(np.nextafter(x, dtype.type(1)), threshold=0.1)[0] > 0
        assert fastconv.relu(np.array([9], dtype), max_value=0.1)[0] == x[0]


def test_relu_of_any_threads_layout_and_place(rng):
    x = (rng.normal(size=(50, 50, 20)) * 2).astype(np.float32)
    want = formula(x.astype(np.float64), 0.25, 1.5, 0.5).astype(np.float32)
    for n in (1, 3):
        with fastconv.threads(n):
            np.testing.assert_array_equal(fastconv.relu(x, 0.25, 1.5, 0.5), want)
    np.testing.assert_array_equal(fastconv.relu(x[::2, ::-3, 1:], 0.25, 1.5, 0.5), want[::2, ::-3, 1:])
    dx = fastconv.relu_grad(x, x, 0.25, 1.5, 0.5)
    target = x.copy()
    assert fastconv.relu_grad(target, x, 0.25, 1.5, 0.5, out=target) is target
    np.testing.assert_array_equal(target, dx)
    assert fastconv.relu(x, 0.25, 1.5, 0.5, out=x) is x
    np.testing.assert_array_equal(x, want)
    assert fastconv.relu(np.empty((0, 3)), threshold=1).shape == (0, 3)
    assert fastconv.relu(3, max_value=2) == 2
    assert fastconv.relu(np.arange(3), max_value=1).tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(deadline=None, max_examples=60)
@given(shape=st.lists(st.integers(1, 7), min_size=1, max_size=5), seed=st.integers(0, 99), data=st.data())
def test_softmax_over_several_axes(dtype, shape, seed, data):
    numbers = st.integers(-len(shape), len(shape) - 1)
    axes = tuple(data.draw(st.lists(numbers, min_size=1, unique_by=lambda a: a % len(shape))))
    rng = np.random.default_rng(seed)
    x, dy = (rng.normal(size=(2, *shape)) * 4).astype(dtype)
    eps = float(ml_dtypes.finfo(dtype).eps)
    e = np.exp((wide := x.astype(np.longdouble)) - wide.max(axes, keepdims=True))
    want = (e / e.sum(axes, keepdims=True)).astype(np.float64)
    y = fastconv.softmax(x, axes)
    least = float(ml_dtypes.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(y.astype(np.float64), want, rtol=8 * eps, atol=least)
    wide, change = y.astype(np.float64), dy.astype(np.float64)
    products = (wide * change).sum(axes, keepdims=True)
    got = fastconv.softmax_grad(y, dy, list(axes))
    scale = wide * (np.abs(change) + np.abs(wide * change).sum(axes, keepdims=True))
    assert (np.abs(got.astype(np.float64) - wide * (change - products)) <= 8 * eps * scale + 1e-7 * (eps > 1e-4)).all()
    for given_ in (x.copy(), np.zeros_like(x)):
        given_[...] = x
        assert fastconv.softmax(given_, axes, out=given_) is given_
        np.testing.assert_array_equal(given_, y)
    strided = np.zeros((*shape, 2), dtype)[..., 0]
    assert fastconv.softmax(x, axes, out=strided) is strided
    np.testing.assert_array_equal(strided, y)
    turned = fastconv.softmax(x.T, tuple(len(shape) - 1 - a % len(shape) for a in axes)).T
    np.testing.assert_allclose(turned.astype(np.float64), want, rtol=8 * eps, atol=least)


def test_softmax_of_nothing():
    for axis in ((0, 1), (0, 2), 1, (0, 1, 2)):
        assert fastconv.softmax(np.empty((2, 0, 3)), axis).shape == (2, 0, 3)
        assert fastconv.softmax_grad(np.empty((2, 0, 3)), np.empty((2, 0, 3)), axis).shape == (2, 0, 3)
    assert fastconv.softmax(np.zeros((2, 2), int), (0, 1)).tolist() == [[0.25, 0.25], [0.25, 0.25]]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: fastconv.relu(x, np.nan), ValueError, "`negative_slope` must be finite"),
        (lambda x: fastconv.relu(x, threshold=np.inf), ValueError, "`threshold` must be finite"),
        (lambda x: fastconv.relu(x.astype("f2"), threshold=1e5), ValueError, "argument out of range"),
        (lambda x: fastconv.relu(x, max_value=np.nan), ValueError, "`max_value` must be finite and at least 0"),
        (
            lambda x: fastconv.relu(x, max_value=-1),
            ValueError,
            "`max_value` must be finite and at least 0; received -1",
        ),
        (lambda x: fastconv.relu(x, None), TypeError, "`negative_slope` must be a real number; received None"),
        (lambda x: fastconv.relu(x, threshold="1"), TypeError, "`threshold` must be a real number"),
        (lambda x: fastconv.relu(x, 0, 1, 2, 3), TypeError, "positional"),
        (lambda x: fastconv.relu_grad(None, x, threshold=1, y=x), ValueError, "`x` must be given where"),
        (lambda x: fastconv.relu_grad(x, x[:1], threshold=1), ValueError, "`dy` must have the shape of `x`"),
        (lambda x: fastconv.softmax(x, ()), ValueError, "`axis` must name one or more axes, each once; received ()"),
        (lambda x: fastconv.softmax(x, (0, 0)), ValueError, "`axis` must name one or more axes, each once"),
        (lambda x: fastconv.softmax(x, (0, -2)), ValueError, "`axis` must name one or more axes, each once"),
        (lambda x: fastconv.softmax(x, (0, 2)), ValueError, r"`axis` must be in \[-2, 2\); received \(0, 2\)"),
        (lambda x: fastconv.softmax(x, -3), ValueError, r"`axis` must be in \[-2, 2\); received -3"),
        (lambda x: fastconv.softmax(x, 2**70), ValueError, "`axis` must"),
        (lambda x: fastconv.softmax(x, (0, 0.5)), TypeError, "`axis` must be an integer"),
        (lambda x: fastconv.softmax(x, None), TypeError, "`axis` must be an integer"),
        (lambda x: fastconv.softmax(x[0, 0], ()), ValueError, "`axis`"),
        (lambda x: fastconv.softmax_grad(x, x, (0, 5)), ValueError, "`axis` must be in"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match.replace("()", r"\(\)")):
        call(np.zeros((2, 2)))
