"""What filter2d takes and refuses: layouts, `out`, empty images, and errors that name the argument."""

import numpy as np
import pytest
from filter_reference import BORDERS, correlate, random_image, saturated

import fastconv

KERNEL = np.array([[1, 2, 0], [-3, 1, 1], [0, -2, 4]])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_layout_of_the_image_does_not_matter(dtype, rng):
    image = random_image(rng, (24, 30, 3), dtype)
    readonly = image.copy()
    readonly.flags.writeable = False
    unaligned = np.frombuffer(b"x" + image.tobytes(), np.uint8)[1:].view(dtype).reshape(image.shape)
    views = (
        image.transpose(1, 0, 2),
        image[::2, ::-3],
        np.asfortranarray(image),
        image[..., 1],
        image[2:, 3:, ::-1],
        image.astype(image.dtype.newbyteorder()),
        readonly,
        unaligned,
        np.broadcast_to(image[:1], image.shape),
    )
    for view in views:
        want = fastconv.filter2d(np.array(view, dtype, order="C"), KERNEL)
        got = fastconv.filter2d(view, KERNEL)
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(got, want)


def test_kernels_of_any_layout_and_dtype(rng):
    image = random_image(rng, (20, 30), "float32")
    want = fastconv.filter2d(image, KERNEL.astype("f4"))
    wide = np.zeros((6, 9))
    wide[::2, ::3] = KERNEL
    for kernel in (
        KERNEL.tolist(),
        KERNEL.astype("i1"),
        KERNEL.astype("f8"),
        KERNEL.astype(">i4"),
        KERNEL.astype("f2"),
        np.asfortranarray(KERNEL),
        wide[::2, ::3],
        KERNEL.astype("longdouble"),
    ):
        np.testing.assert_array_equal(fastconv.filter2d(image, kernel), want)
    np.testing.assert_array_equal(fastconv.filter2d(image, [[True, False]]), fastconv.filter2d(image, [[1, 0]]))


def test_inputs_are_left_alone(rng):
    for dtype in ("uint8", "float64"):
        image, kernel = random_image(rng, (30, 40), dtype), rng.uniform(-1, 1, (5, 5))
        before = image.copy(), kernel.copy()
        for border in BORDERS:
            fastconv.filter2d(image, kernel, border=border, value=3)
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(kernel, before[1])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_out(dtype, rng):
    image = random_image(rng, (24, 31, 2), dtype)
    want = fastconv.filter2d(image, KERNEL)
    strided = np.zeros((48, 31, 4), dtype)[::2, :, ::2]
    for out in (np.empty_like(image), strided, np.asfortranarray(image)):
        assert fastconv.filter2d(image, KERNEL, out=out) is out
        np.testing.assert_array_equal(out, want)
    same = image.copy()
    fastconv.filter2d(same, KERNEL, out=same)
    np.testing.assert_array_equal(same, want)
    memory = np.empty((25, 31, 2), dtype)
    memory[:-1] = image
    fastconv.filter2d(memory[:-1], KERNEL, out=memory[1:])
    np.testing.assert_array_equal(memory[1:], want)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([[0.0]], TypeError, "`out` must be a NumPy array; received list"),
        (np.empty((4, 6)), ValueError, r"`out` must have shape \(4, 5\); received \(4, 6\)"),
        (np.empty((4, 5), "f4"), TypeError, "`out` must have dtype float64; received float32"),
        (np.broadcast_to(1.0, (4, 5)), ValueError, "`out` must be writeable"),
    ],
)
def test_bad_out(out, error, message):
    with pytest.raises(error, match=message):
        fastconv.filter2d(np.ones((4, 5)), KERNEL, out=out)


def test_images_without_cells():
    for shape in ((0, 5), (5, 0), (0, 0), (0, 5, 3), (4, 5, 0)):
        for border in BORDERS:
            got = fastconv.filter2d(np.ones(shape, "u1"), KERNEL, border=border)
            assert (got.shape, got.dtype) == (shape, np.uint8)


@pytest.mark.parametrize("value", [7, 7.0, True, np.int8(7), np.float32(7), np.array(7), np.array([7]), np.uint64(7)])
def test_value(value, rng):
    for dtype in ("uint8", "int16", "int32", "float32", "float64", "float16"):
        image = np.ones((3, 4, 2), dtype)
        got = fastconv.filter2d(image, KERNEL, border="constant", value=value)
        sums = correlate(image, KERNEL, "constant", 1 if value is True else 7)
        np.testing.assert_array_equal(got.astype("f8"), saturated(sums, dtype) if got.dtype.kind in "iu" else sums)


def test_value_of_wide_integers_and_bool():
    for dtype, value in (("bool", True), ("uint32", 2**32 - 1), ("int64", -5), ("uint64", 2**40)):
        got = fastconv.filter2d(np.zeros((3, 3), dtype), [[1, 0, 0]], border="constant", value=value)
        np.testing.assert_array_equal(got[:, 0], value)
        np.testing.assert_array_equal(got[:, 1:], 0)


def test_values_that_are_not_finite():
    got = fastconv.filter2d(np.ones((5, 5)), np.ones((3, 3)), border="constant", value=np.nan)
    assert np.isnan(got[0]).all() and np.isnan(got[:, 4]).all()
    np.testing.assert_array_equal(got[1:4, 1:4], 9)
    assert fastconv.filter2d(np.ones((1, 1), "f4"), [[2, 1, 1]], border="constant", value=-np.inf)[0, 0] == -np.inf


@pytest.mark.parametrize(
    ("dtype", "value", "error"),
    [
        ("uint8", 256, ValueError),
        ("uint8", -1, ValueError),
        ("uint8", 0.5, ValueError),
        ("int16", np.nan, ValueError),
        ("int32", 2**31, ValueError),
        ("int32", np.inf, ValueError),
        ("bool", 2, ValueError),
        ("uint32", -1, ValueError),
        ("uint32", 0.5, ValueError),
        ("int64", 2**63, ValueError),
        ("uint64", 2.0**64, ValueError),
        ("float32", 1e39, ValueError),
        ("float64", "3", TypeError),
        ("float64", None, TypeError),
        ("float32", 1j, TypeError),
        ("uint8", [1, 2], TypeError),
        ("float32", np.ones(3), TypeError),
        ("uint8", np.array(1j), TypeError),
    ],
)
def test_bad_value(dtype, value, error):
    image = np.ones((2, 2), dtype)
    with pytest.raises(error, match="`value` must"):
        fastconv.filter2d(image, KERNEL, border="constant", value=value)
    fastconv.filter2d(image, KERNEL, border="wrap", value=value)


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "object", "M8[s]", "U1"])
def test_bad_dtypes(dtype):
    with pytest.raises(TypeError, match=r"`image` must be bool, .* or complex128; received dtype"):
        fastconv.filter2d(np.zeros((3, 3), dtype), KERNEL)
    with pytest.raises(TypeError, match="`dtype` must be"):
        fastconv.filter2d(np.zeros((3, 3)), KERNEL, dtype=dtype)


@pytest.mark.parametrize(
    ("kernel", "error"),
    [
        ([1, 2], ValueError),
        (3, ValueError),
        (np.ones((2, 2, 2)), ValueError),
        ([[1, 2], [3]], ValueError),
        (np.ones((0, 3)), ValueError),
        ([[1j]], TypeError),
        ([["a"]], TypeError),
        ([[None]], TypeError),
    ],
)
def test_bad_kernels(kernel, error):
    with pytest.raises(error, match="`kernel` must"):
        fastconv.filter2d(np.ones((3, 3)), kernel)


@pytest.mark.parametrize(
    "image", [3.0, np.ones(3), np.ones((1, 2, 3, 4)), [[1.0], [1.0, 2.0]]], ids=["scalar", "1-D", "4-D", "ragged"]
)
def test_bad_images(image):
    with pytest.raises(ValueError, match="`image` must"):
        fastconv.filter2d(image, KERNEL)


def test_bad_words_and_anchors():
    image = np.ones((3, 3))
    for border in ("blur", "", None, 5, True, b"wrap"):
        with pytest.raises(ValueError, match="`border` must be one of 'reflect101', 'reflect', 'nearest'"):
            fastconv.filter2d(image, KERNEL, border=border)
    for anchor, error in (
        ((3, 0), ValueError),
        ((0, -2), ValueError),
        ((1, 2, 3), ValueError),
        ((0.5, 1), TypeError),
        ("01", TypeError),
        ((None, 1), TypeError),
    ):
        with pytest.raises(error, match="`anchor` must"):
            fastconv.filter2d(image, KERNEL, anchor=anchor)
