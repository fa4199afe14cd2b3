"""Filters that leave cells out, against their definition, and templates against OpenCV's and scikit-image's."""

import cv2
import numpy as np
import pytest
from filter_reference import correlate, photos, random_image
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import match_template

import fastconv

KERNEL = np.array([[1.0, 2, 1], [0, 4, 2], [1, 3, 0.5]])


def reference(image, missing, kernel, border="reflect101", value=0):
    """sum(kernel) * sum(kernel * cells there) / sum(kernel where they are), in float64."""
    there = correlate((~missing).astype("f8"), kernel, border, 1)
    cells = correlate(np.where(missing, 0, image).astype("f8"), kernel, border, value)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there == 0, np.nan, kernel.sum() * cells / there)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    border=st.sampled_from(["reflect101", "nearest", "constant", "wrap"]),
    seed=st.integers(0, 2**31),
)
def test_any_image_with_nans(shape, share, border, seed):
    rng = np.random.default_rng(seed)
    image = rng.random(shape)
    missing = rng.random(shape) < share
    image[missing] = np.nan
    want = reference(image, missing, KERNEL, border, 0.5)
    got = fastconv.filter2d(image, KERNEL, border=border, value=0.5, nan="ignore")
    np.testing.assert_allclose(got, want, rtol=1e-12)
    image[missing] = 1e9
    got = fastconv.filter2d(image, KERNEL, border=border, value=0.5, mask=missing)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float16"])
def test_masks_of_images_of_any_dtype(dtype, isa, rng):
    image = random_image(rng, (30, 40), dtype)
    missing = np.zeros(image.shape, bool)
    missing[5:15, 8:30] = True
    for got, kernel in (
        (fastconv.gaussian_blur(image, 1.2, radius=3, mask=missing), None),
        (fastconv.box_blur(image, (3, 5), mask=missing), np.full((3, 5), 1 / 15)),
    ):
        if kernel is None:
            line = ndimage.gaussian_filter1d(np.eye(7)[3], 1.2, radius=3, mode="constant")
            kernel = np.outer(line, line)
        want = reference(image, missing, kernel)
        assert got.dtype == image.dtype
        empty = np.isnan(want)
        assert empty.any()
        if image.dtype.kind in "iu":
            np.testing.assert_array_equal(got[empty], 0)
            assert np.abs(got[~empty] - want[~empty]).max() <= 0.51
        else:
            np.testing.assert_allclose(got, want, rtol=2e-3 if dtype == "float16" else 1e-5, atol=1e-5)


def test_masks_are_broadcast(rng):
    image, missing = rng.random((9, 11, 3)), rng.random((9, 11)) < 0.3
    got = fastconv.box_blur(image, 3, mask=missing)
    for c in range(3):
        np.testing.assert_allclose(got[..., c], fastconv.box_blur(image[..., c], 3, mask=missing), rtol=1e-12)
    stack = image.transpose(2, 0, 1)
    np.testing.assert_allclose(fastconv.box_blur(stack, 3, mask=missing, axes=(1, 2)).transpose(1, 2, 0), got)
    turned = fastconv.box_blur(image.transpose(2, 1, 0), 3, mask=missing, axes=(2, 1))
    np.testing.assert_allclose(turned.transpose(2, 1, 0), got)


def test_without_missing_cells_it_is_the_plain_filter(rng):
    image = rng.random((9, 11))
    want = fastconv.gaussian_blur(image, 1.0)
    np.testing.assert_array_equal(fastconv.gaussian_blur(image, 1.0, nan="ignore"), want)
    np.testing.assert_array_equal(fastconv.gaussian_blur(image, 1.0, mask=np.zeros((9, 11), bool)), want)
    out = np.empty_like(image)
    image[3, 4] = np.nan
    assert fastconv.gaussian_blur(image, 1.0, nan="ignore", out=out) is out
    assert np.isfinite(out).all()
    assert np.isnan(fastconv.gaussian_blur(image, 1.0)).any()


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"nan": "fill"}, ValueError, "`nan` must be one of 'propagate', 'ignore'"),
        ({"mask": np.ones((2, 2))}, TypeError, "`mask` must hold bool"),
        ({"mask": np.ones((2, 2), bool)}, ValueError, "`mask` must have the image's shape"),
        ({"nan": "ignore", "kernel": [[-1, 2]]}, ValueError, "`kernel` must have taps of at least 0"),
        ({"nan": "ignore", "image": np.ones((2, 2), complex)}, TypeError, "`image` must be real"),
    ],
)
def test_bad_masks(words, error, message):
    words = {"image": np.ones((5, 5)), "kernel": KERNEL} | words
    with pytest.raises(error, match=message):
        fastconv.filter2d(**words)
    with pytest.raises(ValueError, match="`order` must be 0 where cells are left out"):
        fastconv.gaussian_blur(np.ones((5, 5)), 1.0, order=1, nan="ignore")


@pytest.mark.parametrize("nan", [np.array(["propagate", "ignore"]), np.arange(2), None, 1])
def test_nan_that_is_no_word(nan):
    image = np.ones((5, 5))
    for call in (
        lambda: fastconv.filter2d(image, KERNEL, nan=nan),
        lambda: fastconv.gaussian_blur(image, 1.0, nan=nan),
        lambda: fastconv.box_blur(image, 3, nan=nan),
    ):
        with pytest.raises(ValueError, match="`nan` must be one of 'propagate', 'ignore'"):
            call()


@pytest.mark.parametrize("size", [(5, 7), (40, 33), (1, 3), (120, 130)])
def test_match_template_as_opencv_and_scikit_image(size):
    for photo in photos():
        image = photo[100:260, 100:280]
        template = image[20 : 20 + size[0], 30 : 30 + size[1]]
        got = fastconv.match_template(image, template)
        assert got.dtype == np.float32
        assert got[20, 30] == pytest.approx(1, abs=1e-6)
        want = cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED)
        varied = np.lib.stride_tricks.sliding_window_view(image.reshape(*image.shape[:2], -1), size, (0, 1))
        varied = varied.std((-2, -1)).max(-1) > 5  # OpenCV's own float32 sums lose flat windows
        np.testing.assert_allclose(got[varied], want[varied], atol=1e-2)
        if photo.ndim == 2:
            want = match_template(image.astype("f8"), template.astype("f8"))
            np.testing.assert_allclose(got[varied], want[varied], atol=1e-6)


def test_match_template_of_bright_and_flat_images(rng):
    image = rng.random((30, 40))
    template = image[3:10, 5:15]
    want = fastconv.match_template(image, template)
    assert want.dtype == np.float64
    np.testing.assert_allclose(fastconv.match_template(1e6 + image, 1e6 + template), want, atol=1e-8)
    np.testing.assert_allclose(fastconv.match_template(image, -template), -want, atol=1e-12)
    image[:12, :20] = 3
    got = fastconv.match_template(image, template)
    np.testing.assert_array_equal(got[:6, :11], 0)
    np.testing.assert_array_equal(fastconv.match_template(image, np.ones((3, 3))), 0)
    out = np.empty_like(got)
    assert fastconv.match_template(image, template, out=out) is out


@pytest.mark.parametrize("scale", [1e160, 1e-165, 1e300, 5e-320])
def test_match_template_at_any_scale(scale, rng):
    image = rng.integers(0, 200, (30, 40)).astype("f8")
    template = image[3:10, 5:15]
    want = fastconv.match_template(image, template)
    np.testing.assert_allclose(fastconv.match_template(image * scale, template), want, atol=1e-12)
    np.testing.assert_allclose(fastconv.match_template(image, template * scale), want, atol=1e-12)


def test_bad_kernels_where_cells_are_left_out():
    image = np.array([[1.0, np.nan, 3]])
    with pytest.raises(ValueError, match="`kernel` must be numbers of shape"):
        fastconv.filter2d(image, [[1, 2], [1]], nan="ignore")
    for kernel in ([["a"]], [[1j]], [[None]]):
        with pytest.raises(TypeError, match="`kernel` must hold real numbers"):
            fastconv.filter2d(image, kernel, nan="ignore")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float32"])
def test_float64_results_are_summed_in_float64(dtype, rng):
    image = random_image(rng, (20, 30), dtype)
    wide = image.astype("f8")
    mask = rng.random(image.shape) < 0.2
    for filtered in (
        fastconv.sobel,
        lambda x, **words: fastconv.filter2d(x, KERNEL, mask=mask, **words),
        lambda x, **words: fastconv.gaussian_blur(x, 1.3, mask=mask, **words),
        lambda x, **words: fastconv.unsharp_mask(x, 1.3, threshold=0.1, **words),
        lambda x, **words: fastconv.unsharp_mask(x, 20.0, **words),
    ):
        np.testing.assert_allclose(filtered(image, dtype="f8"), filtered(wide), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("image", "template", "error", "message"),
    [
        (np.ones((3, 3)), np.ones((4, 3)), ValueError, "`template` must have the image's channels and be no larger"),
        (np.ones((3, 3, 2)), np.ones((3, 3)), ValueError, "`template` must have the image's channels"),
        (np.ones((3, 3)), np.ones((0, 3)), ValueError, "`template` must have the image's channels"),
        (np.ones(3), np.ones((3, 3)), ValueError, r"`image` must have shape \(h, w\)"),
        (np.ones((3, 3)), np.ones((3, 3), complex), TypeError, "`template` must be real"),
    ],
)
def test_bad_templates(image, template, error, message):
    with pytest.raises(error, match=message):
        fastconv.match_template(image, template)


def test_each_channel_has_its_own_kernels_weight(rng):
    image, mask = rng.random((6, 7, 3)), np.zeros((6, 7), bool)
    mask[2, 2] = True
    kernels = np.ones((3, 3, 3)) * [1.0, 2, 3]
    got = fastconv.filter2d(image, kernels, mask=mask)
    for channel in range(3):
        wanted = fastconv.filter2d(np.ascontiguousarray(image[..., channel]), kernels[..., channel], mask=mask)
        np.testing.assert_allclose(got[..., channel], wanted, rtol=1e-12)


def test_a_template_is_found_beside_a_bright_region_and_a_nan(rng):
    image = rng.random((40, 40))
    template = image[2:10, 2:10].copy()
    wanted = fastconv.match_template(image, template)
    image[30:, 30:] = 1e8
    image[25, 0] = np.nan
    got = fastconv.match_template(image, template)
    np.testing.assert_allclose(got[:17, :22], wanted[:17, :22], atol=1e-12)
    assert np.isnan(got[18:26, 0]).all() and np.isfinite(got[:, 8:22]).all()


@pytest.mark.parametrize(("size", "level"), [(3, 7.7), (5, 0.1), (7, 0.3), (9, 100.1)])
def test_flat_templates_are_nowhere(size, level, rng):
    assert not fastconv.match_template(rng.random((12, 12)), np.full((size, size), level)).any()
