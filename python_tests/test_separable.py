"""Filters along one axis and two, and derivatives of Gaussians, against SciPy's and OpenCV's."""

import cv2
import numpy as np
import pytest
from filter_reference import photos, random_image
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import fastconv

NDIMAGE = {"reflect101": "mirror", "reflect": "reflect", "nearest": "nearest", "wrap": "wrap", "constant": "constant"}
PAIRS = [(fastconv.convolve1d, ndimage.convolve1d), (fastconv.correlate1d, ndimage.correlate1d)]


@settings(deadline=None, max_examples=80)
@given(
    pair=st.sampled_from(PAIRS),
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    taps=st.integers(1, 9),
    border=st.sampled_from(list(NDIMAGE)),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_one_axis_as_ndimage(pair, shape, taps, border, seed, data):
    rng = np.random.default_rng(seed)
    image, weights = rng.random(shape), rng.uniform(-1, 1, taps)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    ours, theirs = pair
    want = theirs(image, weights, axis, mode=NDIMAGE[border], cval=0.5)
    np.testing.assert_allclose(ours(image, weights, axis, border=border, value=0.5), want, atol=1e-13)
    # SciPy's origin counts from the middle, and turns with the weights.
    place = data.draw(st.integers(0, taps - 1))
    origin = place - taps // 2 if theirs is ndimage.correlate1d else place - (taps - 1) // 2
    if theirs is ndimage.correlate1d:
        want = theirs(image, weights, axis, mode=NDIMAGE[border], cval=0.5, origin=origin)
    else:
        want = ndimage.correlate1d(
            image, weights[::-1], axis, mode=NDIMAGE[border], cval=0.5, origin=taps - 1 - place - taps // 2
        )
    got = ours(image, weights, axis, border=border, value=0.5, anchor=place)
    np.testing.assert_allclose(got, want, atol=1e-13)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_one_axis_of_long_images(ours, theirs, rng):
    weights = rng.random(7)
    for shape in ((100_000,), (3, 5000), (5000, 3), (200, 300), (40, 50, 60)):
        image = rng.random(shape)
        for axis in range(len(shape)):
            want = theirs(image, weights, axis, mode="mirror")
            np.testing.assert_allclose(ours(image, weights, axis), want, rtol=1e-12)
    out = np.empty((40, 60, 50)).transpose(0, 2, 1)
    assert ours(image, weights, 1, out=out) is out
    np.testing.assert_allclose(out, theirs(image, weights, 1, mode="mirror"), rtol=1e-12)


def test_one_axis_of_integers_and_complex(rng):
    image = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    got = fastconv.correlate1d(image, [0.5, 0.5], 0)
    np.testing.assert_array_equal(got, np.rint(ndimage.correlate1d(image.astype("f8"), [0.5, 0.5], 0, mode="mirror")))
    got = fastconv.correlate1d(image, [-1, 0, 1], 0, dtype="int16", delta=3)
    np.testing.assert_array_equal(got, ndimage.correlate1d(image.astype("i2"), [-1, 0, 1], 0, mode="mirror") + 3)
    field = rng.random(20) + 1j * rng.random(20)
    for weights in ([1.0, 2], [1 - 1j, 2j, 0.5]):
        want = ndimage.convolve1d(field, weights, mode="mirror")
        np.testing.assert_allclose(fastconv.convolve1d(field, weights), want, rtol=1e-12)


@pytest.mark.parametrize("border", NDIMAGE)
@pytest.mark.parametrize("sizes", [(3, 5), (1, 7), (151, 121)])
def test_sep_filter2d_as_opencv(sizes, border, rng):
    row, column = rng.random(sizes[0]) / sizes[0], rng.random(sizes[1]) / sizes[1]
    image = rng.random((70, 90))
    want = ndimage.correlate(image, np.outer(column, row), mode=NDIMAGE[border], cval=0.5)
    got = fastconv.sep_filter2d(image, row, column, border=border, value=0.5)
    np.testing.assert_allclose(got, want, rtol=1e-11)
    if border != "constant":
        code = {"reflect101": 4, "reflect": 2, "nearest": 1, "wrap": 3}[border]
        if code != cv2.BORDER_WRAP and max(sizes) < 70:
            np.testing.assert_allclose(cv2.sepFilter2D(image, -1, row, column, borderType=code), got, rtol=1e-11)


def test_sep_filter2d_has_what_filter2d_has(rng):
    for sizes in ((3, 5), (151, 121)):
        row, column = rng.random(sizes[0]) / sizes[0], rng.random(sizes[1]) / sizes[1]
        image = random_image(rng, (60, 50, 3), "uint8")
        words = {"anchor": (1, 2), "dtype": "float64", "delta": 3.5, "border": "constant", "value": 7}
        want = fastconv.filter2d(image, np.outer(column, row), **words)
        np.testing.assert_allclose(fastconv.sep_filter2d(image, row, column[:, None], **words), want, rtol=1e-12)
        rounded = fastconv.sep_filter2d(image, row, column)
        exact = fastconv.filter2d(image.astype("f8"), np.outer(column, row))
        assert np.abs(rounded - exact).max() <= 0.5 + 1e-3
        stack = fastconv.sep_filter2d(image.transpose(2, 0, 1), row, column, axes=(1, 2))
        np.testing.assert_array_equal(stack, rounded.transpose(2, 0, 1))


@pytest.mark.parametrize("border", NDIMAGE)
@pytest.mark.parametrize("order", [1, 2, (1, 0), (0, 3), (2, 1)])
def test_gaussian_derivatives_as_ndimage(order, border, rng):
    image = rng.random((40, 50))
    for sigma, radius in (((1.5, 2.5), None), (1.0, (4, 7)), (30.0, None)):
        want = ndimage.gaussian_filter(image, sigma, order=order, radius=radius, mode=NDIMAGE[border])
        got = fastconv.gaussian_blur(image, sigma, order=order, radius=radius, border=border)
        np.testing.assert_allclose(got, want, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("sigma", [0.8, (1.0, 3.0), 25.0])
def test_gaussian_laplace_as_ndimage(sigma, rng):
    image = rng.random((40, 50))
    for border in NDIMAGE:
        want = ndimage.gaussian_laplace(image, sigma, mode=NDIMAGE[border])
        got = fastconv.gaussian_laplace(image, sigma, border=border)
        np.testing.assert_allclose(got, want, atol=1e-11 * np.abs(want).max())
    photo = photos()[1]
    got = fastconv.gaussian_laplace(photo, sigma)
    want = ndimage.gaussian_laplace(photo.astype("f8"), sigma, mode="mirror")
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())


def test_factors_far_apart(rng):
    image, taps = rng.random((70, 80)).astype("f4"), rng.random(50)
    want = fastconv.sep_filter2d(image, taps, taps)
    for scale in (1e200, 1e-200, 1e30):
        got = fastconv.sep_filter2d(image, taps * scale, taps / scale)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_wide_gaussians_and_boxes(rng):
    image = rng.random((64, 50))
    want = ndimage.gaussian_filter(image, 200.0, mode="mirror")
    np.testing.assert_allclose(fastconv.gaussian_blur(image, 200.0), want, rtol=1e-11)
    want = ndimage.uniform_filter(image, 1001, mode="mirror")
    np.testing.assert_allclose(fastconv.box_blur(image, 1001), want, rtol=1e-11)
    want = ndimage.gaussian_filter(image, 40.0, mode="constant", cval=0.25)
    np.testing.assert_allclose(fastconv.gaussian_blur(image, 40.0, border="constant", value=0.25), want, rtol=1e-11)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fastconv.correlate1d(3.0, [1]), ValueError, "`image` must have one axis or more"),
        (lambda: fastconv.correlate1d([1.0], [[1, 2], [3, 4]]), ValueError, r"`weights` must have shape \(k,\)"),
        (lambda: fastconv.correlate1d([1.0], []), ValueError, r"`weights` must have shape \(k,\)"),
        (lambda: fastconv.correlate1d([1.0], ["a"]), TypeError, "`weights` must hold numbers"),
        (lambda: fastconv.correlate1d([1.0], [1j]), TypeError, "`kernel` must hold real numbers"),
        (lambda: fastconv.correlate1d([1.0], [1], 1), ValueError, r"`axis` must be in \[-1, 1\)"),
        (lambda: fastconv.convolve1d([1.0], [1], anchor=1), ValueError, "`anchor` must lie within the weights"),
        (lambda: fastconv.sep_filter2d([[1.0]], [1], "x"), ValueError, r"`kernel_y` must have shape"),
        (lambda: fastconv.gaussian_blur([[1.0]], 1, radius=1, ksize=3), ValueError, "`radius` and `ksize` must not"),
        (lambda: fastconv.gaussian_blur([[1.0]], 0, order=1), ValueError, "`sigma` must be above 0 where `order` is"),
        (lambda: fastconv.gaussian_blur([[1.0]], 1, order=-1), ValueError, "`order` must be at least 0"),
        (lambda: fastconv.gaussian_blur([[1.0]], 1, radius=-1), ValueError, "`radius` must be at least 0"),
        (lambda: fastconv.gaussian_laplace([[1.0]], 0), ValueError, "`sigma` must be above 0"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">c8"])
@pytest.mark.parametrize("axis", [0, 1])
def test_byte_order_does_not_matter(dtype, axis, rng):
    image = rng.integers(0, 50, (9, 12)).astype(dtype)
    got = fastconv.correlate1d(image, [1.0, 2, 1], axis)
    wanted = fastconv.correlate1d(image.astype(image.dtype.newbyteorder("=")), [1.0, 2, 1], axis)
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, wanted)
