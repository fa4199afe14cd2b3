"""Integers and bool through Fourier transforms: equal to SciPy to the last bit."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import signal

import fastconv

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
CASES = int(os.environ.get("FASTCONV_INTEGER_CASES", "400"))  # 10000 take half a minute


def whole_numbers(rng, shape, dtype, kind):
    """Over the whole range, a few bits of it, its ends, or 0 and 1."""
    limits = np.iinfo(dtype)
    if kind == "ends":
        return rng.choice(np.array([limits.min, limits.max, 0, 1], dtype), shape)
    if kind == "all alike":
        return np.full(shape, limits.min or limits.max, dtype)
    if kind == "small":
        return rng.integers(0, rng.integers(2, 100), shape).astype(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def draw(seed):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(INTEGERS[seed % len(INTEGERS)])
    kinds = rng.choice(["any", "small", "ends", "all alike"], 2)
    shape, window = rng.integers(1, 48, 2), rng.integers(1, 24, 2)
    if seed % 16 == 0:  # several blocks, several tasks
        shape, window = rng.integers(100, 300, 2), rng.integers(1, 9, 2)
    image, kernel = (whole_numbers(rng, n, dtype, kind) for n, kind in zip((shape, window), kinds, strict=True))
    mode, boundary = rng.choice(["full", "same"]), rng.choice(["fill", "wrap", "symm"])
    return image, kernel, str(mode), str(boundary), int(rng.integers(0, 100))


def test_drawn_cases_equal_scipys():
    for seed in range(CASES):
        image, kernel, mode, boundary, fill = draw(seed)
        want = signal.convolve2d(image, kernel, mode, boundary, fill)
        got = fastconv.convolve2d(image, kernel, mode, boundary, fill, algorithm="integer_fft")
        np.testing.assert_array_equal(got, want, strict=True, err_msg=f"seed {seed}")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_isa(dtype, isa, rng):
    for kind in ("any", "all alike"):
        image, kernel = (whole_numbers(rng, shape, dtype, kind) for shape in ((90, 150), (31, 17)))
        got = fastconv.correlate2d(image, kernel, "same", "symm", algorithm="integer_fft")
        np.testing.assert_array_equal(got, signal.correlate2d(image, kernel, "same", "symm"))


def test_bool_is_the_or_of_ands(isa, rng):
    image, kernel = rng.random((80, 70)) < 0.02, rng.random((20, 30)) < 0.05
    want = signal.convolve2d(image.astype(int), kernel.astype(int), "same") > 0
    np.testing.assert_array_equal(fastconv.convolve2d(image, kernel, "same", algorithm="integer_fft"), want)


def test_large_kernels_run_by_transforms(rng):
    for dtype in ("int32", "int64"):
        image, kernel = rng.integers(0, 256, (500, 600)).astype(dtype), rng.integers(0, 9, (61, 61)).astype(dtype)
        plan = fastconv.plan_convolve2d(image.shape, kernel, "same")
        assert plan["cycles"]["integer_fft"] > 0
        got = fastconv.convolve2d(image, kernel, "same")
        np.testing.assert_array_equal(got, signal.convolve(image, kernel, "same", method="fft"))


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads(threads, rng):
    image, kernel = rng.integers(-(2**62), 2**62, (300, 280)), rng.integers(-(2**62), 2**62, (40, 30))
    want = fastconv.convolve2d(image, kernel, algorithm="direct")
    with fastconv.threads(threads):
        np.testing.assert_array_equal(fastconv.convolve2d(image, kernel, algorithm="integer_fft"), want)


def test_float_images_are_refused(rng):
    with pytest.raises(ValueError, match="`algorithm` 'integer_fft' does not serve"):
        fastconv.convolve2d(rng.random((20, 20)), rng.random((5, 5)), algorithm="integer_fft")
