"""First derivatives of several operators and sizes against OpenCV's and SciPy's."""

import cv2
import numpy as np
import pytest
from filter_reference import photos, random_image
from scipy import ndimage

import fastconv

FLOATS = {"float32": cv2.CV_32F, "float64": cv2.CV_64F}


@pytest.mark.parametrize("ksize", [1, 3, 5, 7])
def test_sobel_sizes_as_opencv(ksize, isa, rng):
    for photo in photos():
        for axis in (0, 1):
            want = cv2.Sobel(photo, cv2.CV_64F, axis, 1 - axis, ksize=ksize)
            got = fastconv.sobel(photo, axis, ksize=ksize)
            assert got.dtype == (np.float32 if ksize == 7 else np.int16)
            np.testing.assert_array_equal(got, want)
    for dtype, depth in FLOATS.items():
        image = random_image(rng, (20, 30), dtype)
        down, right = (cv2.Sobel(image, depth, axis, 1 - axis, ksize=ksize) for axis in (0, 1))
        got = fastconv.sobel(image, ksize=ksize)
        eps = float(np.finfo(dtype).eps) * 4 ** (ksize - 1)  # of the taps' sum
        np.testing.assert_allclose(got, np.hypot(down, right), rtol=4e-7 if dtype == "float32" else 1e-13, atol=eps)


def test_scharr_as_opencv(isa, rng):
    for photo in photos():
        for axis in (0, 1):
            want = cv2.Scharr(photo, cv2.CV_16S, axis, 1 - axis)
            np.testing.assert_array_equal(fastconv.scharr(photo, axis), want)
    image = random_image(rng, (20, 30), "float64")
    want = np.hypot(cv2.Scharr(image, cv2.CV_64F, 0, 1), cv2.Scharr(image, cv2.CV_64F, 1, 0))
    np.testing.assert_allclose(fastconv.scharr(image), want, rtol=1e-12)


def test_prewitt_as_ndimage(isa, rng):
    image = random_image(rng, (20, 30), "float64")
    down, right = (ndimage.prewitt(image, axis, mode="mirror") for axis in (0, 1))
    np.testing.assert_allclose(fastconv.prewitt(image, 0), down, atol=1e-14)
    np.testing.assert_allclose(fastconv.prewitt(image, -1), right, atol=1e-14)
    np.testing.assert_allclose(fastconv.prewitt(image), np.hypot(down, right), rtol=1e-12)


def test_results_of_other_dtypes(rng):
    image = random_image(rng, (20, 30), "uint8")
    got = fastconv.sobel(image, dtype="uint8")
    np.testing.assert_array_equal(got, np.minimum(np.rint(fastconv.sobel(image, dtype="float64")), 255))
    assert fastconv.scharr(image.astype(bool)).dtype == np.float32
    assert fastconv.prewitt(image.astype("int64"), 1).dtype == np.float64


@pytest.mark.parametrize("ksize", [0, 2, 9, -1, 3.0])
def test_bad_sizes(ksize):
    with pytest.raises((ValueError, TypeError), match="`ksize` must be"):
        fastconv.sobel(np.ones((5, 5)), 0, ksize=ksize)
