"""filter2d against NumPy in float64, OpenCV's filter2D and SciPy's ndimage.correlate."""

import cv2
import ml_dtypes
import numpy as np
import pytest
from filter_reference import (
    BORDERS,
    FLOATS,
    INTEGERS,
    assert_close,
    assert_nearly,
    correlate,
    photos,
    random_image,
    saturated,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import fastconv

OPENCV = {
    "reflect101": cv2.BORDER_REFLECT_101,
    "reflect": cv2.BORDER_REFLECT,
    "nearest": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_CONSTANT,
}
NDIMAGE = {"reflect101": "mirror", "reflect": "reflect", "nearest": "nearest", "wrap": "wrap", "constant": "constant"}
ALL = INTEGERS + FLOATS
by_border = pytest.mark.parametrize("border", BORDERS)


@by_border
@pytest.mark.parametrize("dtype", ALL)
def test_every_dtype_and_border(dtype, border, isa, rng):
    for shape, size in (
        ((19, 75), (3, 3)),
        ((30, 41, 3), (5, 5)),
        ((7, 6), (4, 5)),
        ((3, 4, 2), (9, 11)),
        ((1, 1), (3, 3)),
        ((1, 1, 4), (2, 4)),
        ((1, 200), (3, 7)),
        ((200, 1), (7, 2)),
        ((40, 300), (1, 1)),
        ((33, 80), (13, 15)),
    ):
        image, kernel = random_image(rng, shape, dtype), rng.uniform(-1, 1, size)
        value = image.flat[0]
        got = fastconv.filter2d(image, kernel, border=border, value=value)
        assert got.dtype == image.dtype
        # Arithmetic in float32 starts from taps in float32.
        taps = kernel if dtype in ("int32", "float64") else kernel.astype("f4")
        assert_close(got, correlate(image, taps, border, value), np.abs(kernel).sum())


@by_border
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_under_integer_kernels_are_exact(dtype, border, isa, rng):
    for shape, size, largest in (
        ((40, 90), (3, 3), 3),
        ((21, 33, 3), (5, 5), 1),
        ((33, 70), (7, 7), 2),
        ((9, 8), (1, 9), 6),
    ):
        image, kernel = random_image(rng, shape, dtype), rng.integers(-largest, largest + 1, size)
        want = saturated(correlate(image, kernel, border, 5), dtype)
        np.testing.assert_array_equal(fastconv.filter2d(image, kernel, border=border, value=5), want)
        # A power of two scales exactly: every half is a tie, which goes to the even number.
        want = saturated(correlate(image, kernel / 8, border, 5), dtype)
        np.testing.assert_array_equal(fastconv.filter2d(image, kernel / 8, border=border, value=5), want)


@pytest.mark.parametrize("border", OPENCV)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_opencv(dtype, border, isa, rng):
    for shape, size in (((50, 77), (3, 3)), ((31, 44, 3), (5, 3)), ((64, 65), (2, 4)), ((23, 29, 4), (9, 9))):
        image, kernel = random_image(rng, shape, dtype), rng.uniform(-1, 1, size)
        want = cv2.filter2D(image, -1, kernel, borderType=OPENCV[border])
        got = fastconv.filter2d(image, kernel, border=border)
        if image.dtype.kind in "iu":
            assert_nearly(got, want, share=0.002 if dtype == "uint8" else 0.02)  # both sum 16 bits in float32
        else:
            np.testing.assert_allclose(got, want, rtol=0, atol=8 * np.finfo(dtype).eps * np.abs(kernel).sum())


@pytest.mark.parametrize("anchor", [(0, 0), (4, 2), (1, 2), (3, 0), None])
def test_anchors_as_opencv(anchor, isa, rng):
    for dtype in ("uint8", "float64"):
        image, kernel = random_image(rng, (30, 40), dtype), rng.integers(-3, 4, (5, 3)).astype("f8")
        place = (-1, -1) if anchor is None else anchor[::-1]
        for border, number in OPENCV.items():
            want = cv2.filter2D(image, -1, kernel, anchor=place, borderType=number)
            got = fastconv.filter2d(image, kernel, border=border, anchor=anchor)
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


@by_border
@pytest.mark.parametrize("size", [(3, 3), (4, 6), (1, 9), (40, 3), (61, 70)])
def test_ndimage(size, border, isa, rng):
    for shape in ((25, 31), (130, 210), (35, 36)):
        image, kernel = random_image(rng, shape, "float64"), rng.uniform(-1, 1, size)
        want = ndimage.correlate(image, kernel, mode=NDIMAGE[border], cval=0.25)
        got = fastconv.filter2d(image, kernel, border=border, value=0.25)
        assert np.linalg.norm(got - want) <= 1e-13 * np.linalg.norm(want)
        single = fastconv.filter2d(image.astype("f4"), kernel.astype("f4"), border=border, value=0.25)
        assert np.linalg.norm(single - want) <= 1e-6 * np.linalg.norm(want)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_infinity_under_large_kernels(dtype, bad, isa, rng):
    image, kernel = random_image(rng, (200, 230), dtype), rng.uniform(0.5, 1, (45, 50))
    clean = fastconv.filter2d(image, kernel, border="constant")
    image[120, 77] = bad
    got = fastconv.filter2d(image, kernel, border="constant")
    window = np.zeros(image.shape, bool)
    window[120 - 22 : 120 + 23, 77 - 24 : 77 + 26] = True
    np.testing.assert_array_equal(np.isfinite(got), ~window)
    assert (got[window] == bad).all() or np.isnan(got[window]).all()
    np.testing.assert_allclose(got[~window], clean[~window], rtol=0, atol=8 * np.finfo(dtype).eps * kernel.size)


def test_photos(isa):
    kernels = {
        "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
        "blur": np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256,
        "gauss": np.outer(cv2.getGaussianKernel(9, 1.7), cv2.getGaussianKernel(9, 1.7)),
        "motion": np.eye(11) / 11,
        "log": ndimage.gaussian_laplace(np.eye(21)[10][:, None] * np.eye(21)[10], 2),
    }
    for photo in photos():
        for name, kernel in kernels.items():
            kernel = np.asarray(kernel, "f8")
            got = fastconv.filter2d(photo, kernel)
            want = cv2.filter2D(photo, -1, kernel)
            assert_nearly(got, want)
            if name in ("sharpen", "emboss", "blur"):
                np.testing.assert_array_equal(got, want)
            unit = np.float32(photo) / 255
            got, want = fastconv.filter2d(unit, kernel), cv2.filter2D(unit, -1, kernel)
            np.testing.assert_allclose(got, want, rtol=0, atol=4e-6)


def test_separable_kernels_as_sepfilter2d(isa):
    _, photo = photos()
    image, (row, column) = np.float32(photo), (cv2.getGaussianKernel(25, 4.0), cv2.getGaussianKernel(13, 2.5))
    want = cv2.sepFilter2D(image, -1, row, column)
    np.testing.assert_allclose(fastconv.filter2d(image, column * row.T), want, rtol=0, atol=1e-3)


sizes = st.integers(1, 40)


@settings(deadline=None, max_examples=200)
@given(
    shape=st.tuples(sizes, sizes),
    kernel=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    data=st.data(),
    channels=st.sampled_from([None, 1, 2, 3, 4, 5]),
    dtype=st.sampled_from(ALL),
    border=st.sampled_from(list(BORDERS)),
    separable=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_any_geometry(shape, kernel, data, channels, dtype, border, separable, seed):
    generator = np.random.default_rng(seed)
    image = random_image(generator, shape if channels is None else (*shape, channels), dtype)
    taps = generator.integers(-8, 9, kernel)
    if separable:
        taps = taps[:, :1] * taps[:1]
    anchor = data.draw(st.tuples(*(st.integers(0, k - 1) for k in kernel)))
    sums = correlate(image, taps, border, 3, anchor)
    assert_close(fastconv.filter2d(image, taps, border=border, value=3, anchor=anchor), sums, np.abs(taps).sum() * 3)


def test_half_precision_is_rounded_once(rng):
    for dtype in (np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)):
        image, kernel = random_image(rng, (20, 30, 3), "float32").astype(dtype), rng.uniform(-1, 1, (3, 3))
        want = fastconv.filter2d(image.astype("f4"), kernel).astype(dtype)
        got, out = fastconv.filter2d(image, kernel), np.empty_like(image)
        assert got.dtype == dtype
        assert fastconv.filter2d(image, kernel, out=out) is out
        for result in (got, out):
            np.testing.assert_array_equal(result.astype("f4"), want.astype("f4"))
        np.testing.assert_array_equal(fastconv.filter2d(image, np.ones((1, 1), dtype)).astype("f4"), image.astype("f4"))
    assert fastconv.filter2d(np.full((2, 2), 60000, "f2"), [[2]])[0, 0] == np.inf


def test_saturation_and_ties(isa):
    for dtype in INTEGERS:
        limits = np.iinfo(dtype)
        image = np.array([[limits.min, limits.max, 1, 3]], dtype)
        for factor, want in ((2, [limits.min, limits.max, 2, 6]), (0.5, None), (-1, None), (0, [0, 0, 0, 0])):
            exact = saturated(image * np.float64(factor), dtype) if want is None else np.array(want, dtype)
            np.testing.assert_array_equal(fastconv.filter2d(image, [[factor]])[0], exact.ravel())
        np.testing.assert_array_equal(fastconv.filter2d(image, [[np.nan]]), limits.min)
        np.testing.assert_array_equal(fastconv.filter2d(image, [[1e30]])[0, 1:], limits.max)
        np.testing.assert_array_equal(fastconv.filter2d(image, [[-1e30]])[0, 1:], limits.min)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_infinity_stay_within_their_windows(dtype, bad, isa, rng):
    image = random_image(rng, (40, 150), dtype)
    for kernel in (
        rng.uniform(0.5, 1, (5, 4)),
        np.outer(rng.uniform(0.5, 1, 7), rng.uniform(0.5, 1, 9)),
        np.ones((3, 3)),
        rng.uniform(0.5, 1, (21, 23)),
    ):
        clean = fastconv.filter2d(image, kernel, border="constant")
        for row, column in ((0, 0), (39, 149), (7, 40), (13, 77)):
            spoiled = image.copy()
            spoiled[row, column] = bad
            got = fastconv.filter2d(spoiled, kernel, border="constant")
            marks = np.zeros(image.shape)
            marks[row, column] = 1
            window = correlate(marks, np.ones(kernel.shape), "constant") > 0
            assert not np.isfinite(got[window]).any()
            np.testing.assert_allclose(got[~window], clean[~window], rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)


def test_same_bits_for_any_number_of_threads(isa, rng):
    for dtype in ("uint8", "float32"):
        image = random_image(rng, (300, 211, 3), dtype)
        for kernel in (rng.uniform(-1, 1, (7, 6)), np.outer(rng.uniform(0, 1, 15), rng.uniform(0, 1, 15))):
            results = []
            for threads in (1, 2, 5):
                with fastconv.threads(threads):
                    results.append(fastconv.filter2d(image, kernel).tobytes())
            assert len(set(results)) == 1
