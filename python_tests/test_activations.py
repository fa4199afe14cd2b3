"""Activations and softmax against formulae in float64 and TensorFlow."""

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv.nn import activations

expit, ndtr = scipy.special.expit, scipy.special.ndtr
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype("float16"), BFLOAT16, np.dtype("float32"), np.dtype("float64")]


def gelu_u(x):
    return np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)


def gelu_tanh_slope(x):
    gate = expit(gelu_u(x))
    return gate + x * gate * expit(-gelu_u(x)) * np.sqrt(8 / np.pi) * (1 + 0.134145 * x * x)


# name: (function, derivative), both of a float64 array; parameters at their defaults.
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848
FORMULAE = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.2 * x), lambda x: np.where(x > 0, 1, 0.2)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x >= 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))),
    ),
    "sigmoid": (expit, lambda x: expit(x) * expit(-x)),
    "tanh": (np.tanh, lambda x: 4 * expit(2 * x) * expit(-2 * x)),
    "exponential": (np.exp, np.exp),
    "softplus": (lambda x: np.logaddexp(0, x), expit),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "silu": (lambda x: x * expit(x), lambda x: expit(x) + x * expit(x) * expit(-x)),
    "gelu": (lambda x: x * ndtr(x), lambda x: ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    "gelu_tanh": (lambda x: x * expit(gelu_u(x)), gelu_tanh_slope),
    "hard_sigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: (abs(x) < 3) / 6),
    "hard_silu": (lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda x: np.clip(x + 3, 0, 6) / 6 + (abs(x) < 3) * x / 6),
    "mish": (
        lambda x: x * np.tanh(np.logaddexp(0, x)),
        lambda x: np.tanh(np.logaddexp(0, x)) + x * expit(x) / np.cosh(np.logaddexp(0, x)) ** 2,
    ),
}
NAMES = list(FORMULAE)
# Results are rounded once to the dtype, half types after float32; float32 and float64 lose a few ulp more.
ULPS = {"float16": 1, "bfloat16": 1, "float32": 8, "float64": 12}


def forward(name, x, **keywords):
    return fastconv.gelu(x, True, **keywords) if name == "gelu_tanh" else getattr(fastconv, name)(x, **keywords)


def backward(name, x, dy, **keywords):
    if name == "gelu_tanh":
        return fastconv.gelu_grad(x, dy, True, **keywords)
    return getattr(fastconv, f"{name}_grad")(x, dy, **keywords)


def assert_close(got, want, scale, dtype):
    assert got.dtype == dtype
    info = ml_dtypes.finfo(dtype)
    bound = ULPS[dtype.name] * float(info.eps) * scale + 4 * float(info.smallest_subnormal) * 100
    error = np.where(np.abs(want) < float(info.max) / 2, np.abs(got.astype(np.float64) - want), 0)
    worst = np.argmax(error - bound)
    assert error[worst] <= bound[worst], (worst, got[worst], want[worst])


def sample(rng, dtype, n=3001):
    x = np.concatenate([rng.normal(size=n) * 3, rng.normal(size=n) * 1e-3, np.linspace(-10, 10, n)])
    return x.astype(dtype)


def gate(name, x):
    """What rounding errors are measured against where the value itself passes through 0."""
    return 1.0 + 8 * (name == "gelu_tanh") if "elu" in name or name in ("silu", "hard_silu", "mish", "selu") else 0.0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_values(name, dtype, isa, rng):
    x = sample(rng, dtype)
    wide = x.astype(np.float64)
    want = FORMULAE[name][0](wide)
    # Tails of the normal distribution: the exponent of the reference, or of both, is rounded before exp.
    tail = 1 + 0.5 * wide**2 * (name == "gelu") + 100 * (name == "gelu_tanh")
    assert_close(forward(name, x), want, tail * np.abs(want), dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradients(name, dtype, isa, rng):
    x, dy = sample(rng, dtype), sample(rng, dtype)[::-1].copy()
    slope = FORMULAE[name][1](x.astype(np.float64))
    wide = dy.astype(np.float64)
    assert_close(backward(name, x, dy), slope * wide, np.abs(wide) * (np.abs(slope) + gate(name, x)), dtype)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_matches_tensorflow(name, rng):
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")
    x, dy = rng.normal(size=(2, 500)) * 4
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = keras.activations.gelu(variable, True) if name == "gelu_tanh" else keras.activations.get(name)(variable)
    # TensorFlow keeps some constants in float32.
    np.testing.assert_allclose(forward(name, x), y.numpy(), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(backward(name, x, dy), tape.gradient(y, variable, dy).numpy(), rtol=1e-6, atol=1e-7)


# At -inf, -0, +inf; signs of zeros count.
LIMITS = {
    "relu": (0.0, 0.0, np.inf),
    "relu6": (0.0, 0.0, 6.0),
    "leaky_relu": (-np.inf, -0.0, np.inf),
    "elu": (-1.0, -0.0, np.inf),
    "selu": (-SELU_SCALE * SELU_ALPHA, -0.0, np.inf),
    "sigmoid": (0.0, 0.5, 1.0),
    "tanh": (-1.0, -0.0, 1.0),
    "exponential": (0.0, 1.0, np.inf),
    "softplus": (0.0, np.log(2), np.inf),
    "softsign": (-1.0, -0.0, 1.0),
    "silu": (-0.0, -0.0, np.inf),
    "gelu": (-0.0, -0.0, np.inf),
    "gelu_tanh": (-0.0, -0.0, np.inf),
    "hard_sigmoid": (0.0, 0.5, 1.0),
    "hard_silu": (-0.0, -0.0, np.inf),
    "mish": (-0.0, -0.0, np.inf),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_special_values(name, dtype, isa):
    x = np.array([-np.inf, -0.0, np.inf] * 7, dtype)
    y = forward(name, x).astype(np.float64)
    want = np.array(LIMITS[name] * 7, dtype).astype(np.float64)
    np.testing.assert_allclose(y, want, rtol=2 * float(ml_dtypes.finfo(dtype).eps))
    np.testing.assert_array_equal(np.signbit(y), np.signbit(want))
    slopes = backward(name, x, np.ones_like(x)).astype(np.float64)
    unbounded = slopes[2::3] if name == "exponential" else np.array([])
    assert np.isfinite(np.setdiff1d(slopes, unbounded)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_in_its_lane(name, dtype, isa):
    for at in range(20):
        x = np.zeros(20, dtype)
        x[at] = np.nan
        for result in (forward(name, x), backward(name, x, np.ones_like(x))):
            np.testing.assert_array_equal(np.isnan(result.astype(np.float32)), np.arange(20) == at)


def test_exponential_underflows_gradually(isa):
    x = np.linspace(-104, -87, 2001, dtype=np.float32)
    want = np.exp(x.astype(np.float64))
    assert (np.abs(fastconv.exponential(x) - want) <= 2**-149).all()
    x = np.linspace(-745.2, -708, 2001)
    want = np.exp(x)
    assert (np.abs(fastconv.exponential(x) - want) <= 2e-323 + 4e-16 * want).all()


@pytest.mark.parametrize("name", ["exponential", "sigmoid", "tanh"])
def test_float32_within_three_ulp(name, isa, rng):
    bits = rng.integers(0, 2**32, 500_000, dtype=np.uint32)
    x = bits.view(np.float32)
    x = x[np.isfinite(x)]
    with np.errstate(over="ignore"):
        want = {"exponential": np.exp, "sigmoid": expit, "tanh": np.tanh}[name](x.astype(np.float64))
        nearest = want.astype(np.float32)
    finite = np.isfinite(nearest)
    got = getattr(fastconv, name)(x)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    assert (np.abs(got[finite] - want[finite]) <= 3 * np.spacing(np.abs(nearest[finite]))).all()


@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_place_or_threads(name, isa, rng):
    x = (rng.normal(size=40_003) * 4).astype(np.float32)
    whole = forward(name, x)
    for begin in (1, 7, 16, 39_990):
        np.testing.assert_array_equal(forward(name, x[begin:]).view(np.uint32), whole[begin:].view(np.uint32))
    for n in (1, 2, 3, 7):
        with fastconv.threads(n):
            np.testing.assert_array_equal(forward(name, x).view(np.uint32), whole.view(np.uint32))


def test_output_gives_the_same_gradient(rng):
    """The kernels that a framework uses where only y is at hand."""
    from fastconv import _core

    x, dy = rng.normal(size=(2, 333)) * 2
    for name, number in activations.ACTIVATIONS.items():
        if name is None or not _core.activation_from_output(number, 0.5):
            continue
        y, from_x, from_y = np.empty_like(x), np.empty_like(x), np.empty_like(x)
        _core.activate(12, number, 0.5, x.size, x, y)
        _core.activate_grad(12, number, 0.5, x.size, x, None, dy, from_x)
        _core.activate_grad(12, number, 0.5, x.size, None, y, dy, from_y)
        np.testing.assert_allclose(from_y, from_x, rtol=1e-9, atol=1e-14, err_msg=name)
    assert not _core.activation_from_output(activations.ACTIVATIONS["silu"], 0.0)
    assert not _core.activation_from_output(activations.ACTIVATIONS["leaky_relu"], -1.0)
    with pytest.raises(ValueError, match="needs the input"):
        _core.activate_grad(12, activations.ACTIVATIONS["silu"], 0.0, x.size, None, x, dy, np.empty_like(x))


def test_large_results_are_those_of_small_ones(rng):
    """What a call moves past the caches, a part at a time stays in them."""
    x = rng.standard_normal(9_000_021, dtype=np.float32)
    target = np.empty(x.size + 1, np.float32)[1:]  # on no cache line's start
    fastconv.tanh(x, out=target)
    dx = fastconv.tanh_grad(x, x)
    rows = x[: 70_000 * 128].reshape(70_000, 128)
    y = fastconv.softmax(rows)
    dy = fastconv.softmax_grad(y, rows)
    for begin in range(0, x.size, 3_000_000):
        part = slice(begin, begin + 3_000_000)
        np.testing.assert_array_equal(target[part], fastconv.tanh(x[part]))
        np.testing.assert_array_equal(dx[part], fastconv.tanh_grad(x[part], x[part]))
    for begin in range(0, len(rows), 10_000):
        part = slice(begin, begin + 10_000)
        np.testing.assert_array_equal(y[part], fastconv.softmax(rows[part]))
        np.testing.assert_array_equal(dy[part], fastconv.softmax_grad(y[part], rows[part]))


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "softplus", "exponential", "selu"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_gradient_from_the_output_at_hand(name, dtype, rng):
    x, dy = rng.normal(size=(2, 5, 77)).astype(dtype)
    y, function = forward(name, x), getattr(fastconv, f"{name}_grad")
    eps = float(ml_dtypes.finfo(dtype).eps)
    want = function(x, dy).astype(np.float64)
    got = function(None, dy, y=y)
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=8 * eps, atol=8 * eps * np.abs(dy).max())
    assert function(x, dy, y=y, out=y) is y
    np.testing.assert_array_equal(y, got)
    with pytest.raises(ValueError, match="`dy` must have the shape of `y`"):
        function(None, dy[0], y=y)


def test_parameters(rng):
    x = rng.normal(size=99)
    np.testing.assert_allclose(fastconv.leaky_relu(x, 0.01), np.where(x > 0, x, 0.01 * x))
    np.testing.assert_allclose(fastconv.leaky_relu_grad(x, x, -2), np.where(x > 0, x, -2 * x))
    np.testing.assert_allclose(fastconv.elu(x, 2.5), np.where(x > 0, x, 2.5 * np.expm1(np.minimum(x, 0))))
    np.testing.assert_allclose(fastconv.elu_grad(x, x, 2.5), x * np.where(x > 0, 1, 2.5 * np.exp(np.minimum(x, 0))))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_inputs_of_every_kind(dtype, rng):
    x = rng.normal(size=(6, 10)).astype(dtype)
    want = fastconv.silu(np.ascontiguousarray(x[::2, ::-3]))
    np.testing.assert_array_equal(fastconv.silu(x[::2, ::-3]), want)
    if dtype != BFLOAT16:
        np.testing.assert_array_equal(fastconv.silu(x.astype(dtype.newbyteorder())), fastconv.silu(x))
    before = x.copy()
    x.flags.writeable = False
    fastconv.silu(x), fastconv.silu_grad(x, x), fastconv.softmax(x), fastconv.softmax_grad(x, x)
    np.testing.assert_array_equal(x, before)
    assert fastconv.silu(np.empty((0, 3), dtype)).shape == (0, 3)
    assert fastconv.silu(np.array(1.0, dtype)).shape == ()


def test_integers_become_floats():
    assert fastconv.relu(np.arange(3, dtype=np.uint8)).dtype == np.float32
    assert fastconv.relu([1, -2]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_out(dtype, rng):
    x, dy = rng.normal(size=(2, 5, 8)).astype(dtype)
    y, dx = fastconv.tanh(x), fastconv.tanh_grad(x, dy)
    out = np.empty_like(x)
    assert fastconv.tanh(x, out=out) is out
    np.testing.assert_array_equal(out, y)
    strided = np.zeros((5, 16), dtype)[:, ::2]
    assert fastconv.tanh(x, out=strided) is strided
    np.testing.assert_array_equal(strided, y)
    for target in (x.copy(), dy.copy()):
        a, b = (target, dy) if np.array_equal(target, x) else (x, target)
        assert fastconv.tanh_grad(a, b, out=target) is target
        np.testing.assert_array_equal(target, dx)
    line = np.concatenate([x.ravel(), x.ravel()[:1]])  # out one element past x
    fastconv.tanh(line[:-1].reshape(x.shape), out=line[1:].reshape(x.shape))
    np.testing.assert_array_equal(line[1:].reshape(x.shape), y)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: fastconv.relu("a"), TypeError, "`x`"),
        (lambda x: fastconv.relu(x.astype(complex)), TypeError, "`x` must be float16, bfloat16, float32 or float64"),
        (lambda x: fastconv.relu(x, out=np.empty(4)), ValueError, r"`out` must have shape \(3,\); received \(4,\)"),
        (lambda x: fastconv.relu(x, out=np.empty(3, "f")), TypeError, "`out` must have dtype float64"),
        (lambda x: fastconv.relu(x, out=[0, 0, 0]), TypeError, "`out` must be a NumPy array"),
        (lambda x: fastconv.relu_grad(x, x[:2]), ValueError, r"`dy` must have the shape of `x`, \(3,\)"),
        (lambda x: fastconv.relu_grad(x, x.astype("f")), TypeError, "`dy` must have the dtype of `x`"),
        (lambda x: fastconv.leaky_relu(x, "steep"), TypeError, "`negative_slope`"),
        (lambda x: fastconv.elu(x, None), TypeError, "`alpha`"),
        (lambda x: fastconv.softmax(x, 1), ValueError, r"`axis` must be in \[-1, 1\)"),
        (lambda x: fastconv.softmax(x, -2), ValueError, "`axis`"),
        (lambda x: fastconv.softmax(x, 0.5), TypeError, "`axis`"),
        (lambda x: fastconv.softmax(1.0), ValueError, "`axis`"),
        (lambda x: fastconv.softmax_grad(x, x[:1]), ValueError, "`dy` must have the shape of `y`"),
        (
            lambda x: activations.activation_id("gelo"),
            ValueError,
            "`activation` must be one of .*'gelu'.*received 'gelo'",
        ),
        (lambda x: activations.activation_id(3), ValueError, "`activation`"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call(np.zeros(3))


def test_activation_ids():
    assert activations.activation_id(None) == activations.activation_id("linear") == (0, 0.0)
    assert activations.activation_id("swish") == activations.activation_id("silu")
    assert activations.activation_id("leaky_relu") == (3, 0.2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(deadline=None, max_examples=50)
@given(shape=st.lists(st.integers(1, 40), min_size=1, max_size=3), axis=st.integers(-3, 2), seed=st.integers(0, 99))
def test_softmax(dtype, shape, axis, seed):
    axis %= len(shape)
    rng = np.random.default_rng(seed)
    x, dy = (rng.normal(size=(2, *shape)) * 5).astype(dtype)
    y = fastconv.softmax(x, axis)
    want = scipy.special.softmax(x.astype(np.float64), axis)
    tolerance = 4 * float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(y.astype(np.float64), want, rtol=20 * tolerance, atol=tolerance)
    wide, slope = y.astype(np.float64), dy.astype(np.float64)
    want = wide * (slope - (wide * slope).sum(axis, keepdims=True))
    got = fastconv.softmax_grad(y, dy, axis)
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=20 * tolerance, atol=20 * tolerance)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_of_any_isa_and_threads(axis, isa, rng):
    x = (rng.normal(size=(37, 65, 71)) * 4).astype(np.float32)
    y = fastconv.softmax(x, axis)
    np.testing.assert_allclose(y, scipy.special.softmax(x.astype(np.float64), axis), rtol=2e-6)
    dx = fastconv.softmax_grad(y, x, axis)
    for n in (1, 2, 3, 7):
        with fastconv.threads(n):
            np.testing.assert_array_equal(fastconv.softmax(x, axis).view(np.uint32), y.view(np.uint32))
            np.testing.assert_array_equal(fastconv.softmax_grad(y, x, axis).view(np.uint32), dx.view(np.uint32))


def test_softmax_special_values(isa):
    x = np.array([[1000.0, 1000, -1000], [-np.inf, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [-np.inf] * 3], np.float32)
    nan = [np.nan] * 3
    want = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], nan, nan, nan])
    np.testing.assert_array_equal(fastconv.softmax(x), want)
    np.testing.assert_array_equal(fastconv.softmax(x.T, 0), want.T)
    long = np.zeros(40, np.float32)
    long[3] = np.nan
    assert np.isnan(fastconv.softmax(long)).all()
