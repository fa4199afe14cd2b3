"""Dense layers and their gradients against float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

ACTIVATIONS = {
    None: (lambda z: z, lambda y: 1.0),
    "relu": (lambda z: np.maximum(z, 0), lambda y: y > 0),
    "tanh": (np.tanh, lambda y: 1 - y * y),
}


def expected(x, kernel, bias, y, dy, activation):
    x, kernel, bias, y, dy = (np.asarray(array, np.float64) for array in (x, kernel, bias, y, dy))
    function, slope = ACTIVATIONS[activation]
    dz = dy * slope(y)
    return function(x @ kernel + bias), dz @ kernel.T, x.T @ dz, dz.sum(axis=0)


def error(a, e) -> float:
    """The norm of the difference, over that of what is expected or 1: sums that cancel have no size of their own."""
    return np.linalg.norm(np.asarray(a, np.float64) - e) / max(np.linalg.norm(e), 1)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.integers(0, 140),
    inputs=st.integers(0, 300),
    outputs=st.integers(0, 140),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(("float32", "float64")),
    activation=st.sampled_from(tuple(ACTIVATIONS)),
    isa=st.sampled_from(cpu.available_isas()),
)
def test_values_and_gradients(rows, inputs, outputs, seed, dtype, activation, isa):
    rng = np.random.default_rng(seed)
    x, kernel, bias, dy = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((rows, inputs), (inputs, outputs), (outputs,), (rows, outputs))
    )
    with cpu.use_isa(isa):
        y = fastconv.dense(x, kernel, bias, activation=activation)
        grads = fastconv.dense_grads(x, kernel, y, dy, activation=activation)
    for a, e in zip((y, *grads), expected(x, kernel, bias, y, dy, activation), strict=True):
        assert a.shape == e.shape and a.dtype == dtype
        assert error(a, e) < (2e-6 if dtype == "float32" else 1e-14)


@pytest.fixture(scope="module")
def large_kernel():
    """More than half of many an L3, and no multiple of any tile."""
    return np.random.default_rng(5).standard_normal((2309, 2311), dtype=np.float32)


@pytest.mark.parametrize("rows", [1, 9, 16, 17, 33])
def test_a_kernel_that_no_cache_keeps(rows, large_kernel, rng):
    x, bias = rng.standard_normal((rows, 2309)).astype("float32"), rng.standard_normal(2311).astype("float32")
    y = fastconv.dense(x, large_kernel, bias, activation="relu")
    assert error(y, np.maximum(x.astype(float) @ large_kernel.astype(float) + bias, 0)) < 1e-6


@pytest.mark.parametrize("sizes", [(1, 3000, 700), (33, 700, 1030), (300, 40, 9), (17, 3001, 1500)])
def test_any_number_of_threads_gives_the_same_bits(sizes, rng):
    rows, inputs, outputs = sizes
    x, kernel, dy = (rng.standard_normal(shape) for shape in ((rows, inputs), (inputs, outputs), (rows, outputs)))
    results = []
    for threads in (1, 2, 5):
        with fastconv.threads(threads):
            results.append([fastconv.dense(x, kernel), *fastconv.dense_grads(x, kernel, None, dy)])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_half_types(rng):
    x, kernel = rng.standard_normal((5, 17)).astype("float16"), rng.standard_normal((17, 6)).astype("float16")
    y = fastconv.dense(x, kernel, activation="relu")
    dy = np.ones_like(y)
    assert y.dtype == np.float16
    for a, e in zip(
        (y, *fastconv.dense_grads(x, kernel, y, dy, activation="relu")),
        expected(x, kernel, np.zeros(6), y, dy, "relu"),
        strict=True,
    ):
        np.testing.assert_allclose(a, e, rtol=2e-3, atol=2e-3)


def test_nan_and_infinity_reach_their_rows_only():
    x, kernel = np.ones((20, 40), np.float32), np.ones((40, 33), np.float32)
    x[3, 5], x[7, 1] = np.nan, np.inf
    y = fastconv.dense(x, kernel, activation="relu")
    assert np.isnan(y[3]).all() and np.isinf(y[7]).all()
    assert (np.delete(y, [3, 7], axis=0) == 40).all()


def test_only_what_is_wanted():
    x = np.ones((2, 3))
    grads = fastconv.dense_grads(x, np.ones((3, 4)), None, np.ones((2, 4)), wanted=("dkernel",))
    assert grads.dx is None and grads.dbias is None
    np.testing.assert_array_equal(grads.dkernel, np.full((3, 4), 2.0))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(kernel=np.ones((4, 4))), "`kernel` must have shape"),
        (dict(bias=np.ones(3)), "`bias` must have shape"),
        (dict(activation="softmax"), "`activation` must be one of"),
        (dict(out=np.ones((2, 5))), "`out`"),
    ],
)
def test_errors_name_the_argument(wrong, message):
    given = dict(x=np.ones((2, 3)), kernel=np.ones((3, 4))) | wrong
    with pytest.raises(ValueError, match=message):
        fastconv.dense(**given)


def test_errors_of_gradients():
    x, kernel = np.ones((2, 3)), np.ones((3, 4))
    with pytest.raises(ValueError, match="`dy` must have shape"):
        fastconv.dense_grads(x, kernel, None, np.ones((2, 3)))
    with pytest.raises(ValueError, match="`activation` must be one whose output tells"):
        fastconv.dense_grads(x, kernel, np.ones((2, 4)), np.ones((2, 4)), activation="gelu")
    with pytest.raises(TypeError, match="`dy`"):
        fastconv.dense_grads(x, kernel, None, np.ones((2, 4), np.float32))
