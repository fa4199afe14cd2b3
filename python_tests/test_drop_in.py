"""SciPy's and OpenCV's filters on fastconv: the same answers, what goes back, and that all can be undone."""

import itertools

import cv2
import numpy as np
import pytest
from filter_reference import photos, random_image
from scipy import ndimage, signal

import fastconv
from fastconv import drop_in
from fastconv.drop_in import opencv, scipy_ndimage, scipy_signal

MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap")


@pytest.fixture
def scipys():
    """SciPy's own functions, by name, while fastconv's stand in their place."""
    own = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module, ours in ((signal, scipy_signal), (ndimage, scipy_ndimage))
        for name in ours.__all__
    }
    fastconv.patch_scipy()
    yield own
    fastconv.unpatch_scipy()


@pytest.fixture
def opencvs():
    own = {name: getattr(cv2, name) for name in opencv.__all__}
    fastconv.patch_cv2()
    yield own
    fastconv.unpatch_cv2()


def same(scipys, module, name, *args, tolerance=1e-10, served=True, **words):
    """Call a function before and after; whether it was served is as expected."""
    want = scipys[f"{module.__name__}.{name}"](*args, **words)
    before = drop_in.calls().get(f"{module.__name__}.{name}", (0, 0))
    got = getattr(module, name)(*args, **words)
    after = drop_in.calls()[f"{module.__name__}.{name}"]
    assert (after[0] - before[0], after[1] - before[1]) == ((1, 0) if served else (0, 1))
    assert got.dtype == want.dtype
    if got.dtype.kind in "iu":
        np.testing.assert_array_equal(got, want)
    else:
        size = max(1.0, np.abs(want).max(initial=0))
        np.testing.assert_allclose(got, want, rtol=0, atol=size * max(tolerance, 64 * np.finfo(got.dtype).eps))


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    "dtypes", [("f8", "f8"), ("f4", "f4"), ("c16", "f8"), ("c8", "c8"), ("i4", "i2"), ("u1", "f4")]
)
def test_convolutions_of_signal(scipys, mode, dtypes, rng):
    words = {"tolerance": 1e-6 if {"f4", "c8"} & {*dtypes} else 1e-10}  # SciPy transforms float32 as such
    for sizes in (((9, 11), (3, 4)), ((8, 7), (4, 3)), ((3, 4), (9, 11)), ((60, 50), (21, 18))):
        in1, in2 = (_drawn(rng, size, dtype) for size, dtype in zip(sizes, dtypes, strict=True))
        for name, method in itertools.product(("convolve", "correlate"), ("auto", "direct", "fft")):
            same(scipys, signal, name, in1, in2, mode, method, **words)
        for name in ("fftconvolve", "oaconvolve", "convolve2d", "correlate2d"):
            same(scipys, signal, name, in1, in2, mode, **words)
        same(scipys, signal, "fftconvolve", in1, in2, mode, (1, 0), **words)


def _drawn(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 50, shape).astype(dtype)
    return (rng.random(shape) + 1j * rng.random(shape) if dtype.kind == "c" else rng.random(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_sepfir2d(scipys, dtype, rng):
    image = _drawn(rng, (20, 30), dtype)
    for row, column in (([1.0, 2, 1], [1.0, 4, 7, 2, 3]), ([0.5, 3, 9], [2.0])):
        same(scipys, signal, "sepfir2d", image, np.array(row, dtype), np.array(column, dtype), tolerance=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_correlations_of_ndimage(scipys, mode, rng):
    words = {"mode": mode, "cval": 3.0}
    for dtype, output in (
        ("f8", None),
        ("f4", None),
        ("f4", "f8"),
        ("c16", None),
        ("u1", None),
        ("i4", None),
        ("u1", "f4"),
    ):
        image = _drawn(rng, (9, 11), dtype)
        for shape, origin in (((3, 3), 0), ((2, 4), 0), ((4, 3), (1, -1)), ((5, 1), (-2, 0))):
            weights = np.rint(rng.uniform(1, 9, shape))
            for name in ("convolve", "correlate"):
                same(scipys, ndimage, name, image, weights, output, origin=origin, **words)
        for weights, axis, origin in (([1, 2, 3], 0, 0), ([1, 0, -1, 2], -1, 1), ([1.0], 1, 0)):
            for name in ("convolve1d", "correlate1d"):
                same(scipys, ndimage, name, image, weights, axis, output, origin=origin, **words)
    image, weights = _drawn(rng, (9, 11), "c16"), _drawn(rng, (3, 3), "c16")
    for name in ("convolve", "correlate"):
        same(scipys, ndimage, name, image, weights, **words)


@pytest.mark.parametrize("mode", MODES)
def test_named_filters_of_ndimage(scipys, mode, rng):
    for dtype in ("f8", "f4", "u1", "i2", "i8"):
        image, words = _drawn(rng, (19, 21), dtype), {"mode": mode}
        for axis in (0, 1, -1):
            same(scipys, ndimage, "sobel", image, axis, **words)
            same(scipys, ndimage, "prewitt", image, axis, **words)
        same(scipys, ndimage, "laplace", image, **words)
        floats = dtype in ("f8", "f4")
        for sigma, order in ((1.5, 0), ((1.0, 2.0), 0), (1.2, 1), ((0.7, 3.0), (0, 2))):
            same(scipys, ndimage, "gaussian_filter", image, sigma, order, served=floats, **words)
        same(scipys, ndimage, "gaussian_filter", image, 2.0, radius=3, served=floats, **words)
        same(scipys, ndimage, "gaussian_filter", image, 2.0, cval=1.5, served=floats, **words)
        for size in (3, (2, 5), 31):
            same(scipys, ndimage, "uniform_filter", image, size, served=floats, **words)
        same(scipys, ndimage, "gaussian_laplace", image, (1.0, 2.5), served=floats, **words)


def test_what_goes_back_to_ndimage(scipys, rng):
    plane = rng.random((9, 11))
    same(scipys, ndimage, "convolve", rng.random((3, 4, 5)), np.ones((2, 2, 2)), served=False)
    same(scipys, ndimage, "gaussian_filter", plane, (1.0, 0.0), served=False)
    same(scipys, ndimage, "gaussian_filter", plane, 1.0, mode=["wrap", "nearest"], served=False)
    same(scipys, ndimage, "convolve", (plane * 99).astype("u1"), np.full((3, 3), 0.1), served=False)
    same(scipys, ndimage, "correlate1d", plane, [1, 2], output="i4", served=False)
    same(scipys, ndimage, "sobel", plane, mode="constant", cval=1.0, served=False)
    same(scipys, ndimage, "uniform_filter", plane, 3, origin=1, served=False)
    plane[4, 5] = np.nan
    cross = np.array([[0, 1.0, 0], [1, 1, 1], [0, 1, 0]])
    want = scipys["scipy.ndimage.correlate"](plane, cross)
    np.testing.assert_allclose(ndimage.correlate(plane, cross), want)
    with pytest.raises(RuntimeError, match="mode not supported"):
        ndimage.convolve(plane, cross, mode="no")
    with pytest.raises(ValueError, match="Acceptable mode flags"):
        signal.convolve(plane, cross, mode="no")
    assert drop_in.calls()["scipy.ndimage.convolve"] == (0, 3)


def test_outputs_of_ndimage(scipys, rng):
    image = rng.random((9, 11))
    for out in (np.empty((9, 11)), np.empty((18, 22), "f4")[::2, ::2]):
        want = np.empty_like(out)
        assert ndimage.gaussian_filter(image, 1.0, output=out) is out
        scipys["scipy.ndimage.gaussian_filter"](image, 1.0, output=want)
        np.testing.assert_allclose(out, want, rtol=1e-6)
    assert ndimage.sobel(image, output=image) is image


FILTERS = [
    ("filter2D", (-1, np.array([[1, 2, 0], [-3, 1, 1], [0, -2, 4]], "f4")), {}, 0),
    ("filter2D", (-1, np.ones((2, 4)) / 8), {"anchor": (3, 0), "delta": 2}, 1),
    ("filter2D", (cv2.CV_32F, np.ones((2, 4)) / 8), {"delta": 2.5}, 1e-6),
    ("sepFilter2D", (-1, np.array([0.2, 0.5, 0.3]), np.array([[0.25], [0.75]])), {}, 1),
    ("sepFilter2D", (cv2.CV_64F, np.array([1, 2, 1]), np.array([-1, 0, 1])), {"delta": 1}, 0),
    ("GaussianBlur", ((5, 3), 1.5), {}, 1),
    ("GaussianBlur", ((0, 0), 2.0), {"sigmaY": 1.0}, 1),
    ("GaussianBlur", ((7, 9), 0), {}, 1),
    ("GaussianBlur", ((11, 1), 0), {}, 1),
    ("blur", ((3, 4),), {}, 1),
    ("blur", ((31, 5),), {"anchor": (0, 4)}, 1),
    ("boxFilter", (cv2.CV_32F, (3, 3)), {"normalize": False}, 0),
    ("boxFilter", (-1, (5, 5)), {}, 1),
    *[
        ("Sobel", (cv2.CV_64F, dx, dy), {"ksize": k}, 0)
        for dx, dy, k in [(1, 0, 1), (0, 1, 3), (1, 1, 5), (2, 0, 7), (0, 1, -1)]
    ],
    ("Sobel", (cv2.CV_32F, 1, 0), {"scale": 0.125, "delta": 3}, 0),
    ("Scharr", (cv2.CV_32F, 0, 1), {}, 0),
    *[("Laplacian", (cv2.CV_64F,), {"ksize": k}, 0) for k in (1, 3, 5, 7)],
]


@pytest.mark.parametrize(("name", "arguments", "words", "levels"), FILTERS)
@pytest.mark.parametrize("border", [cv2.BORDER_DEFAULT, cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT])
def test_opencvs_filters(opencvs, name, arguments, words, levels, border):
    for photo in photos():
        image = photo[100:160, 100:170]
        want = opencvs[name](image, *arguments, borderType=border, **words)
        got = getattr(cv2, name)(image, *arguments, borderType=border, **words)
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got.astype("f8"), want, rtol=1e-6, atol=levels)
    assert drop_in.calls()[f"cv2.{name}"] == (2, 0)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_opencvs_filters_of_other_depths(opencvs, dtype, rng):
    image = random_image(rng, (20, 30, 3), dtype)
    size = 1 if dtype.startswith("float") else 65536
    for name, arguments in (
        ("filter2D", (-1, np.ones((3, 3)) / 9)),
        ("GaussianBlur", ((5, 5), 1.0)),
        ("blur", ((3, 3),)),
        ("Sobel", (-1, 1, 0)),
    ):
        want = opencvs[name](image, *arguments)
        got = getattr(cv2, name)(image, *arguments)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got.astype("f8"), want, rtol=0, atol=1 if size > 1 else 1e-5)
        out = np.empty_like(image)
        assert getattr(cv2, name)(image, *arguments, dst=out) is out


def test_what_goes_back_to_opencv(opencvs, rng):
    image = random_image(rng, (20, 30), "uint8")
    kernel = np.ones((3, 3), "f4")
    assert cv2.filter2D(image[..., None], -1, kernel).shape == (20, 30)
    with pytest.raises(cv2.error):
        cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_WRAP)
    with pytest.raises(cv2.error):
        cv2.GaussianBlur(image, (4, 4), 1)
    with pytest.raises(cv2.error):
        cv2.Sobel(image, -1, 0, 0)
    assert drop_in.calls() == {"cv2.GaussianBlur": (0, 1), "cv2.Sobel": (0, 1), "cv2.filter2D": (0, 2)}


def test_all_can_be_undone():
    before = {name: getattr(cv2, name) for name in opencv.__all__}
    convolve = ndimage.convolve
    for patch, undo in ((fastconv.patch_scipy, fastconv.unpatch_scipy), (fastconv.patch_cv2, fastconv.unpatch_cv2)):
        undo()
        patch()
        patch()
        assert ndimage.convolve.__name__ == "convolve"
        undo()
    assert ndimage.convolve is convolve
    assert {name: getattr(cv2, name) for name in before} == before
    assert drop_in.calls() == {}


def test_axes_in_another_order_and_sums_beyond_the_result_go_back_to_scipy(rng):
    image = rng.random((9, 11))
    calls = [
        lambda: ndimage.gaussian_filter(image, (1, 3), axes=(1, 0)),
        lambda: ndimage.uniform_filter(image, (3, 5), axes=(-1, 0)),
        lambda: ndimage.convolve(np.full((1, 1), 100, np.int8), [[2**30]], output="int32"),
        lambda: ndimage.laplace(np.array([[0, 2**32 - 1]], np.uint32), output=np.uint8),
        lambda: signal.fftconvolve(np.array([[200, 3]], np.uint8), np.array([[2], [1]], np.uint8)),
    ]
    wanted = [call() for call in calls]
    fastconv.patch_scipy()
    try:
        for call, stock in zip(calls, wanted, strict=True):
            got = call()
            assert got.dtype == stock.dtype
            np.testing.assert_array_equal(got, stock)
    finally:
        fastconv.unpatch_scipy()
