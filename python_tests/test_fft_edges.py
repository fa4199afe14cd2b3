"""Transforms of images between zeros: kernels about as large as the image, windows that hold few of its cells."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d

import fastconv

EXTENDED = {"float32": "float64", "float64": "longdouble", "complex64": "complex128", "complex128": "clongdouble"}
IMAGES = {
    "uniform": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "constant": lambda rng, shape: np.full(shape, 0.1),
    "half": lambda rng, shape: 0.1 * (np.arange(shape[0]) < shape[0] // 2)[:, None] * np.ones(shape[1]),
    "dots": lambda rng, shape: (rng.random(shape) < 0.02) * 0.3,
    "bright": lambda rng, shape: (
        rng.random(shape) + 1e8 * (np.arange(shape[1]) == shape[1] // 2) * (rng.random(shape) < 0.1)
    ),
    "frame": lambda rng, shape: 1.0 + rng.random(shape) * (np.arange(shape[1]) > 5),
}
KERNELS = {
    "uniform": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "one tap": lambda rng, shape: np.where(np.arange(shape[1]) == 0, 1e6, 1.0) * rng.random(shape),
    "falling": lambda rng, shape: np.exp(-np.add.outer(*map(np.arange, shape)) / 4.0),
}


def assert_promise(image, kernel, mode):
    wide = EXTENDED[image.dtype.name]
    got = fastconv.convolve2d(image, kernel, mode, algorithm="fft")
    wanted = convolve2d(image.astype(wide), kernel.astype(wide), mode)
    weight = convolve2d(abs(image).astype("longdouble"), abs(kernel).astype("longdouble"), mode)
    assert (abs(got - wanted) <= 32 * np.finfo(image.dtype).eps / 2 * weight).all()
    assert got.dtype == image.dtype


@example((60, 60), (60, 60), "uniform", "uniform", "float64", "full", 0)
@example((60, 50), (60, 50), "uniform", "normal", "float64", "full", 1)
@example((60, 70), (59, 69), "frame", "falling", "float32", "same", 2)
@example((34, 35), (1, 16), "half", "normal", "float32", "full", 3)
@example((40, 40), (45, 61), "uniform", "uniform", "float64", "full", 4)
@example((64, 64), (40, 64), "bright", "uniform", "float64", "full", 5)
@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 45), st.integers(1, 50)),
    window=st.tuples(st.integers(1, 45), st.integers(1, 50)),
    image=st.sampled_from([*IMAGES]),
    kernel=st.sampled_from([*KERNELS]),
    dtype=st.sampled_from([*EXTENDED]),
    mode=st.sampled_from(["full", "same"]),
    seed=st.integers(0, 2**31),
)
def test_every_output(shape, window, image, kernel, dtype, mode, seed):
    rng = np.random.default_rng(seed)
    assert_promise(IMAGES[image](rng, shape).astype(dtype), KERNELS[kernel](rng, window).astype(dtype), mode)


@pytest.mark.parametrize("dtype", [*EXTENDED])
@pytest.mark.parametrize("image", ["uniform", "normal", "bright"])
def test_kernels_as_large_as_the_image_on_every_isa(image, dtype, isa, rng):
    cells = IMAGES[image](rng, (33, 45)).astype(dtype)
    for kernel in ("uniform", "normal"):
        assert_promise(cells, KERNELS[kernel](rng, (33, 41)).astype(dtype), "full")


def test_whole_numbers_are_exact(rng):
    image, kernel = rng.integers(0, 255, (150, 140)).astype(float), rng.integers(-9, 10, (150, 131)).astype(float)
    wanted = convolve2d(image.astype(np.int64), kernel.astype(np.int64))
    np.testing.assert_array_equal(fastconv.convolve2d(image, kernel, algorithm="fft"), wanted)


def test_bad_cells_reach_their_windows_only(rng):
    image, kernel = rng.random((80, 90)), rng.random((70, 75))
    image[3, 5], image[70, 80] = np.nan, np.inf
    got = fastconv.convolve2d(image, kernel, algorithm="fft")
    reached = convolve2d(~np.isfinite(image) * 1.0, np.ones(kernel.shape)) > 0.5
    wanted = convolve2d(np.where(np.isfinite(image), image, 0), kernel)
    assert not np.isfinite(got[reached]).any()
    np.testing.assert_allclose(got[~reached], wanted[~reached], rtol=1e-14)


@pytest.mark.parametrize("dtype", [*EXTENDED])
def test_same_bits_for_any_number_of_threads(dtype, rng):
    image, kernel = rng.standard_normal((300, 310)).astype(dtype), rng.standard_normal((260, 280)).astype(dtype)
    results = []
    for threads in (1, 2, 3, 7):
        with fastconv.threads(threads):
            results.append(fastconv.convolve2d(image, kernel, algorithm="fft"))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize("boundary", ["fill", "symm"])
@pytest.mark.parametrize("fillvalue", [0, 0.5])
def test_other_surroundings(boundary, fillvalue, rng):
    image, kernel = rng.random((90, 100)), rng.random((41, 37))
    got = fastconv.convolve2d(image, kernel, "same", boundary, fillvalue, algorithm="fft")
    np.testing.assert_allclose(got, convolve2d(image, kernel, "same", boundary, fillvalue), rtol=1e-13)


WAVES = {
    "bell": lambda y, x, n: np.exp(-(x + y) * 4 / n),
    "slope": lambda y, x, n: (2 * x + y) / n - 0.3,
    "wave": lambda y, x, n: np.cos(0.7 * x + 2.1 * y),
    "fading wave": lambda y, x, n: np.cos(1.3 * x) * np.exp(-(x + y) * 3 / n),
    "checkers": lambda y, x, n: (-1.0) ** (x + y) * (1 + 0.01 * np.sin(x * y)),
    "stripes": lambda y, x, n: (-1.0) ** x,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [*WAVES])
@pytest.mark.parametrize("image", [*WAVES])
def test_waves_whose_roundings_add_up(image, kernel, dtype):
    """Against float64 and extended precision, where windows hold few cells."""
    cells, taps = (
        WAVES[name](*np.mgrid[: shape[0], : shape[1]], shape[0]).astype(dtype)
        for name, shape in ((image, (160, 196)), (kernel, (145, 176)))
    )
    got, rng = fastconv.convolve2d(cells, taps, algorithm="fft"), np.random.default_rng(0)
    places = (rng.beta(0.25, 0.25, (80, 2)) * got.shape).astype(int)
    for row, col in places:
        rows, cols = (slice(max(at - k + 1, 0), at + 1) for at, k in zip((row, col), taps.shape, strict=True))
        window = cells[rows, cols].astype("longdouble")
        tap_rows, tap_cols = (
            at - np.arange(part.start, part.start + size)
            for at, part, size in zip((row, col), (rows, cols), window.shape, strict=True)
        )
        products = window * taps[np.ix_(tap_rows, tap_cols)].astype("longdouble")
        bound = 32 * np.finfo(dtype).eps / 2 * abs(products).sum()
        assert abs(got[row, col] - products.sum()) <= bound
