"""Filters of plain arrays are one call of the core; of other arrays and arguments the answers are the same."""

import numpy as np
import pytest
from filter_reference import BORDERS, assert_close, correlate, random_image
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
SOBEL = np.outer([-1, 0, 1], [1, 2, 1])
SCHARR = np.outer([-1, 0, 1], [3, 10, 3])
PREWITT = np.outer([-1, 0, 1], [1, 1, 1])
LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
FILTERS = {
    "filter2d": (lambda image, **words: fastconv.filter2d(image, BINOMIAL, **words), BINOMIAL),
    "box_blur": (lambda image, **words: fastconv.box_blur(image, 3, **words), np.ones((3, 3)) / 9),
    "gaussian_blur": (lambda image, **words: fastconv.gaussian_blur(image, None, ksize=5, **words), BINOMIAL),
    "sobel": (lambda image, **words: fastconv.sobel(image, 1, **words), SOBEL.T),
    "scharr": (lambda image, **words: fastconv.scharr(image, -2, **words), SCHARR),
    "prewitt": (lambda image, **words: fastconv.prewitt(image, 0, **words), PREWITT),
    "laplacian": (fastconv.laplacian, LAPLACE),
}
DERIVED = {"uint8": "int16", "int8": "int16", "uint16": "float32", "int16": "float32", "int32": "float64"}


def strided(array):
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


def cropped(array):
    return np.pad(array, [(1, 2), (3, 4)] + [(0, 0)] * (array.ndim - 2))[1:-2, 3:-4]


def unaligned(array):
    return np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class Mine(np.ndarray):
    pass


FORMS = [
    np.copy, np.asfortranarray, strided, cropped, unaligned, read_only,
    lambda array: array.astype(array.dtype.newbyteorder()), lambda array: array.view(Mine),
]  # fmt: skip
PLACES = [np.copy, np.asfortranarray, strided, cropped, lambda array: array.view(Mine)]


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(list(FILTERS)),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    channels=st.sampled_from([None, 1, 3, 4]),
    dtype=st.sampled_from([*DERIVED, "float32", "float64"]),
    border=st.sampled_from([*BORDERS]),
    form=st.sampled_from(FORMS),
    place=st.sampled_from(PLACES),
    seed=st.integers(0, 2**31),
)
def test_any_array(name, shape, channels, dtype, border, form, place, seed):
    call, taps = FILTERS[name]
    image = random_image(np.random.default_rng(seed), shape if channels is None else (*shape, channels), dtype)
    result = DERIVED.get(dtype, dtype) if name in ("sobel", "scharr", "prewitt", "laplacian") else dtype
    sums, magnitude = correlate(image, taps, border), np.abs(taps).sum() * max(1, np.abs(image.astype(float)).max())
    got = call(form(image), border=border)
    assert got.dtype == result
    assert_close(got, sums, magnitude)
    out = place(np.zeros(image.shape, result))
    assert call(form(image), border=border, out=out) is out
    np.testing.assert_array_equal(out, got)


@pytest.mark.parametrize("name", FILTERS)
def test_image_as_out(name, rng):
    image = rng.random((9, 11, 3))
    want = FILTERS[name][0](image)
    assert FILTERS[name][0](image, out=image) is image
    np.testing.assert_array_equal(image, want)
    long = rng.random(200)
    image, out = long[:99].reshape(9, 11), long[50:149].reshape(9, 11)
    want = FILTERS[name][0](image.copy())
    np.testing.assert_array_equal(FILTERS[name][0](image, out=out), want)


@pytest.mark.parametrize("name", FILTERS)
def test_malformed_arguments(name):
    call, image = FILTERS[name][0], np.ones((5, 6))
    for words, message in [
        ({"border": "outside"}, "`border` must be one of"),
        ({"algorithm": "fast"}, "`algorithm` must be one of"),
        ({"out": np.ones((5, 7))}, "`out` must"),
        ({"out": np.ones((6, 5))}, "`out` must"),
        ({"out": np.ones((5, 6, 1))}, "`out` must"),
        ({"out": read_only(image)}, "`out` must"),
        ({"axes": (0, 2)}, "`axes`"),
    ]:
        with pytest.raises(ValueError, match=message):
            call(image, **words)
    with pytest.raises(TypeError, match="`out` must"):
        call(image, out=np.ones((5, 6), "f4"))
    with pytest.raises(ValueError, match="`image` must have shape"):
        call(np.ones(5))
    with pytest.raises(TypeError, match="`image` must be"):
        call(np.full((5, 6), "a"))
    for empty in (np.ones((0, 6)), np.ones((5, 0, 3)), np.ones((5, 6, 0))):
        assert call(empty).shape == empty.shape


def test_kernels_are_checked():
    image = np.ones((5, 6), np.uint8)
    for kernel in (np.ones(3), np.ones((0, 3)), np.ones((2, 3, 3))):
        with pytest.raises(ValueError, match="`kernel`"):
            fastconv.filter2d(image, kernel)
    with pytest.raises(TypeError, match="`kernel` must hold real numbers"):
        fastconv.filter2d(image, np.ones((3, 3), complex))
    with pytest.raises(ValueError, match="`sigma` must be"):
        fastconv.gaussian_blur(image, -1.0)
    with pytest.raises(ValueError, match="`ksize` must be odd"):
        fastconv.gaussian_blur(image, 1.0, ksize=4)
    with pytest.raises(ValueError, match="`size` must"):
        fastconv.box_blur(image, 0)
    with pytest.raises(ValueError, match="`axis` must"):
        fastconv.sobel(image, 2)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float32", "float64"])
def test_lengths_along_any_axes(dtype, rng):
    """Planes that do not lie side by side."""
    images = rng.integers(0, 2, (4, 9, 5)).astype(dtype)
    for filtered in (fastconv.sobel, fastconv.scharr):
        want = np.stack([filtered(np.ascontiguousarray(images[:, i])) for i in range(9)], axis=1)
        np.testing.assert_array_equal(filtered(images, axes=(0, 2)), want)
        np.testing.assert_array_equal(filtered(images, channel_axis=1), want)
        out = strided(np.zeros(images.shape, want.dtype))
        assert filtered(images, axes=(0, 2), out=out) is out
        np.testing.assert_array_equal(out, want)
