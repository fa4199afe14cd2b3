"""Blurs with kernels far wider than the image, and convolutions along lines: by 1-D passes, at any length."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz.filters import BORDERS, product_correlation
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

import fastconv

NDIMAGE = {"reflect101": "mirror", "reflect": "reflect", "nearest": "nearest", "wrap": "wrap", "constant": "constant"}


def weights(sigma, reach=4.0):
    x = np.arange(-int(reach * sigma + 0.5), int(reach * sigma + 0.5) + 1)
    curve = np.exp(-0.5 * (x / sigma) ** 2)
    return curve / curve.sum()


def assert_promise(got, image, column, row, border, value):
    want, weight = product_correlation(image.astype(np.longdouble), column, row, border, value)
    eps = np.finfo(image.dtype).eps / 2
    assert (abs(got - want) <= 32 * eps * weight).all()


@example((64, 64), 1000.0, 200.0, "reflect101", "float64", 0)
@example((1, 1), 30.0, 30.0, "reflect101", "float32", 0)
@example((1, 40), 30.0, 0.5, "constant", "float32", 3)
@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    down=st.sampled_from([0.5, 3.0, 20.0, 90.0]),
    along=st.sampled_from([0.5, 3.0, 20.0, 90.0]),
    border=st.sampled_from(BORDERS),
    dtype=st.sampled_from(["float32", "float64"]),
    value=st.sampled_from([0, 2]),
)
def test_gaussians_of_any_width_keep_the_promise(shape, down, along, border, dtype, value):
    rng = np.random.default_rng(shape[0] * 64 + shape[1])
    image = rng.random(shape).astype(dtype) ** 3
    got = fastconv.gaussian_blur(image, (down, along), border=border, value=value)
    assert_promise(got, image, weights(down), weights(along), border, value)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_boxes_wider_than_the_image(border, dtype, rng):
    image = (rng.random((30, 41, 3)) * 200).astype(dtype)
    for size in ((301, 77), (2, 5000), (129, 1), (1030, 1030)):
        want = ndimage.uniform_filter(image.astype(float), (*size, 1), mode=NDIMAGE[border], cval=7)
        got = fastconv.box_blur(image, size, border=border, value=7).astype(float)
        assert abs(got - want).max() <= (0.5001 if image.dtype.kind in "iu" else 2e-4 if dtype == "float32" else 1e-9)


def test_wide_blurs_of_stacks_and_of_other_dtypes(rng):
    stack = rng.integers(0, 1 << 40, (3, 20, 30))
    want = ndimage.gaussian_filter(stack.astype(float), (0, 40, 40), mode="mirror")
    np.testing.assert_allclose(fastconv.gaussian_blur(stack, 40, axes=(1, 2)), np.rint(want), rtol=1e-12, atol=1)
    image = rng.random((20, 30)) + 1j * rng.random((20, 30))
    want = ndimage.gaussian_filter(image.real, 30) + 1j * ndimage.gaussian_filter(image.imag, 30)
    np.testing.assert_allclose(fastconv.gaussian_blur(image, 30, border="reflect"), want, rtol=1e-12)


@pytest.mark.parametrize("threshold", [0, 0.05])
def test_unsharp_mask_with_a_wide_gaussian(threshold, rng):
    image = rng.random((50, 60))
    detail = image - ndimage.gaussian_filter(image, 30, mode="mirror")
    want = image + 1.5 * detail * (abs(detail) > threshold)
    np.testing.assert_allclose(fastconv.unsharp_mask(image, 30, 1.5, threshold), want, rtol=1e-11)


def test_an_algorithm_that_is_asked_for_sees_the_kernel(rng):
    image = rng.random((40, 50))
    want = fastconv.gaussian_blur(image, 10)
    for algorithm in ("direct", "separable", "fft"):
        np.testing.assert_allclose(fastconv.gaussian_blur(image, 10, algorithm=algorithm), want, rtol=1e-12)
    with pytest.raises(ValueError, match="at most 4194304 rows and columns"):
        fastconv.gaussian_blur(image, 1e6)


def test_bad_numbers_reach_exactly_the_windows_of_wide_blurs(isa, rng):
    image = rng.random((300, 40))
    image[100, 20] = np.inf
    image[200, 3] = np.nan
    got = fastconv.gaussian_blur(image, (20, 2), border="constant")
    reached = np.zeros(image.shape, bool)
    reached[20:181, 12:29] = reached[120:281, :12] = True
    assert not np.isfinite(got[reached]).any()
    assert np.isfinite(got[~reached]).all()


LINES = [
    ((5000, 1), (700, 1)),
    ((1, 5000), (1, 700)),
    ((3000, 2), (301, 1)),
    ((2, 3000), (1, 301)),
    ((900, 37), (90, 1)),
]


@pytest.mark.parametrize(("shape", "window"), LINES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lines_and_columns_keep_the_promise(shape, window, dtype, isa, rng):
    for content in (rng.standard_normal, rng.random, lambda size: (rng.random(size) < 0.01) * 1e5):
        image, kernel = content(shape).astype(dtype), rng.random(window).astype(dtype)
        for boundary in ("fill", "wrap", "symm"):
            got = fastconv.convolve2d(image, kernel, "same", boundary, algorithm="line_fft")
            want = fastconv.convolve2d(image.astype("g"), kernel.astype("g"), "same", boundary)
            weight = fastconv.convolve2d(abs(image).astype("g"), kernel.astype("g"), "same", boundary)
            assert (abs(got - want) <= 16 * np.finfo(dtype).eps / 2 * weight).all()


def test_long_lines_run_by_transforms_of_lines():
    taps = np.random.default_rng(0).random((3001, 1))
    for shape, kernel in (((10**6, 1), taps), ((1, 10**6), taps.T), ((500_000, 2), taps)):
        assert fastconv.plan_convolve2d(shape, kernel, "same")["algorithm"] == "line_fft"


def test_lines_of_whole_numbers_are_exact(rng):
    image, kernel = rng.integers(-99, 99, (4000, 1)), rng.integers(-99, 99, (500, 1))
    got = fastconv.convolve2d(image.astype(float), kernel.astype(float), algorithm="line_fft")
    np.testing.assert_array_equal(got, signal.convolve(image, kernel, method="direct"))


def test_lines_of_zeros_and_ones_keep_the_promise_under_large_whole_taps(rng):
    image, kernel = (rng.random((1, 5000)) < 0.5) * 1.0, rng.integers(-(2**52), 2**52, (1, 700)).astype(float)
    got = fastconv.convolve2d(image, kernel, algorithm="line_fft")
    want, weight = (signal.convolve(image.astype("g"), k.astype("g"), method="direct") for k in (kernel, abs(kernel)))
    assert (abs(got - want) <= 32 * 2**-53 * weight).all()
