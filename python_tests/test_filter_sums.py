"""What sums of filters keep to: errors of long chains, zeros where taps cancel, few outputs under large kernels."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

import fastconv

PREWITT = np.array([[-1, 0, 1]] * 3) / 6
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 35
CANCELLING = {
    "prewitt": PREWITT,
    "prewitt down": PREWITT.T,
    "scharr": SCHARR,
    "scharr down": SCHARR.T,
    "haar": np.array([[1, -1]]) / np.sqrt(2),
    "haar down": np.array([[1], [-1]]) / np.sqrt(2),
    "haar diagonal": np.array([[1, -1], [-1, 1]]) * 0.1,
    "laplacian": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]) * 0.1,
    "sobel down": np.array([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]]),
}
EPS = {"float32": 2.0**-24, "float64": 2.0**-53, "complex64": 2.0**-24, "complex128": 2.0**-53}
by_kernel = pytest.mark.parametrize("name", CANCELLING)


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("window", [(9, 9), (11, 11), (45, 45), (1, 120), (75, 2), (16, 60)])
def test_long_sums_of_equal_terms_do_not_drift(window, dtype, isa, rng):
    """32 roundings of |x| * |k| for every algorithm: equal terms round to one side for long stretches."""
    kernel = np.ones(window, dtype)
    plan = fastconv.plan_convolve2d((window[0] + 2, window[1] + 18), kernel, "valid")
    for cell in rng.random(4).astype(np.dtype(dtype).char.lower()) + 0.5:
        image = np.full((window[0] + 2, window[1] + 18), cell, dtype)
        want = kernel.size * np.longdouble(cell)
        for algorithm in plan["cycles"]:
            got = fastconv.convolve2d(image, kernel, "valid", algorithm=algorithm)
            assert np.abs(got - want).max() <= 32 * EPS[dtype] * want


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("window", [(5, 6), (6, 6), (15, 15), (36, 1), (1, 24), (36, 36)])
def test_equal_terms_after_a_great_one(window, dtype, isa):
    """Each of a chain's additions may then round the same way by a whole unit."""
    kernel = np.outer(*(np.where(np.arange(n) < n - 1, 1, 0.5) for n in window)).astype(dtype)
    algorithms = fastconv.plan_convolve2d(window, kernel, "valid")["cycles"]
    assert "direct" in algorithms
    for cell in np.exp(-np.linspace(0, 6, 60)):
        lines = [np.where(np.arange(n) > 0, cell, 1) for n in window]
        for image in (np.outer(*lines).astype(dtype), np.where(np.arange(kernel.size), cell, 1).astype(dtype)):
            image = image.reshape(window)
            want = (image.astype(np.longdouble) * kernel).sum()
            for algorithm in algorithms:
                got = fastconv.correlate2d(image, kernel, "valid", algorithm=algorithm)
                assert abs(got[0, 0] - want) <= 32 * EPS[np.dtype(dtype).name] * want


def test_the_number_of_taps_does_not_matter(rng):
    """Kernels so large that sums of sums are added with what they round off."""
    image, kernel = np.full((300, 303), np.float32(0.7)), np.ones((299, 301), np.float32)
    want = kernel.size * np.float64(image[0, 0])
    for algorithm in ("auto", "direct", "separable"):
        got = fastconv.convolve2d(image, kernel, "valid", algorithm=algorithm)
        assert np.abs(got - want).max() <= 32 * EPS["float32"] * want
    image[:, 0] = np.inf
    got = fastconv.convolve2d(image, kernel, "valid", algorithm="direct")
    assert np.isposinf(got[:, 0]).all() and np.isfinite(got[:, 1:]).all()


@by_kernel
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_taps_that_cancel_leave_nothing_of_a_constant(name, dtype, isa):
    kernel = CANCELLING[name].astype(dtype)
    for cell in range(1, 101):
        image = np.full((7, 20), cell, dtype)
        want = signal.convolve2d(image, kernel, "valid")
        for algorithm in ("auto", "direct"):
            got = fastconv.convolve2d(image, kernel, "valid", algorithm=algorithm)
            assert not got[want == 0].any()
        if dtype != "complex128":
            assert not fastconv.convolve2d(image, kernel, "valid").any()
            assert not fastconv.filter2d(image, kernel).any()


@by_kernel
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_direct_sums_of_cancelling_taps_have_scipys_bits(name, dtype, isa, rng):
    """Up to 3 columns SciPy adds its products one after the other; wider rows it adds four at a time."""
    image = rng.standard_normal((41, 57)).astype(dtype)
    kernel = CANCELLING[name].astype(dtype)
    for boundary in ("fill", "symm"):
        for ours, scipys in ((fastconv.convolve2d, signal.convolve2d), (fastconv.correlate2d, signal.correlate2d)):
            want = scipys(image, kernel, "same", boundary)
            np.testing.assert_array_equal(ours(image, kernel, "same", boundary, algorithm="direct"), want)
            got = ours(image, kernel, "same", boundary)
            np.testing.assert_allclose(got, want, rtol=0, atol=8 * EPS[dtype] * np.abs(kernel).sum() * 4)


def test_a_photo_keeps_scipys_zeros():
    """Whole numbers in floats, under taps that are not whole."""
    from skimage import data

    photo = data.camera().astype("f8")
    for name, kernel in CANCELLING.items():
        zeros = np.count_nonzero(signal.convolve2d(photo, kernel, "valid") == 0)
        assert np.count_nonzero(fastconv.convolve2d(photo, kernel, "valid") == 0) >= 0.98 * zeros, name


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_derivatives_of_flat_regions_are_zero(dtype, isa, rng):
    for cell in rng.random(50):
        image = np.full((9, 21, 2), cell, dtype)
        for axis in (0, 1, None):
            assert not fastconv.sobel(image, axis).any()
        for diagonals in (False, True):
            assert not fastconv.laplacian(image, diagonals=diagonals).any()


def test_a_constant_with_a_bad_cell_is_zero_around_it(isa):
    image = np.full((30, 40), 0.1)
    image[11, 7] = np.nan
    for name in ("prewitt", "laplacian", "haar diagonal"):
        got = fastconv.convolve2d(image, CANCELLING[name], "valid")
        np.testing.assert_array_equal(np.isnan(got), np.isnan(signal.convolve2d(image, CANCELLING[name], "valid")))
        assert not got[~np.isnan(got)].any()


@by_kernel
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cells_whose_difference_is_beyond_the_largest_number(name, dtype, isa):
    """Their products and sums are not."""
    kernel = (CANCELLING[name] / 8).astype(dtype)
    image = np.full((9, 300), np.finfo(dtype).max * 0.75, dtype)
    image[:, 100::7] *= -1
    image[4] *= -1
    with np.errstate(over="ignore", invalid="ignore"):
        want = signal.convolve2d(image, kernel, "same")
    assert np.isfinite(want).all()
    scale = signal.convolve2d(abs(image) / 8, abs(kernel), "same")
    assert (abs(fastconv.convolve2d(image, kernel, "same") / 8 - want / 8) <= 8 * EPS[dtype] * scale).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (0, 9), (8, 0), (8, 69), (0, 69), (8, 30)])
def test_a_bad_cell_at_the_edge_meets_taps_of_zero(place, bad, isa):
    """0 times it is NaN, also where no other tap meets it."""
    image = np.full((9, 70), 0.5, np.float32)
    image[place] = bad
    for kernel in (CANCELLING["laplacian"], np.eye(7) * 0.3):
        kernel = kernel.astype(np.float32)
        with np.errstate(invalid="ignore"):
            want = signal.convolve2d(image, kernel, "valid")
        for algorithm in ("auto", "sparse"):
            got = fastconv.convolve2d(image, kernel, "valid", algorithm=algorithm)
            np.testing.assert_allclose(got, want, rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    outputs=st.tuples(st.integers(1, 9), st.integers(1, 20)),
    window=st.tuples(st.integers(1, 40), st.integers(4, 150)),
    dtype=st.sampled_from(["uint8", "int16", "int32", "int64", "float32", "float64"]),
    seed=st.integers(0, 2**31),
)
def test_few_outputs_of_large_kernels(outputs, window, dtype, seed):
    """The gradient of a kernel: the lanes go along the taps."""
    rng = np.random.default_rng(seed)
    shape = tuple(n + k - 1 for n, k in zip(outputs, window, strict=True))
    image, kernel = (
        rng.integers(0, 100, n).astype(dtype) if np.dtype(dtype).kind in "iu" else rng.standard_normal(n).astype(dtype)
        for n in (shape, window)
    )
    for ours, scipys in ((fastconv.convolve2d, signal.convolve2d), (fastconv.correlate2d, signal.correlate2d)):
        got = ours(image, kernel, "valid")
        if np.dtype(dtype).kind in "iu":
            np.testing.assert_array_equal(got, scipys(image, kernel, "valid"))
        else:
            want = scipys(image.astype("f8"), kernel.astype("f8"), "valid")
            bound = scipys(np.abs(image).astype("f8"), np.abs(kernel).astype("f8"), "valid")
            assert (np.abs(got - want) <= (32 if dtype == "float32" else 64) * EPS[dtype] * bound).all()


def test_few_outputs_keep_bad_numbers_in_their_windows(isa):
    image = np.ones((20, 90), np.float32)
    image[3, 2] = np.nan
    image[19, 89] = np.inf
    got = fastconv.correlate2d(image, np.ones((18, 86), np.float32), "valid")
    bad = np.zeros((2, 3, 5), bool)
    bad[0, :, :3] = bad[1, 2, 4] = True
    np.testing.assert_array_equal(np.isnan(got), bad[0])
    np.testing.assert_array_equal(np.isinf(got), bad[1])


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 11, 21])
def test_gaussian_blur_without_sigma_as_opencv(size, isa, rng):
    image = rng.random((40, 50))
    kernel = cv2.getGaussianKernel(size, 0).ravel()
    for sigma in (0, None, (0, 0)):
        want = ndimage.correlate(image, np.outer(kernel, kernel), mode="mirror")
        np.testing.assert_allclose(fastconv.gaussian_blur(image, sigma, ksize=size), want, rtol=1e-6)
    byte = (image * 255).astype("u1")
    difference = fastconv.gaussian_blur(byte, 0, ksize=size).astype(int) - cv2.GaussianBlur(byte, (size, size), 0)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("scale", [1e25, 1e-25, 1e-42, 1.0, 1e30])
def test_the_length_of_a_gradient_has_the_range_of_hypot(scale, rng):
    image = (rng.random((30, 40)) * scale).astype("f4")
    down, right = fastconv.sobel(image, 0), fastconv.sobel(image, 1)
    np.testing.assert_allclose(fastconv.sobel(image), np.hypot(down, right), rtol=4e-7)
    image = rng.random((30, 40)) * scale**10 if scale != 1e-42 else rng.random((30, 40)) * 1e-315
    down, right = fastconv.sobel(image, 0), fastconv.sobel(image, 1)
    np.testing.assert_allclose(fastconv.sobel(image), np.hypot(down, right), rtol=1e-15)


def test_axes_of_sobel_count_from_behind_too(rng):
    for shape in ((20, 30), (20, 30, 3)):
        image = rng.random(shape)
        np.testing.assert_array_equal(fastconv.sobel(image, -1), fastconv.sobel(image, 1))
        np.testing.assert_array_equal(fastconv.sobel(image, -2), fastconv.sobel(image, 0))
    np.testing.assert_allclose(fastconv.sobel(image[..., 0], -1, border="reflect"), ndimage.sobel(image[..., 0]))


@pytest.mark.parametrize(
    ("name", "arguments", "algorithms"),
    [
        ("filter2d", (np.outer([1, 2, 3], [3.5, 1, 0.25]),), ("direct", "separable", "sparse", "fft")),
        ("gaussian_blur", (1.3,), ("direct", "separable", "fft")),
        ("box_blur", (5,), ("direct", "box", "separable", "fft")),
        ("sobel", (0,), ("direct", "separable", "sparse", "fft")),
        ("sobel", (), ("direct", "separable", "sparse")),
        ("laplacian", (), ("direct", "sparse", "fft")),
        ("sharpen", (0.3,), ("direct", "sparse", "fft")),
        ("unsharp_mask", (1.3,), ("direct", "fft")),
        ("unsharp_mask", (1.3, 1, 0.1), ("direct", "fft")),
    ],
)
def test_filters_by_every_algorithm(name, arguments, algorithms, rng):
    function = getattr(fastconv, name)
    for image in (rng.random((40, 50, 3)), rng.random((40, 50)).astype("f4")):
        want = function(image.astype("f8"), *arguments)
        for algorithm in algorithms:
            np.testing.assert_allclose(function(image, *arguments, algorithm=algorithm), want, atol=2e-5, rtol=0)
    with pytest.raises(ValueError, match="`algorithm` must be one of 'auto', 'direct'"):
        function(image, *arguments, algorithm="winograd")
    if "box" not in algorithms:
        with pytest.raises(ValueError, match="`algorithm` 'box' does not serve this kernel"):
            function(image, *arguments, algorithm="box")


def test_filter_bank_by_an_algorithm(rng):
    images, kernels = rng.random((2, 20, 30)), rng.random((3, 5, 5))
    want = fastconv.filter_bank(images, kernels)
    np.testing.assert_allclose(fastconv.filter_bank(images, kernels, algorithm="fft"), want, rtol=1e-12)
    with pytest.raises(ValueError, match="`algorithm` 'box' does not serve"):
        fastconv.filter_bank(images, kernels, algorithm="box")


@pytest.mark.parametrize(
    ("name", "arguments", "words", "message"),
    [
        ("gaussian_blur", (1e6,), {}, "`sigma` 1000000.0 with `truncate` 4.0 must give a kernel of at most"),
        ("gaussian_blur", (1e300,), {"truncate": 1e300}, "`sigma` 1e.300 with `truncate`"),
        ("gaussian_blur", (1,), {"ksize": 2**31 + 1}, "`ksize` 2147483649 must give a kernel of at most"),
        ("unsharp_mask", (1e6,), {}, "`sigma` 1000000.0 with"),
        ("box_blur", (10**7,), {}, "`size` must give a kernel of at most"),
        ("sobel", (-3,), {}, "`axis` must be"),
    ],
)
def test_kernels_that_would_be_too_large_are_refused(name, arguments, words, message):
    with pytest.raises(ValueError, match=message):
        getattr(fastconv, name)(np.ones((5, 5)), *arguments, **words)
