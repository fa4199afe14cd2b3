"""All gradients of a convolution at once, against sums over taps in float64, and the bias's gradient by itself."""

import conv_reference as reference
import ml_dtypes
import numpy as np
import pytest
from conv_cases import DTYPES, close, from_layout, geometries, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

# f'(x) as a function of y = f(x).
SLOPES = {
    None: np.ones_like,
    "relu": lambda y: (y > 0) * 1.0,
    "relu6": lambda y: ((y > 0) & (y < 6)) * 1.0,
    "leaky_relu": lambda y: np.where(y > 0, 1, 0.2),
    "elu": lambda y: np.where(y > 0, 1, y + 1),
    "selu": lambda y: np.where(y >= 0, 1.0507009873554805, y + 1.7580993408473766),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "exponential": lambda y: y,
    "softplus": lambda y: -np.expm1(-y),
    "softsign": lambda y: (1 - abs(y)) ** 2,
    "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) / 6,
}
NAMES = ("dx", "dkernel", "dbias")


def operands(rng, case, dtype, activation):
    """x, kernel, y, dy in the case's layout, as fastconv takes them, and as float64 with channels last."""
    data_format = case["keywords"]["data_format"]
    x, kernel = (rng.standard_normal(case[name]).astype(DTYPES[dtype]) for name in ("x", "kernel"))
    kernel = kernel / DTYPES[dtype].type(np.sqrt(kernel[..., 0].size))
    y = fastconv.conv2d(in_layout(x, data_format), kernel, activation=activation, **case["keywords"])
    dy = rng.standard_normal(y.shape).astype(DTYPES[dtype])
    wide = [from_layout(array, data_format).astype(np.float64) for array in (y, dy)]
    return (in_layout(x, data_format), kernel, y, dy), (x.astype(np.float64), kernel.astype(np.float64), *wide)


def expected(x, kernel, dz, keywords):
    """dx, dkernel, dbias in float64, from the gradient of the sums before the activation."""
    geometry = [keywords[name] for name in ("strides", "padding", "dilation_rate", "groups")]
    return *reference.gradients(x, kernel, dz, *geometry), dz.sum(axis=(0, 1, 2))


@settings(max_examples=60, deadline=None)
@given(
    case=geometries(),
    activation=st.sampled_from(list(SLOPES)),
    dtype=st.sampled_from(list(DTYPES)),
    wanted=st.sets(st.sampled_from(NAMES)),
    seed=st.integers(0, 9),
)
def test_any_geometry(case, activation, dtype, wanted, seed):
    keywords = case["keywords"]
    given_, (x, kernel, y, dy) = operands(np.random.default_rng(seed), case, dtype, activation)
    got = fastconv.conv2d_grads(*given_, activation=activation, wanted=wanted, **keywords)
    slope = SLOPES[activation](y)
    want = expected(x, kernel, dy * slope, keywords)
    # What could have cancelled: sums over the magnitudes; a slope is itself a difference.
    scale = expected(abs(x), abs(kernel), abs(dy) * (1 + abs(slope)), keywords)
    assert {name for name in NAMES if getattr(got, name) is not None} == wanted
    for name, a, e, s in zip(NAMES, got, want, scale, strict=True):
        if a is not None:
            close(from_layout(a, keywords["data_format"]) if name == "dx" else a, e, 3 * s, dtype)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 40, 41, 6), (2, 300, 301, 1), (2, 9, 7, 1100), (70, 1, 1, 5), (1, 513, 1, 3)])
def test_the_bias_is_summed_in_float64(rng, shape, dtype, data_format):
    dy = (0.25 + 0.01 * rng.standard_normal(shape)).astype(DTYPES[dtype])
    dbias = fastconv.conv2d_bias_grad(in_layout(dy, data_format), data_format=data_format)
    want = dy.astype(np.float64).sum(axis=(0, 1, 2))
    rounded_once = 0.51 * float(ml_dtypes.finfo(DTYPES[dtype]).eps)
    np.testing.assert_allclose(dbias.astype(np.float64), want, rtol=max(rounded_once, 1e-13), atol=0)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("filters", [1, 6, 40, 1030])
def test_one_pass_gives_the_bits_of_separate_ones_on_any_threads(rng, filters, dtype, data_format):
    case = {"x": (2, 61, 60, 2), "kernel": (2, 2, 2, filters), "keywords": {"data_format": data_format}}
    (x, kernel, y, dy), _ = operands(rng, case, dtype, "relu")
    keywords = case["keywords"]
    dz = fastconv.relu_grad(y, dy)
    apart = (
        fastconv.conv2d_input_grad(dz, kernel, x.shape, **keywords),
        fastconv.conv2d_kernel_grad(x, dz, kernel.shape, **keywords),
        fastconv.conv2d_bias_grad(dz, **keywords),
    )
    for count in (1, 2, 3):
        with fastconv.threads(count):
            got = fastconv.conv2d_grads(x, kernel, y, dy, activation="relu", **keywords)
        for a, e in zip(got, apart, strict=True):
            np.testing.assert_array_equal(a, e)


def test_without_an_activation_y_is_not_needed(rng):
    case = {"x": (2, 6, 5, 3), "kernel": (3, 3, 3, 4), "keywords": {"data_format": "channels_last"}}
    (x, kernel, y, dy), _ = operands(rng, case, "float32", None)
    for a, e in zip(fastconv.conv2d_grads(x, kernel, None, dy), fastconv.conv2d_grads(x, kernel, y, dy), strict=True):
        np.testing.assert_array_equal(a, e)


def test_not_a_number_reaches_every_gradient_of_its_window():
    x, kernel = np.ones((1, 4, 4, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    y = fastconv.conv2d(x, kernel, activation="relu")
    dy = np.zeros_like(y)
    dy[0, 0, 0] = np.nan
    dx, dkernel, dbias = fastconv.conv2d_grads(x, kernel, y, dy, activation="relu")
    assert np.isnan(dkernel).all() and np.isnan(dbias).all()
    np.testing.assert_array_equal(np.isnan(dx[0, :, :, 0]), np.pad(np.ones((2, 2), bool), (0, 2)))


def test_empty_batches_and_channels():
    kernel, nothing = np.ones((3, 3, 2, 4)), np.ones((0, 3, 3, 4))
    dx, dkernel, dbias = fastconv.conv2d_grads(np.ones((0, 5, 5, 2)), kernel, nothing, nothing, activation="tanh")
    assert dx.shape == (0, 5, 5, 2)
    assert dkernel.shape == kernel.shape and not dkernel.any()
    np.testing.assert_array_equal(dbias, np.zeros(4))
    kernel, none = np.ones((3, 3, 2, 0)), np.ones((1, 3, 3, 0))
    dx, dkernel, dbias = fastconv.conv2d_grads(np.ones((1, 5, 5, 2)), kernel, none, none, activation="relu")
    assert not dx.any() and dkernel.shape == (3, 3, 2, 0) and dbias.shape == (0,)


X, K, Y = np.ones((1, 5, 5, 4), np.float32), np.ones((3, 3, 4, 2), np.float32), np.ones((1, 3, 3, 2), np.float32)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((X, K, Y, X), {}, ValueError, "`dy` must have the shape of the output"),
        ((X, K, X, Y), {"activation": "relu"}, ValueError, "`y` must have the shape of the output"),
        ((X, K, None, Y), {"activation": "relu"}, TypeError, "`y` must be float16"),
        ((X, K, Y, Y.astype(float)), {}, TypeError, "`dy` must have the dtype of `x`"),
        ((X, K, Y.astype(float), Y), {"activation": "relu"}, TypeError, "`y` must have the dtype of `x`"),
        ((X, K, Y, Y), {"activation": "gelu"}, ValueError, "whose output tells its derivative; received 'gelu'"),
        ((X, K, Y, Y), {"wanted": ("dx", "dw")}, ValueError, "`wanted` must be one of 'dx', 'dkernel', 'dbias'; rec"),
        ((X, K[:, :, :3], Y, Y), {}, ValueError, "`kernel`"),
    ],
)
def test_bad_arguments_are_named(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        fastconv.conv2d_grads(*arguments, **keywords)
