"""The named filters against OpenCV's and SciPy's."""

import cv2
import ml_dtypes
import numpy as np
import pytest
from filter_reference import BORDERS, FLOATS, INTEGERS, assert_nearly, correlate, photos, random_image, saturated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import fastconv

NDIMAGE = {"reflect101": "mirror", "reflect": "reflect", "nearest": "nearest", "wrap": "wrap", "constant": "constant"}
ALL = INTEGERS + FLOATS
by_border = pytest.mark.parametrize("border", BORDERS)
SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
DERIVATIVES = {
    "uint8": "int16",
    "int8": "int16",
    "uint16": "float32",
    "int16": "float32",
    "int32": "float64",
    "float32": "float32",
    "float64": "float64",
    "float16": "float16",
}
FILTERS = {
    "gaussian_blur": (1.3,),
    "box_blur": (3,),
    "sobel": (),
    "laplacian": (),
    "sharpen": (),
    "unsharp_mask": (1.3,),
}


def relative(got, want):
    return np.linalg.norm(np.subtract(got, want, dtype=np.float64)) / np.linalg.norm(want.astype(np.float64))


@by_border
@pytest.mark.parametrize(("sigma", "truncate"), [(0.7, 4.0), (2, 4), ((3.5, 1.2), 3.0), ((0, 2.5), 4), (6.0, 2.2)])
def test_gaussian_blur_as_ndimage(sigma, truncate, border, isa, rng):
    axes = (sigma, sigma) if np.ndim(sigma) == 0 else sigma
    for dtype, most in (("float64", 1e-13), ("float32", 1e-6)):
        image = random_image(rng, (57, 83), dtype)
        want = ndimage.gaussian_filter(image.astype("f8"), axes, mode=NDIMAGE[border], truncate=truncate, cval=0.5)
        got = fastconv.gaussian_blur(image, sigma, truncate=truncate, border=border, value=0.5)
        assert got.dtype == image.dtype
        assert relative(got, want) <= most


@pytest.mark.parametrize(
    ("size", "sigma"), [((3, 3), (0.8, 0.8)), ((9, 5), (2.0, 1.0)), ((31, 31), (5, 5)), ((1, 7), (1, 3))]
)
def test_gaussian_blur_as_opencv(size, sigma, isa, rng):
    for photo in photos():
        want = cv2.GaussianBlur(photo, size[::-1], sigmaX=sigma[1], sigmaY=sigma[0])
        assert_nearly(fastconv.gaussian_blur(photo, sigma, ksize=size), want, share=1)
        for dtype, most in (("float32", 1e-6), ("float64", 1e-7)):  # OpenCV's own taps round to float32 in parts
            image = photo.astype(dtype)
            want = cv2.GaussianBlur(image, size[::-1], sigmaX=sigma[1], sigmaY=sigma[0])
            assert relative(fastconv.gaussian_blur(image, sigma, ksize=size), want) <= most


@pytest.mark.parametrize(("size", "most"), [(3, 0.04), (5, 0.003), (7, 0.0003), (9, 0.0001)])
def test_gaussian_blur_of_bytes_differs_from_opencv_in_halves_alone(size, most, rng):
    image = random_image(rng, (500, 500), "uint8")
    want = cv2.GaussianBlur(image, (size, size), 0)
    weights = cv2.getGaussianKernel(size, 0)
    exact = cv2.sepFilter2D(image.astype("f8"), -1, weights, weights)
    np.testing.assert_array_equal(want, np.floor(exact + 0.5))
    got = fastconv.gaussian_blur(image, 0, ksize=size)
    np.testing.assert_array_equal(got, np.rint(exact))
    assert np.count_nonzero(got != want) <= most * image.size


def test_gaussian_blur_of_integers_is_the_rounded_blur(isa):
    for photo in photos():
        axes = (2.0, 2.0, 0)[: photo.ndim]
        want = ndimage.gaussian_filter(photo.astype("f8"), axes, mode="mirror")
        assert_nearly(fastconv.gaussian_blur(photo, 2.0), saturated(want, "uint8"), share=0.0005)


def test_gaussian_blur_keeps_a_constant_and_the_sum(rng):
    np.testing.assert_array_equal(fastconv.gaussian_blur(np.full((20, 30), 200, "u1"), 3.1), 200)
    image = rng.random((60, 50))
    assert fastconv.gaussian_blur(image, 5.0, border="wrap").sum() == pytest.approx(image.sum(), rel=1e-12)
    np.testing.assert_array_equal(fastconv.gaussian_blur(image, 0), image)
    np.testing.assert_array_equal(fastconv.gaussian_blur(image, 1e-200, ksize=3), image)
    np.testing.assert_allclose(fastconv.gaussian_blur(image, 1e6, ksize=3), fastconv.box_blur(image, 3), rtol=1e-9)


@by_border
@pytest.mark.parametrize("size", [3, (2, 2), (5, 1), (4, 7), 21])
def test_box_blur_as_ndimage(size, border, isa, rng):
    for dtype, most in (("float64", 1e-13), ("float32", 1e-6)):
        image = random_image(rng, (40, 61), dtype)
        want = ndimage.uniform_filter(image.astype("f8"), size, mode=NDIMAGE[border], cval=0.5)
        assert relative(fastconv.box_blur(image, size, border=border, value=0.5), want) <= most


@pytest.mark.parametrize("size", [3, (5, 9), 15, 31])
def test_box_blur_as_opencv(size, isa):
    height, width = (size, size) if isinstance(size, int) else size
    for photo in photos():
        assert_nearly(fastconv.box_blur(photo, size), cv2.blur(photo, (width, height)))
        image = photo.astype("f4")
        assert relative(fastconv.box_blur(image, size), cv2.blur(image, (width, height))) <= 1e-6


@by_border
@pytest.mark.parametrize("dtype", ALL)
def test_sobel_loses_nothing(dtype, border, isa, rng):
    image = random_image(rng, (33, 47, 3), dtype)
    down, right = (correlate(image, kernel, border, 3) for kernel in (SOBEL, SOBEL.T))
    words = {"border": border, "value": 3}
    tolerance = {"rtol": 0, "atol": 8 * 8 * np.finfo(DERIVATIVES[dtype]).eps} if dtype in FLOATS else {"rtol": 0}
    for axis, want in ((0, down), (1, right)):
        got = fastconv.sobel(image, axis, **words)
        assert got.dtype == DERIVATIVES[dtype]
        np.testing.assert_allclose(got, want, **tolerance)
    both = fastconv.sobel(image, **words)
    assert both.dtype == ("float64" if dtype in ("int32", "float64") else "float32")
    np.testing.assert_allclose(both, np.hypot(down, right), rtol=4e-7 if both.dtype == "float32" else 1e-14, atol=1e-6)


@by_border
@pytest.mark.parametrize("dtype", ALL)
def test_laplacian_loses_nothing(dtype, border, isa, rng):
    image = random_image(rng, (33, 47), dtype)
    for diagonals, kernel in ((False, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]), (True, [[1, 1, 1], [1, -8, 1], [1, 1, 1]])):
        got = fastconv.laplacian(image, diagonals=diagonals, border=border, value=3)
        assert got.dtype == DERIVATIVES[dtype]
        tolerance = 16 * 8 * np.finfo(got.dtype).eps if dtype in FLOATS else 0
        np.testing.assert_allclose(got, correlate(image, kernel, border, 3), rtol=0, atol=tolerance)


def test_derivatives_as_opencv_and_ndimage(isa):
    for photo in photos():
        np.testing.assert_array_equal(fastconv.sobel(photo, 0), cv2.Sobel(photo, cv2.CV_16S, 0, 1))
        np.testing.assert_array_equal(fastconv.sobel(photo, 1), cv2.Sobel(photo, cv2.CV_16S, 1, 0))
        np.testing.assert_array_equal(fastconv.laplacian(photo), cv2.Laplacian(photo, cv2.CV_16S))
        image = photo.astype("f8")
        if image.ndim == 2:
            for axis in (0, 1):
                np.testing.assert_array_equal(fastconv.sobel(image, axis), ndimage.sobel(image, axis, mode="mirror"))
            np.testing.assert_array_equal(fastconv.laplacian(image), ndimage.laplace(image, mode="mirror"))


@pytest.mark.parametrize("dtype", ALL)
def test_sharpen(dtype, isa, rng):
    image = random_image(rng, (30, 41, 3), dtype)
    for amount in (1.0, 0.25, 0, -0.125):
        sums = correlate(image, np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) * (1 - amount) + amount * SHARPEN)
        got = fastconv.sharpen(image, amount)
        assert got.dtype == image.dtype
        np.testing.assert_allclose(
            got,
            saturated(sums, dtype) if dtype in INTEGERS else sums,
            rtol=0,
            atol=0 if dtype in INTEGERS else 16 * np.finfo(dtype).eps,
        )
    for photo in photos():
        np.testing.assert_array_equal(fastconv.sharpen(photo), cv2.filter2D(photo, -1, SHARPEN.astype("f4")))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("amount", "threshold"), [(1.0, 0), (0.5, 0), (2.5, 0.1), (1.0, 0.3), (-0.5, 0.2), (0, 0.1)])
def test_unsharp_mask(amount, threshold, dtype, isa, rng):
    image = random_image(rng, (40, 55, 2), dtype)
    unit = np.iinfo(dtype).max if dtype in INTEGERS else 1
    exact = image.astype("f8")
    detail = exact - ndimage.gaussian_filter(exact, (1.5, 1.5, 0), mode="mirror")
    want = exact + amount * np.where(np.abs(detail) > threshold * unit, detail, 0)
    got = fastconv.unsharp_mask(image, 1.5, amount, threshold * unit)
    assert got.dtype == image.dtype
    if dtype in INTEGERS:
        assert_nearly(got, saturated(want, dtype), share=0.01)
    else:
        np.testing.assert_allclose(got, want, rtol=0, atol=32 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", FILTERS)
def test_half_precision_is_rounded_once(name, rng):
    for dtype in (np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)):
        image = rng.random((20, 30, 3)).astype(dtype)
        for words in ({}, {"threshold": 0.1}) if name == "unsharp_mask" else ({},):
            got = getattr(fastconv, name)(image, *FILTERS[name], **words)
            want = getattr(fastconv, name)(image.astype("f4"), *FILTERS[name], **words).astype(dtype)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got.astype("f4"), want.astype("f4"))


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    sigma=st.floats(0, 5),
    truncate=st.floats(0.5, 4),
    border=st.sampled_from(["reflect101", "nearest", "wrap"]),
    seed=st.integers(0, 2**31),
)
def test_gaussian_blur_of_any_image(shape, sigma, truncate, border, seed):
    image = np.random.default_rng(seed).random(shape)
    kernel = ndimage.gaussian_filter(np.eye(101)[50], sigma, truncate=truncate, mode="constant")
    want = correlate(image, np.outer(kernel, kernel), border)
    np.testing.assert_allclose(fastconv.gaussian_blur(image, sigma, truncate=truncate, border=border), want, rtol=1e-12)


@pytest.mark.parametrize("name", FILTERS)
def test_out_and_layouts(name, rng):
    function = getattr(fastconv, name)
    for dtype in ("uint8", "float32"):
        image = random_image(rng, (30, 40, 3), dtype)
        for words in ({}, {"threshold": 0.2}) if name == "unsharp_mask" else ({},):
            want = function(image, *FILTERS[name], **words)
            out = np.empty((60, *want.shape[1:]), want.dtype)[::2]
            assert function(image, *FILTERS[name], out=out, **words) is out
            np.testing.assert_array_equal(out, want)
            if want.dtype == image.dtype:
                same = image.copy()
                assert function(same, *FILTERS[name], out=same, **words) is same
                np.testing.assert_array_equal(same, want)
            for view in (np.asfortranarray(image), image.astype(image.dtype.newbyteorder())):
                np.testing.assert_array_equal(function(view, *FILTERS[name], **words), want)
            empty = function(image[:0], *FILTERS[name], **words)
            assert (empty.shape, empty.dtype) == ((0, 40, 3), want.dtype)
            with pytest.raises(ValueError, match=r"`out` must have shape"):
                function(image, *FILTERS[name], out=want[1:], **words)


def test_nan_stays_within_its_window():
    image = np.ones((9, 9))
    image[4, 4] = np.nan
    for name, arguments in FILTERS.items():
        got = getattr(fastconv, name)(image, *arguments)
        assert np.isnan(got[4, 3])
        if name not in ("gaussian_blur", "unsharp_mask"):
            assert np.isfinite(got[:3]).all()
    got = fastconv.unsharp_mask(image, 1.0, threshold=0.1, ksize=3)
    np.testing.assert_array_equal(np.isnan(got), np.pad(np.ones((3, 3), bool), 3))


@pytest.mark.parametrize("name", FILTERS)
def test_bad_images_and_borders(name):
    function = getattr(fastconv, name)
    with pytest.raises(TypeError, match="`image` must be bool"):
        function(np.ones((3, 3), object), *FILTERS[name])
    with pytest.raises(ValueError, match="`image` must have shape"):
        function(np.ones(3), *FILTERS[name])
    with pytest.raises(ValueError, match="`border` must be one of"):
        function(np.ones((3, 3)), *FILTERS[name], border="blurred")
    with pytest.raises(ValueError, match="`value` must fit"):
        function(np.ones((3, 3), "u1"), *FILTERS[name], border="constant", value=-1)


@pytest.mark.parametrize(
    ("name", "arguments", "words", "error", "message"),
    [
        ("gaussian_blur", (-1,), {}, ValueError, "`sigma` must be finite and at least 0; received -1"),
        ("gaussian_blur", (np.nan,), {}, ValueError, "`sigma` must be finite"),
        ("gaussian_blur", ((1, 2, 3),), {}, ValueError, "`sigma` must be a number or two numbers"),
        ("gaussian_blur", ("1",), {}, TypeError, "`sigma` must be a real number; received '1'"),
        ("gaussian_blur", (None,), {}, TypeError, "`sigma` must be a real number"),
        ("gaussian_blur", (1,), {"truncate": -1}, ValueError, "`truncate` must be finite and at least 0"),
        ("gaussian_blur", (1,), {"ksize": 4}, ValueError, "`ksize` must be odd; received 4"),
        ("gaussian_blur", (1,), {"ksize": 0}, ValueError, "`ksize` must be at least 1"),
        ("gaussian_blur", (1,), {"ksize": 3.0}, TypeError, "`ksize` must be an integer"),
        ("box_blur", (0,), {}, ValueError, "`size` must be at least 1"),
        ("box_blur", ((1, 2, 3),), {}, ValueError, "`size` must be an integer or two"),
        ("box_blur", (2.5,), {}, TypeError, "`size` must be an integer"),
        ("sobel", (2,), {}, ValueError, "`axis` must be None, 0, 1, -1 or -2; received 2"),
        ("sobel", (-3,), {}, ValueError, "`axis` must be None, 0, 1, -1 or -2; received -3"),
        ("sobel", ("x",), {}, TypeError, "`axis` must be an integer"),
        ("sharpen", (np.inf,), {}, ValueError, "`amount` must be finite"),
        ("sharpen", (1j,), {}, TypeError, "`amount` must be a real number"),
        ("unsharp_mask", (1, "1"), {}, TypeError, "`amount` must be a real number"),
        ("unsharp_mask", (1, 1, -2), {}, ValueError, "`threshold` must be finite and at least 0"),
    ],
)
def test_bad_arguments(name, arguments, words, error, message):
    with pytest.raises(error, match=message):
        getattr(fastconv, name)(np.ones((5, 5)), *arguments, **words)
