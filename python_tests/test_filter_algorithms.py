"""Every algorithm of convolve2d against the definition: any geometry, exactness, bad numbers, threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import signal

import fastconv
from fastconv import _core

OF_INTEGERS = ("integer_fft", "fixed_point")
ALGORITHMS = [name for name in _core.filter_algorithms()[1:] if name not in OF_INTEGERS]
KINDS = {"separable": "two products", "box": "equal", "sparse": "few", "line_fft": "row"}  # what an algorithm serves
WIDE = {"float32": "float64", "complex64": "complex128"}
BOUND = {"float32": 1e-6, "complex64": 1e-6, "float64": 1e-13, "complex128": 1e-13}


def numbers(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(-9 if dtype.kind == "i" else 0, 10, shape).astype(dtype)
    array = rng.standard_normal(shape)
    if dtype.kind == "c":
        array = array + 1j * rng.standard_normal(shape)
    return array.astype(dtype)


def bell(shape, sigma):
    """Two bells are two products of which no tap is the difference."""
    column, row = (np.exp(-(((np.arange(n) - n // 2) / sigma) ** 2) / 2) for n in shape)
    return np.outer(column, row)


def kernel_of(rng, kind, shape, dtype):
    """A kernel of a kind that one of the algorithms is made for."""
    kernel = numbers(rng, shape, dtype)
    if kind == "product":
        return (numbers(rng, (shape[0], 1), dtype) * numbers(rng, (1, shape[1]), dtype)).astype(dtype)
    if kind == "two products" and np.dtype(dtype).kind in "fc":
        return (kernel[0, 0] * (bell(shape, rng.uniform(1, 2)) + bell(shape, rng.uniform(3, 6)))).astype(dtype)
    if kind == "two products":
        return numbers(rng, (shape[0], 1), dtype) * numbers(rng, (1, shape[1]), dtype) + kernel[:1] * kernel[:, :1]
    if kind == "equal":
        return np.full(shape, kernel[0, 0] or 1, dtype)
    if kind in ("row", "column"):
        return kernel[:1] if kind == "row" else kernel[:, :1]
    if kind == "few":
        kernel[rng.random(shape) < 0.8] = 0
    return kernel


def serving(shape, kernel, mode, boundary):
    return fastconv.plan_convolve2d(shape, kernel, mode, boundary)["cycles"]


def assert_close(got, want, dtype, usual=0, equal=0):
    """usual: results where nothing cancels by chance more than it does on random numbers; equal: how many equal numbers
    may be summed one by one, each rounded to the same side."""
    assert got.dtype == dtype and got.shape == want.shape
    if np.dtype(dtype).kind in "iu":
        np.testing.assert_array_equal(got, want)
    else:
        bound = max(BOUND[dtype], equal * np.finfo(dtype).eps / 8)
        assert np.linalg.norm(got - want) <= bound * max(np.linalg.norm(want), np.linalg.norm(usual))


@example((1, 1), (20, 20), "equal", "float32", "full", "wrap", False, 0)
@example((1, 1), (13, 19), "any", "float32", "full", "fill", False, 0)
@settings(deadline=None, max_examples=120)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 90)),
    window=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    kind=st.sampled_from(["any", "product", "two products", "equal", "few", "row", "column"]),
    dtype=st.sampled_from([*BOUND, "int16", "uint8", "int64"]),
    mode=st.sampled_from(["full", "same"]),
    boundary=st.sampled_from(["fill", "wrap", "symm"]),
    correlate=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_any_geometry(shape, window, kind, dtype, mode, boundary, correlate, seed):
    rng = np.random.default_rng(seed)
    image, kernel = numbers(rng, shape, dtype), kernel_of(rng, kind, window, dtype)
    ours, scipys = (fastconv.correlate2d, signal.correlate2d) if correlate else (fastconv.convolve2d, signal.convolve2d)
    wide = WIDE.get(dtype, dtype)
    want = scipys(image.astype(wide), kernel.astype(wide), mode, boundary, 2)
    usual = scipys(abs(image.astype(wide)), abs(kernel.astype(wide)), mode, boundary, 2) / np.sqrt(kernel.size)
    for algorithm in ("auto", *serving(shape, kernel, mode, boundary)):
        got = ours(image, kernel, mode, boundary, 2, algorithm=algorithm)
        assert_close(got, want, dtype, usual, kernel.size if kind == "equal" else 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_images_on_every_isa(algorithm, dtype, isa, rng):
    """Large enough for several tasks and for results that go past the caches, in rows that end within a line."""
    image = rng.random((1100, 1031)).astype(dtype)
    kind = KINDS.get(algorithm, "any")
    kernel = kernel_of(rng, kind, (14, 17), dtype)
    want = signal.fftconvolve(image.astype("f8"), kernel.astype("f8"), "same")
    got = fastconv.convolve2d(image, kernel, "same", algorithm=algorithm)
    assert np.linalg.norm(got - want) <= (1e-6 if dtype == "float32" else 1e-13) * np.linalg.norm(want)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_same_bits_for_any_number_of_threads(algorithm, rng):
    image = rng.random((700, 500)).astype("f4")
    kind = KINDS.get(algorithm, "any")
    kernel = kernel_of(rng, kind, (15, 12), "float32")
    results = set()
    for threads in (1, 2, 3, 7):
        with fastconv.threads(threads):
            results.add(fastconv.convolve2d(image, kernel, "full", "symm", algorithm=algorithm).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_bad_numbers_reach_exactly_their_windows(algorithm, bad, count, isa, rng):
    image = rng.random((150, 140)).astype("f4")
    kind = KINDS.get(algorithm, "any")
    kernel = kernel_of(rng, kind, (12, 12), "float32")
    at = rng.integers(0, 140, (count, 2))
    image[at[:, 0], at[:, 1]] = bad
    want = fastconv.convolve2d(image, kernel, "same", algorithm="direct")
    got = fastconv.convolve2d(image, kernel, "same", algorithm=algorithm)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
    np.testing.assert_array_equal(got[np.isinf(got)], want[np.isinf(want)])
    fine = np.isfinite(want)
    assert np.linalg.norm(got[fine] - want[fine]) <= 2e-6 * np.linalg.norm(want[fine])


@pytest.mark.parametrize("algorithm", ["box", "fft"])
def test_what_overflows_on_the_way_is_done_again(algorithm):
    image = np.zeros((60, 60), np.float32)
    image[20:40, 20:40] = 2e38
    kernel = np.full((9, 9), 1 / 81, np.float32)
    got = fastconv.convolve2d(image, kernel, "same", algorithm=algorithm)
    want = signal.convolve2d(image.astype("f8"), kernel.astype("f8"), "same")
    assert np.isfinite(got).all()
    assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(want)


def test_floats_that_hold_integers_stay_exact(rng):
    image = rng.integers(0, 256, (90, 80)).astype("f4")
    binomial = np.array([1, 6, 15, 20, 15, 6, 1])
    for kernel in (np.outer(binomial, binomial) / 4096, np.ones((21, 9)), np.outer([3, 1, 4, 1, 5], [9, 2, 6, 5, 3])):
        want = signal.convolve2d(image.astype("f8"), kernel)
        for algorithm in set(serving(image.shape, kernel.astype("f4"), "full", "fill")) - {"fft"}:
            got = fastconv.convolve2d(image, kernel.astype("f4"), algorithm=algorithm)
            np.testing.assert_array_equal(got, want)


def test_the_plan_finds_what_a_kernel_is_made_of(rng):
    column, row = rng.random((21, 1)), rng.random((1, 19))
    assert fastconv.plan_convolve2d((500, 500), column * row, "same")["rank"] == 1
    assert fastconv.plan_convolve2d((500, 500), bell((21, 19), 2) + bell((21, 19), 4), "same")["rank"] == 2
    assert fastconv.plan_convolve2d((500, 500), rng.random((21, 19)), "same")["rank"] is None
    assert fastconv.plan_convolve2d((500, 500), np.ones((21, 19)), "same")["algorithm"] == "box"
    diagonal = fastconv.plan_convolve2d((500, 500), np.eye(15) * rng.random(15), "same")
    assert diagonal["algorithm"] == "sparse"
    assert diagonal["flops"] == 2 * 500 * 500 * 225
    assert diagonal["bytes"] == 8 * (2 * 500 * 500 + 225)
    assert fastconv.plan_convolve2d((500, 500), np.ones((3, 3), int), "same")["algorithm"] == "direct"
    assert "fft" not in fastconv.plan_convolve2d((500, 500), np.ones((3, 3), int), "same")["cycles"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((4, 4), [[1]], "middle"), ValueError, "`mode` must be one of"),
        (((4, 4), [1]), ValueError, "`in2` must have 2 dimensions"),
        (((4, 0), [[1]]), ValueError, "`shape` must be at least 1"),
        (((4, 4, 4), [[1]]), ValueError, "`shape` must be an integer or two integers"),
        (((2, 2), [[1, 2, 3]], "valid"), ValueError, "`in1` or `in2` must be at least as large"),
    ],
)
def test_bad_arguments_of_the_plan(arguments, error, message):
    with pytest.raises(error, match=message):
        fastconv.plan_convolve2d(*arguments)


def test_an_algorithm_that_does_not_serve_is_refused(rng):
    image, kernel = rng.random((20, 20)), rng.random((9, 9))
    with pytest.raises(ValueError, match="`algorithm` 'box' does not serve"):
        fastconv.convolve2d(image, kernel, algorithm="box")
    with pytest.raises(ValueError, match="`algorithm` 'fft' does not serve"):
        fastconv.convolve2d(np.ones((9, 9), int), np.ones((9, 9), int), algorithm="fft")
    with pytest.raises(ValueError, match="`algorithm` must be one of 'auto', 'direct'"):
        fastconv.correlate2d(image, kernel, algorithm="winograd")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_tap_keeps_its_own_rounding(dtype):
    """One cell that is not 0 gives the taps back: small ones beside large ones, and sums of products that cancel."""
    y, x = np.mgrid[-7:8, -7:8]
    ring = (x**2 + y**2 - 8.1) * np.exp(-(x**2 + y**2) / 8)
    steep = np.outer(10.0 ** np.arange(-12, 3), np.linspace(0.1, 1, 15))
    steep[4, 4] *= 1 + 1e-9
    image = np.zeros((31, 31), dtype)
    image[15, 15] = 1
    for kernel in (ring.astype(dtype), steep.astype(dtype)):
        for algorithm in serving(image.shape, kernel, "same", "fill"):
            got = fastconv.convolve2d(image, kernel, "same", algorithm=algorithm)[8:23, 8:23].astype(float)
            bound = 32 * np.finfo(dtype).eps / 2 * abs(kernel.astype(float))
            assert (abs(got - kernel.astype(float)) <= bound).all(), algorithm
