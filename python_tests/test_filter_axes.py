"""Stacks of images along any axes, batches of kernels, dtypes of images and of results, and what is added to sums."""

import itertools

import cv2
import numpy as np
import pytest
from filter_reference import correlate, random_image, saturated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal
from skimage.filters import gaussian

import fastconv

KERNEL = np.array([[1, 2, 0], [-3, 1, 1], [0, -2, 4]])
WIDE = ("bool", "uint32", "int64", "uint64")
FILTERS = {
    "filter2d": (KERNEL,),
    "gaussian_blur": (1.3,),
    "box_blur": (3,),
    "sobel": (),
    "scharr": (),
    "prewitt": (1,),
    "laplacian": (),
    "sharpen": (),
    "unsharp_mask": (1.3, 1.0, 0.1),
}


def planes(array, axes):
    """Every image of an array, as (place, image) with the two axes in front."""
    moved = np.moveaxis(array, axes, (-2, -1))
    return ((place, moved[place]) for place in np.ndindex(moved.shape[:-2]))


@settings(deadline=None, max_examples=60)
@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    seed=st.integers(0, 2**31),
    dtype=st.sampled_from(["uint8", "float32", "int64", "float16"]),
    data=st.data(),
)
def test_any_two_axes_hold_the_image(shape, seed, dtype, data):
    image = random_image(np.random.default_rng(seed), shape, dtype)
    axes = data.draw(st.permutations(range(len(shape))))[:2]
    signed = [axis - len(shape) * data.draw(st.booleans()) for axis in axes]
    got = fastconv.filter2d(image, KERNEL, axes=signed)
    assert (got.shape, got.dtype) == (image.shape, image.dtype)
    for place, plane in planes(image, axes):
        want = fastconv.filter2d(np.ascontiguousarray(plane), KERNEL)
        np.testing.assert_allclose(np.moveaxis(got, axes, (-2, -1))[place], want, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("axes", [(1, 2), (0, 1), (-2, -1), (0, 2), (2, 1)])
def test_every_filter_takes_axes(name, axes, rng):
    function, arguments = getattr(fastconv, name), FILTERS[name]
    for dtype in ("uint8", "float64"):
        image = random_image(rng, (5, 6, 7), dtype)
        got = function(image, *arguments, axes=axes)
        out = np.empty_like(got)
        assert function(image, *arguments, axes=axes, out=out) is out
        np.testing.assert_array_equal(out, got)
        for place, plane in planes(image, axes):
            want = function(np.ascontiguousarray(plane), *arguments)
            # A stack's estimates may choose another algorithm, whose sums round otherwise.
            tolerance = 1 if got.dtype == np.uint8 else 1e-14
            np.testing.assert_allclose(np.moveaxis(got, axes, (-2, -1))[place], want, rtol=1e-12, atol=tolerance)


def test_channel_axis_as_in_scikit_image(rng):
    image = rng.random((3, 20, 30))
    want = gaussian(image, 1.5, mode="mirror", channel_axis=0)
    np.testing.assert_allclose(fastconv.gaussian_blur(image, 1.5, channel_axis=0), want, rtol=1e-12)
    want = gaussian(image.transpose(1, 0, 2), 1.5, mode="mirror", channel_axis=1)
    np.testing.assert_allclose(fastconv.gaussian_blur(image.transpose(1, 0, 2), 1.5, channel_axis=-2), want, rtol=1e-12)
    stack = rng.random((2, 3, 8, 9))
    want = fastconv.gaussian_blur(stack, 1.5, axes=(2, 3))
    np.testing.assert_array_equal(fastconv.gaussian_blur(stack, 1.5, axes=(2, 3), channel_axis=1), want)


def test_kernels_with_channels_are_broadcast(rng):
    image = rng.random((9, 11, 3))
    want = signal.correlate(image, KERNEL[..., None].astype("f8"), "same")
    got = fastconv.filter2d(image, KERNEL[..., None], border="constant")
    np.testing.assert_allclose(got, want, atol=1e-12)
    kernels = rng.random((3, 3, 3))
    got = fastconv.filter2d(image, kernels, border="constant")
    for c in range(3):
        want = signal.correlate(image[..., c], kernels[..., c], "same")
        np.testing.assert_allclose(got[..., c], want, atol=1e-12)
    images, bank = rng.random((4, 1, 9, 11)), rng.random((1, 5, 3, 3))
    got = fastconv.filter2d(images, bank, axes=(-2, -1))
    np.testing.assert_allclose(got, fastconv.filter_bank(images[:, 0], bank[0]), rtol=1e-12)


@pytest.mark.parametrize("function", [fastconv.convolve2d, fastconv.correlate2d])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_batches_of_convolve2d(function, mode, rng):
    images, kernels = rng.random((4, 1, 9, 11)), rng.random((5, 3, 2))
    got = function(images, kernels, mode, axes=(-2, -1))
    for i, j in itertools.product(range(4), range(5)):
        np.testing.assert_array_equal(got[i, j], function(images[i, 0], kernels[j], mode))
    swapped = function(images.transpose(2, 3, 0, 1), kernels[0], mode, axes=(0, 1))
    np.testing.assert_array_equal(swapped, got[:, 0].transpose(1, 2, 0)[..., None])
    out = np.empty_like(got)
    assert function(images, kernels, mode, axes=(-2, -1), out=out) is out
    np.testing.assert_array_equal(out, got)
    assert function(images[:0], kernels, mode, axes=(-2, -1)).shape == (0, *got.shape[1:])


def test_convolve2d_as_fftconvolve(rng):
    images, kernels = rng.random((4, 1, 9, 11)), rng.random((1, 5, 3, 2))
    want = signal.fftconvolve(images, kernels, axes=(-2, -1))
    np.testing.assert_allclose(fastconv.convolve2d(images, kernels, axes=(-2, -1)), want, atol=1e-12)
    photo, kernel = rng.random((9, 11, 3)), rng.random((3, 3, 1))
    for mode in ("full", "same", "valid"):
        want = signal.convolve(photo, kernel, mode)
        np.testing.assert_allclose(fastconv.convolve2d(photo, kernel, mode), want, atol=1e-12)


@pytest.mark.parametrize("dtype", WIDE)
def test_images_of_other_integers(dtype, rng):
    image = rng.integers(0, 2 if dtype == "bool" else 1 << 20, (9, 11)).astype(dtype)
    got = fastconv.filter2d(image, KERNEL)
    assert got.dtype == image.dtype
    sums = correlate(image, KERNEL)
    want = np.clip(sums, 0, 1).astype(bool) if dtype == "bool" else np.maximum(sums, np.iinfo(dtype).min).astype(dtype)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(fastconv.box_blur(image, 3, dtype="f8"), fastconv.box_blur(image.astype("f8"), 3))
    down = fastconv.sobel(image, 0)
    assert down.dtype == (np.int16 if dtype == "bool" else np.float64)
    np.testing.assert_array_equal(down, correlate(image, np.outer([-1, 0, 1], [1, 2, 1])))


def test_integers_of_64_bits_saturate():
    for dtype in ("int64", "uint64", "uint32"):
        limits = np.iinfo(dtype)
        image = np.array([[limits.min, limits.max]], dtype)
        np.testing.assert_array_equal(fastconv.filter2d(image, [[2]]), [[limits.min, limits.max]])
    got = fastconv.filter2d(np.ones((1, 2)), [[np.inf]], dtype="int64", delta=-np.float64(3))
    np.testing.assert_array_equal(got, np.iinfo("int64").max)
    assert fastconv.filter2d(np.ones((1, 1)), [[np.nan]], dtype="int64")[0, 0] == np.iinfo("int64").min


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("border", ["reflect101", "wrap", "constant"])
def test_complex_images(dtype, border, rng):
    image = (rng.random((9, 11)) + 1j * rng.random((9, 11))).astype(dtype)
    mode = {"reflect101": "mirror"}.get(border, border)
    for kernel in (KERNEL, KERNEL * (1 - 2j) + 1j):
        # ndimage conjugates the weights of a correlation.
        want = ndimage.correlate(image.astype("c16"), np.conj(kernel), mode=mode, cval=1 - 0.5j)
        got = fastconv.filter2d(image, kernel, border=border, value=1 - 0.5j)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=1e-5 if dtype == "complex64" else 1e-12)
    got = fastconv.filter2d(image.real, KERNEL * 1j, dtype=dtype, border=border, value=0.5, delta=2j)
    want = ndimage.correlate(image.real.astype("f8"), KERNEL, mode=mode, cval=0.5) * 1j + 2j
    np.testing.assert_allclose(got, want, rtol=1e-5 if dtype == "complex64" else 1e-12)


DEPTHS = {"int16": cv2.CV_16S, "uint16": cv2.CV_16U, "float32": cv2.CV_32F, "float64": cv2.CV_64F}
PAIRS = [*itertools.product(["uint8", "uint16", "int16"], ["float32", "float64"]), ("uint8", "int16"), ("float32",) * 2]


@pytest.mark.parametrize(("dtype", "depth"), PAIRS)
def test_dtype_and_delta_as_opencv(dtype, depth, rng):
    image = random_image(rng, (9, 11, 3), dtype)
    for delta in (0, 37):
        want = cv2.filter2D(image, DEPTHS[depth], KERNEL.astype("f4"), delta=delta)
        got = fastconv.filter2d(image, KERNEL, dtype=depth, delta=delta)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64", "float16", "bool"])
def test_any_result_of_floats(dtype, rng):
    image = rng.uniform(-70000, 70000, (9, 11))
    sums = correlate(image, KERNEL) + 0.25
    got = fastconv.filter2d(image, KERNEL, dtype=dtype, delta=0.25)
    if dtype == "float16":
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(got, sums.astype("f2"))
    elif dtype == "bool":
        np.testing.assert_array_equal(got, sums > 0.5)
    else:
        np.testing.assert_array_equal(got, saturated(sums, dtype))


def test_the_middle_by_opencvs_anchor(rng):
    image = rng.random((9, 11))
    for anchor in ((-1, -1), (-1, 1), (1, -1)):
        np.testing.assert_array_equal(fastconv.filter2d(image, KERNEL, anchor=anchor), fastconv.filter2d(image, KERNEL))


def test_out_may_be_a_file(tmp_path, rng):
    image = np.memmap(tmp_path / "in", np.uint8, "w+", shape=(30, 40))
    image[...] = rng.integers(0, 256, image.shape)
    out = np.memmap(tmp_path / "out", np.uint8, "w+", shape=image.shape)
    assert fastconv.gaussian_blur(image, 1.0, out=out) is out
    np.testing.assert_array_equal(out, fastconv.gaussian_blur(np.array(image), 1.0))


@pytest.mark.parametrize(
    ("shape", "words", "error", "message"),
    [
        ((2, 3, 4, 5), {}, ValueError, r"`image` must have shape \(h, w\) or \(h, w, channels\), or any with `axes`"),
        ((2, 3, 4, 5), {"channel_axis": 1}, ValueError, "`axes` must name the two axes"),
        ((3, 4), {"channel_axis": 1}, ValueError, "`axes` must name the two axes"),
        ((2, 3, 4), {"axes": (0, 0)}, ValueError, "`axes` must be two different axes"),
        ((2, 3, 4), {"axes": 1}, ValueError, "`axes` must be two integers"),
        ((2, 3, 4), {"axes": (0, 1, 2)}, ValueError, "`axes` must be two integers"),
        ((2, 3, 4), {"axes": (0, 3)}, ValueError, r"`axes` must be in \[-3, 3\)"),
        ((2, 3, 4), {"axes": (0, 1.5)}, TypeError, "`axes` must be an integer"),
        ((2, 3, 4), {"axes": (0, 1), "channel_axis": -2}, ValueError, "`channel_axis` must be none of `axes`"),
        ((2, 3, 4), {"channel_axis": 3}, ValueError, r"`channel_axis` must be in \[-3, 3\)"),
        ((3, 4), {"dtype": "no"}, TypeError, "`dtype` must be a dtype"),
        ((3, 4), {"delta": "1"}, TypeError, "`delta` must be a real number"),
        ((3, 4), {"delta": 1j}, TypeError, "`delta` must be a real number"),
    ],
)
def test_bad_axes_and_dtypes(shape, words, error, message):
    with pytest.raises(error, match=message):
        fastconv.filter2d(np.ones(shape), KERNEL, **words)


def test_other_refusals():
    with pytest.raises(TypeError, match="`dtype` must be complex"):
        fastconv.filter2d(np.ones((3, 3), complex), KERNEL, dtype="f8")
    with pytest.raises(TypeError, match="`image` must be real where `axis` is None"):
        fastconv.sobel(np.ones((3, 3), complex))
    with pytest.raises(ValueError, match="`kernel` must have shape"):
        fastconv.filter2d(np.ones((4, 5, 3)), np.ones((3, 3, 2)))
    with pytest.raises(ValueError, match="must have axes other than `axes` that are broadcast"):
        fastconv.convolve2d(np.ones((2, 4, 5)), np.ones((3, 3, 3)), axes=(1, 2))
    with pytest.raises(ValueError, match="`in1` must have 2 dimensions"):
        fastconv.convolve2d(np.ones((2, 4, 5)), np.ones((3, 3)))
