"""What Fourier transforms promise of images, whatever they hold: 32 eps (|x| * |k|) for every output."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import signal

import fastconv

WIDE = {"float32": "float64", "float64": "longdouble", "complex64": "complex128"}


def photo(rng, shape):
    """Noise that falls with the frequency, dark parts and a bright sky cut off."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1
    waves = np.fft.irfft2(np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**1.2, shape)
    return np.clip(0.35 + 0.3 * waves / (waves.std() or 1), 0, 1) ** 1.5


def on_lines(rng, shape, axis):
    """Noise in one row or column, zeros in all others."""
    cells = np.zeros(shape)
    cells[(slice(None),) * axis + (rng.integers(shape[axis]),)] = rng.standard_normal(shape[1 - axis])
    return cells


def spotted(background, rng, height):
    background.flat[rng.integers(0, background.size, 1 + background.size // 1000)] = height
    return background


IMAGES = {
    "uniform": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "constant": lambda rng, shape: np.full(shape, 0.1),
    "offset": lambda rng, shape: 1e6 + rng.random(shape),
    "photo": photo,
    "mask": lambda rng, shape: (rng.random(shape) < 0.3) * 0.1,
    "shapes": lambda rng, shape: (photo(rng, shape) > 0.4) * 0.1,
    "checkers": lambda rng, shape: np.where(np.add.outer(*map(np.arange, shape)) % 2, 0.1, -0.1),
    "mosaic": lambda rng, shape: rng.random(shape) * np.multiply.outer(*(np.arange(n) % 2 for n in shape)),
    "stars": lambda rng, shape: spotted(np.zeros(shape), rng, 0.7),
    "bright stars": lambda rng, shape: spotted(rng.random(shape), rng, 1e4),
    "outlier": lambda rng, shape: spotted(np.ones(shape), rng, 1e7),
    "half": lambda rng, shape: 0.1 * (np.arange(shape[0]) < shape[0] // 2)[:, None] * np.ones(shape[1]),
    "one row": lambda rng, shape: on_lines(rng, shape, 0),
    "one column": lambda rng, shape: on_lines(rng, shape, 1),
    "ramp": lambda rng, shape: np.logspace(-15, 15, shape[0])[:, None] * rng.random(shape),
    "tiny": lambda rng, shape: rng.random(shape) * 1e-36,
    "denormal": lambda rng, shape: rng.random(shape) * 1e-42,
    "huge": lambda rng, shape: rng.random(shape) * 1e32,
}
KERNELS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "positive": lambda rng, shape: rng.random(shape),
    "slanted": lambda rng, shape: np.exp(-(np.subtract.outer(*map(np.arange, shape)) ** 2) / 20) / 9,
    "one tap": lambda rng, shape: spotted(np.zeros(shape), rng, 0.1),
    "spike": lambda rng, shape: spotted(rng.standard_normal(shape), rng, 1e8),
    "columns": lambda rng, shape: rng.standard_normal(shape) * (np.arange(shape[1]) % 2),
}


def exact(image, kernel, dtype):
    """The full convolution, tap by tap."""
    image, kernel = image.astype(dtype), kernel.astype(dtype)
    result = np.zeros([n + k - 1 for n, k in zip(image.shape, kernel.shape, strict=True)], dtype)
    for (i, k), tap in np.ndenumerate(kernel):
        result[i : i + image.shape[0], k : k + image.shape[1]] += tap * image
    return result


def assert_promise(got, image, kernel):
    dtype = image.dtype
    wanted, weight = exact(image, kernel, WIDE[dtype.name]), exact(abs(image), abs(kernel), WIDE[dtype.name]).real
    eps = np.finfo(dtype).eps / 2
    # Products below the least normal number lose what cannot be written.
    bound = 32 * eps * weight + kernel.size * float(np.finfo(dtype).smallest_subnormal)
    # Sums that the dtype cannot hold, on the way or at the end, are no numbers.
    held = weight <= np.finfo(dtype).max
    assert (abs(got - wanted) <= bound)[held].all()
    assert not got[weight == 0].any()


@example((300, 130), (11, 11), "bright stars", "spike", "float32", 5)
@example((97, 300), (25, 25), "tiny", "slanted", "float64", 0)
@example((150, 170), (15, 13), "outlier", "normal", "float32", 0)
@example((150, 170), (11, 11), "shapes", "positive", "float32", 1)
@example((90, 170), (12, 11), "photo", "slanted", "float64", 2)
@example((40, 50), (40, 3), "bright stars", "normal", "complex64", 3)
@example((1, 434), (1, 409), "normal", "normal", "float32", 305)
@example((533, 1), (394, 1), "normal", "normal", "float64", 12)
@example((1, 405), (9, 375), "normal", "normal", "float64", 2)
@example((2, 1431), (1, 195), "one row", "normal", "float64", 4)
@example((418, 2), (250, 1), "one column", "normal", "float32", 1)
@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 170)),
    window=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    image=st.sampled_from([*IMAGES]),
    kernel=st.sampled_from([*KERNELS]),
    dtype=st.sampled_from([*WIDE]),
    seed=st.integers(0, 2**31),
)
def test_every_output(shape, window, image, kernel, dtype, seed):
    rng = np.random.default_rng(seed)
    cells, taps = IMAGES[image](rng, shape).astype(dtype), KERNELS[kernel](rng, window).astype(dtype)
    assert_promise(fastconv.convolve2d(cells, taps, algorithm="fft"), cells, taps)


@pytest.mark.parametrize("shape", [(1, 700), (7, 700), (700, 1)])
@pytest.mark.parametrize("taps", [(1, 300), (300, 1), (3, 200)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_errors_that_meet_in_one_line(shape, taps, dtype, rng):
    image = "one row" if shape[0] > 1 else "normal"
    for _ in range(4):
        cells, kernel = IMAGES[image](rng, shape).astype(dtype), rng.standard_normal(taps).astype(dtype)
        assert_promise(fastconv.convolve2d(cells, kernel, algorithm="fft"), cells, kernel)


@pytest.mark.parametrize("image", ["photo", "shapes", "outlier", "stars", "ramp", "uniform"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_blocks_on_every_isa(image, dtype, isa, rng):
    cells, taps = IMAGES[image](rng, (210, 200)).astype(dtype), rng.standard_normal((18, 17)).astype(dtype)
    assert_promise(fastconv.convolve2d(cells, taps, algorithm="fft"), cells, taps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_numbers_are_scipys(dtype, isa):
    """A disk over two ones; and of grey levels under whole taps of both signs."""
    y, x = np.mgrid[-12:13, -12:13]
    disk = (x**2 + y**2 <= 144).astype(dtype)
    image = np.zeros((160, 160), dtype)
    image[40, 50] = image[100, 90] = 1
    got = fastconv.convolve2d(image, disk, "same", algorithm="fft")
    np.testing.assert_array_equal(got, signal.convolve2d(image, disk, "same"))
    assert not np.signbit(got).any()
    np.testing.assert_array_equal(fastconv.filter2d(image, disk, border="constant"), got)
    rng = np.random.default_rng(0)
    grey, taps = rng.integers(0, 256, (120, 130)).astype(dtype), rng.integers(-9, 10, (14, 13)).astype(dtype)
    want = signal.convolve2d(grey.astype("int64"), taps.astype("int64"))
    np.testing.assert_array_equal(fastconv.convolve2d(grey, taps, algorithm="fft"), want)


@pytest.mark.parametrize("image", ["shapes", "stars", "photo"])
def test_nothing_is_negative_where_nothing_was(image, rng):
    cells, taps = IMAGES[image](rng, (200, 190)), rng.random((17, 17))
    for dtype in ("float32", "float64"):
        got = fastconv.convolve2d(cells.astype(dtype), taps.astype(dtype), algorithm="fft")
        assert (got >= 0).all()


@pytest.mark.parametrize(("image", "side"), [("mask", 15), ("mosaic", 15), ("shapes", 27)])
def test_large_images_most_of_whose_windows_are_light(image, side, rng):
    cells = IMAGES[image](rng, (1760, 1760)).astype("f4")
    taps = rng.standard_normal((side, side)).astype("f4")
    got = fastconv.convolve2d(cells, taps, "same", algorithm="fft")
    wanted, weight = (
        signal.fftconvolve(size(cells.astype("f8")), size(taps.astype("f8")), "same") for size in (np.positive, np.abs)
    )
    assert (abs(got - wanted) <= 32 * 2**-24 * weight + 1e-12).all()


def test_far_from_an_outlier(rng):
    image, taps = np.ones((400, 400), np.float32), rng.standard_normal((25, 25)).astype("f4")
    image[200, 200] = 1e8
    got = fastconv.convolve2d(image, taps, "valid", algorithm="fft")
    np.testing.assert_allclose(got[:150], taps.astype("f8").sum(), rtol=0, atol=32 * 2**-24 * abs(taps).sum())


@pytest.mark.parametrize("image", ["shapes", "bright stars", "photo", "stars", "ramp"])
def test_same_bits_for_any_number_of_threads(image, rng):
    cells, taps = IMAGES[image](rng, (400, 300)).astype("f4"), rng.random((21, 19)).astype("f4")
    results = set()
    for threads in (1, 2, 5):
        with fastconv.threads(threads):
            results.add(fastconv.convolve2d(cells, taps, algorithm="fft").tobytes())
    assert len(results) == 1


def test_channels_keep_it_too(rng):
    shape = 150, 160
    image = np.stack([photo(rng, shape), spotted(np.zeros(shape), rng, 3e4), rng.random(shape)], axis=2).astype("f4")
    taps = rng.standard_normal((19, 19)).astype("f4")
    got = fastconv.filter2d(image, taps, border="constant")
    for channel in range(3):
        cells, kernel = image[..., channel].astype("f8"), taps.astype("f8")
        wide = fastconv.filter2d(cells, kernel, border="constant")
        weight = fastconv.filter2d(abs(cells), abs(kernel), border="constant")
        assert (abs(got[..., channel] - wide) <= 33 * 2**-24 * weight).all()


@pytest.mark.parametrize("turn", [1, 1j])
def test_kernels_of_subnormal_numbers_and_zeros_give_exact_sums_of_whole_multiples(turn, isa, rng):
    least = np.finfo(np.float64).smallest_subnormal
    cells, taps = rng.integers(-9, 10, (50, 60)), rng.integers(0, 2, (13, 4)) * rng.integers(1, 2**40, (13, 4))
    want = least * signal.convolve2d(cells, taps)
    got = fastconv.convolve2d(cells * turn, taps * least, algorithm="fft")
    np.testing.assert_array_equal(got, want * turn)
