"""convolve2d and correlate2d against scipy.signal's."""

import itertools
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import fastconv

MODES = ("full", "same", "valid")
BOUNDARIES = ("fill", "wrap", "symm")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "longlong", "ulonglong")
FLOATS = ("float32", "float64", "longdouble", "complex64", "complex128", "clongdouble")
PAIRS = ((fastconv.convolve2d, signal.convolve2d), (fastconv.correlate2d, signal.correlate2d))
by_function = pytest.mark.parametrize(("ours", "scipys"), PAIRS, ids=("convolve2d", "correlate2d"))


def random_array(rng, shape, dtype):
    """Integers over the whole range of their type, so that sums wrap; floats of unit scale."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8).view(dtype)[..., 0]
    if dtype.kind == "b":
        return rng.random(shape) < 0.3
    array = rng.uniform(-1, 1, shape)
    if dtype.kind == "c":
        array = array + 1j * rng.uniform(-1, 1, shape)
    return array.astype(dtype)


def assert_as_scipy(got, want, in1, in2):
    """Equal for integers; for floats within the rounding of a sum of products of unit scale, in any order."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if got.dtype.kind in "iub":
        np.testing.assert_array_equal(got, want)
        return
    terms = in2.size * (2 if got.dtype.kind == "c" else 1)
    tolerance = 2 * terms * np.finfo(got.dtype).eps
    scale = max(1, np.max(np.abs(in1), initial=0)) * max(1, np.max(np.abs(in2), initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=float(tolerance * scale))


@by_function
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_every_dtype_mode_and_boundary(ours, scipys, dtype, isa, rng):
    for shape1, shape2 in (((19, 75), (3, 3)), ((7, 6), (4, 5)), ((3, 4), (7, 9)), ((9, 30), (5, 1))):
        in1, in2 = random_array(rng, shape1, dtype), random_array(rng, shape2, dtype)
        for mode, boundary in itertools.product(MODES, BOUNDARIES):
            assert_as_scipy(ours(in1, in2, mode, boundary, 3), scipys(in1, in2, mode, boundary, 3), in1, 3 * in2)


@by_function
@pytest.mark.parametrize("mode", MODES)
def test_wide_images_are_cut_in_tasks(ours, scipys, mode, isa, rng):
    in1, in2 = random_array(rng, (130, 1500), "float32"), random_array(rng, (5, 11), "float32")
    for boundary in BOUNDARIES:
        assert_as_scipy(ours(in1, in2, mode, boundary, 0.5), scipys(in1, in2, mode, boundary, 0.5), in1, in2)


def test_more_columns_than_a_task_holds(rng):
    in1, in2 = random_array(rng, (3, 40_000), "int16"), random_array(rng, (3, 4), "int16")
    for boundary in BOUNDARIES:
        np.testing.assert_array_equal(
            fastconv.convolve2d(in1, in2, "same", boundary, 7), signal.convolve2d(in1, in2, "same", boundary, 7)
        )


sizes = st.tuples(st.integers(1, 24), st.integers(1, 40))


@settings(deadline=None, max_examples=150)
@given(
    shape1=sizes,
    shape2=sizes,
    mode=st.sampled_from(MODES),
    boundary=st.sampled_from(BOUNDARIES),
    dtype=st.sampled_from(["uint8", "int32", "float64", "complex64"]),
    pair=st.sampled_from(PAIRS),
    fillvalue=st.integers(0, 100),
    seed=st.integers(0, 2**31),
)
def test_any_geometry(shape1, shape2, mode, boundary, dtype, pair, fillvalue, seed):
    generator = np.random.default_rng(seed)
    in1, in2 = random_array(generator, shape1, dtype), random_array(generator, shape2, dtype)
    ours, scipys = pair
    if mode == "valid" and (shape1[0] - shape2[0]) * (shape1[1] - shape2[1]) < 0:
        with pytest.raises(ValueError, match=r"`in1` or `in2` must be at least as large"):
            ours(in1, in2, mode, boundary, fillvalue)
        return
    want = scipys(in1, in2, mode, boundary, fillvalue)
    assert_as_scipy(ours(in1, in2, mode, boundary, fillvalue), want, in1, max(1.0, fillvalue) * in2)


@pytest.mark.parametrize("shape", [(101, 103), (3, 5000), (700, 2)])
def test_rounding_does_not_grow_with_the_kernel(shape, isa, rng):
    in1 = rng.random((shape[0] + 9, shape[1] + 20)).astype("float32")
    in2 = rng.random(shape).astype("float32")
    exact = signal.fftconvolve(in1.astype("float64"), in2.astype("float64"), "valid")
    got = fastconv.convolve2d(in1, in2, "valid")
    assert np.linalg.norm(got - exact) <= 1e-6 * np.linalg.norm(exact)


def test_worked_example():
    image = np.full((5, 5), 10)
    image[1:4, 1:4] = 5
    kernel = [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]
    want = [[15, 10, 0], [10, 0, -10], [0, -10, -15]]
    np.testing.assert_array_equal(signal.convolve2d(image, kernel, "valid"), want)
    np.testing.assert_array_equal(fastconv.convolve2d(image, kernel, "valid"), want)
    assert fastconv.correlate2d(image, kernel, "valid")[0, 0] == -15


def test_result_dtype_of_mixed_inputs_is_scipys():
    codes = "bBhHiIlLqQfdgFDG"
    for code1, code2 in itertools.product(codes + "?", codes):
        in1, in2 = np.ones((2, 2), code1), np.full((2, 2), 3, code2)
        got, want = fastconv.convolve2d(in1, in2), signal.convolve2d(in1, in2)
        assert got.dtype == want.dtype, (code1, code2)
        np.testing.assert_array_equal(got, want)


def test_lists_and_other_array_likes():
    got = fastconv.convolve2d([[1, 2]], ((1.5, 2),))
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, [[1.5, 5, 4]])
    np.testing.assert_array_equal(fastconv.convolve2d(np.ma.array([[1, 2]]), [[2]]), [[2, 4]])
    assert type(fastconv.convolve2d(np.ma.array([[1, 2]]), [[2]])) is np.ndarray


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_bool_is_the_or_of_ands(mode, boundary, isa, rng):
    in1, in2 = random_array(rng, (20, 70), "bool"), random_array(rng, (3, 4), "bool")
    got = fastconv.convolve2d(in1, in2, mode, boundary, True)
    assert got.dtype == np.bool_
    counts = signal.convolve2d(in1.astype(int), in2.astype(int), mode, boundary, 1)
    np.testing.assert_array_equal(got, counts > 0)
    np.testing.assert_array_equal(got.view(np.uint8), counts > 0)
    np.testing.assert_array_equal(fastconv.convolve2d(in1[:1], in2[:1]), [np.convolve(in1[0], in2[0])])


def test_bools_made_of_other_bytes_count_as_true():
    odd = np.array([[2, 0, 4]], np.uint8).view(bool)
    got = fastconv.convolve2d(odd, np.array([[1, 0]], np.uint8).view(bool))
    np.testing.assert_array_equal(got.view(np.uint8), [[1, 0, 1, 0]])


def test_half_precision_is_rounded_once(rng):
    for dtype in (np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)):
        in1, in2 = (rng.uniform(-1, 1, shape).astype(dtype) for shape in ((20, 30), (3, 3)))
        for boundary in BOUNDARIES:
            got = fastconv.convolve2d(in1, in2, "same", boundary, 2)
            want = fastconv.convolve2d(in1.astype("f4"), in2.astype("f4"), "same", boundary, 2)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got.astype("f4"), want.astype(dtype).astype("f4"))
    big = np.full((1, 1), 60000, np.float16)
    assert fastconv.convolve2d(big, big)[0, 0] == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "longdouble"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_stay_within_their_windows(dtype, bad, isa, rng):
    in1, in2 = random_array(rng, (21, 90), dtype), random_array(rng, (5, 4), dtype)
    clean = fastconv.convolve2d(in1, in2)
    for row, column in ((0, 0), (20, 89), (7, 40), (13, 17)):
        spoiled = in1.copy()
        spoiled[row, column] = bad
        got = fastconv.convolve2d(spoiled, in2)
        window = np.zeros(clean.shape, bool)
        window[row : row + 5, column : column + 4] = True
        assert not np.isfinite(got[window]).any()
        np.testing.assert_array_equal(got[~window], clean[~window])


def test_nan_in_kernel_or_fillvalue_as_scipy():
    image, kernel = np.ones((6, 7)), np.zeros((3, 3))
    np.testing.assert_array_equal(
        fastconv.convolve2d(image, kernel, fillvalue=np.nan), signal.convolve2d(image, kernel, fillvalue=np.nan)
    )
    kernel[0, 1] = np.inf
    for function, scipys in PAIRS:
        np.testing.assert_array_equal(function(image, kernel), scipys(image, kernel))


@by_function
def test_swapped_inputs_of_valid_mode(ours, scipys, rng):
    for dtype in ("int16", "complex128"):
        in1, in2 = random_array(rng, (3, 2), dtype), random_array(rng, (9, 12), dtype)
        got, want = ours(in1, in2, "valid"), scipys(in1, in2, "valid")
        assert_as_scipy(got, want, in1, in2)
        assert got.shape == (7, 11)


def test_correlation_conjugates_the_second_input():
    assert fastconv.correlate2d([[1 + 2j]], [[3 + 4j]]) == [[11 + 2j]]
    np.testing.assert_array_equal(fastconv.correlate2d([[1 + 2j, 1j]], [[3 + 4j, 1, 2j]], "valid"), [[3 - 2j, 11 - 3j]])


def test_layout_of_inputs_does_not_matter(rng):
    in1, in2 = random_array(rng, (40, 60), "float32"), random_array(rng, (6, 8), "float32")
    views = (
        (in1.T, in2.T),
        (in1[::2, ::-3], in2[::-1]),
        (np.asfortranarray(in1), in2),
        (in1.astype(">f4"), in2),
        (in1.astype(">f4"), in2.astype(">f4")),
        (in1[1:, 1:], in2[:, 1:3]),
    )
    for a, b in views:
        want = fastconv.convolve2d(np.array(a, "f4", order="C"), np.array(b, "f4", order="C"), "same", "symm")
        got = fastconv.convolve2d(a, b, "same", "symm")
        assert got.dtype == np.dtype("float32")
        np.testing.assert_array_equal(got, want)
    unaligned = np.frombuffer(b"x" + in1.tobytes(), np.uint8)[1:].view("f4").reshape(in1.shape)
    np.testing.assert_array_equal(fastconv.convolve2d(unaligned, in2), fastconv.convolve2d(in1, in2))


def test_inputs_are_left_alone(rng):
    in1, in2, fill = random_array(rng, (20, 30), "float64"), random_array(rng, (5, 5), "float64"), np.array([2.5])
    for array in (in1, in2, fill):
        array.flags.writeable = False
    before = in1.copy(), in2.copy()
    for (function, _), mode, boundary in itertools.product(PAIRS, MODES, BOUNDARIES):
        function(in1, in2, mode, boundary, fill)
    np.testing.assert_array_equal(in1, before[0])
    np.testing.assert_array_equal(in2, before[1])
    np.testing.assert_array_equal(fastconv.convolve2d(in1, in1), fastconv.convolve2d(in1, in1.copy()))


def test_same_bits_for_any_number_of_threads(isa, rng):
    in1, in2 = random_array(rng, (300, 700), "float32"), random_array(rng, (7, 6), "float32")
    for boundary in BOUNDARIES:
        results = []
        for threads in (1, 2, 3, 7):
            with fastconv.threads(threads):
                results.append(fastconv.convolve2d(in1, in2, "full", boundary, 0.25).tobytes())
        assert len(set(results)) == 1


@pytest.mark.parametrize("fillvalue", [0, -3, 2.75, True, np.float64(1.5), np.int8(4), [5], [[6]], np.array(7)])
def test_fillvalue(fillvalue):
    for dtype in ("int16", "float32", "complex64"):
        image, kernel = np.ones((2, 3), dtype), np.ones((3, 3), dtype)
        element = np.asarray(fillvalue).astype(dtype).item()
        np.testing.assert_array_equal(
            fastconv.convolve2d(image, kernel, fillvalue=fillvalue), signal.convolve2d(image, kernel, fillvalue=element)
        )


def test_complex_and_large_fillvalues():
    for dtype, fillvalue in (("complex64", 2 - 1j), ("float32", 2**70)):
        ones = np.ones((2, 2), dtype)
        np.testing.assert_array_equal(
            fastconv.convolve2d(ones, ones, fillvalue=fillvalue), signal.convolve2d(ones, ones, fillvalue=fillvalue)
        )
    unsigned = np.ones((1, 1), "uint64")
    assert fastconv.convolve2d(unsigned, np.ones((1, 2), "uint64"), fillvalue=2**64 - 2)[0, 0] == 2**64 - 1


@pytest.mark.parametrize(
    ("dtype", "fillvalue", "error"),
    [
        ("float32", 1j, ValueError),
        ("int8", 128, ValueError),
        ("uint8", -1, ValueError),
        ("int64", 2**70, ValueError),
        ("int32", np.nan, ValueError),
        ("int32", np.inf, ValueError),
        ("float32", [1, 2], ValueError),
        ("float32", [], ValueError),
        ("float32", [1, [2]], ValueError),
        ("float32", "3", TypeError),
        ("float32", None, TypeError),
        ("float32", object(), TypeError),
    ],
)
def test_bad_fillvalue(dtype, fillvalue, error):
    ones = np.ones((2, 2), dtype)
    with pytest.raises(error, match="`fillvalue`"):
        fastconv.convolve2d(ones, ones, fillvalue=fillvalue)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastconv.convolve2d(ones, ones, boundary="wrap", fillvalue=fillvalue)


@by_function
@pytest.mark.parametrize(
    "bad",
    [
        3,
        [1, 2],
        np.ones((1, 2, 3)),
        None,
        [[1, 2], [3]],
        [["a"]],
        np.ones((2, 2), object),
        np.ones((2, 2), "M8[s]"),
        np.zeros((2, 2), "V4"),
    ],
    ids=["scalar", "1-D", "3-D", "None", "ragged", "strings", "objects", "dates", "void"],
)
def test_bad_arrays(ours, scipys, bad):
    good = np.ones((2, 2))
    with pytest.raises(ValueError, match="`in1` must"):
        ours(bad, good)
    with pytest.raises(ValueError, match="`in2` must"):
        ours(good, bad)
    with pytest.raises((ValueError, TypeError)):
        scipys(good, bad)


@by_function
def test_bad_words(ours, scipys):
    good = np.ones((2, 2))
    for bad in ("Full", "reflect101", 5, None, b"full", ["full"]):
        with pytest.raises(ValueError, match="`mode` must be one of 'full', 'same', 'valid'"):
            ours(good, good, bad)
        with pytest.raises(ValueError, match="`boundary` must be one of 'fill', 'wrap', 'symm'"):
            ours(good, good, "full", bad)
        with pytest.raises((ValueError, TypeError)):
            scipys(good, good, bad)


def test_scipys_synonyms(rng):
    in1, in2 = random_array(rng, (5, 6), "int32"), random_array(rng, (3, 3), "int32")
    for word in ("pad", "circular", "symmetric"):
        want = signal.convolve2d(in1, in2, "full", word)
        np.testing.assert_array_equal(fastconv.convolve2d(in1, in2, "full", word), want)
    np.testing.assert_array_equal(fastconv.convolve2d(in1, in2, np.str_("same")), signal.convolve2d(in1, in2, "same"))


@by_function
@pytest.mark.parametrize(
    ("shape1", "shape2"),
    [
        ((0, 3), (2, 2)),
        ((2, 2), (0, 3)),
        ((2, 2), (0, 0)),
        ((0, 5), (1, 3)),
        ((1, 1), (0, 1)),
        ((4, 0), (2, 3)),
        ((3, 2), (3, 0)),
    ],
)
def test_empty_arrays_as_scipy(ours, scipys, shape1, shape2):
    in1, in2 = np.ones(shape1), np.arange(1.0, 1 + np.prod(shape2)).reshape(shape2)
    for mode in MODES:
        try:
            want = scipys(in1, in2, mode, "fill", 2)
        except ValueError:
            with pytest.raises(ValueError, match="`in1`"):
                ours(in1, in2, mode, "fill", 2)
            continue
        np.testing.assert_array_equal(ours(in1, in2, mode, "fill", 2), want)


@by_function
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "complex128"])
def test_out(ours, scipys, dtype, rng):
    in1, in2 = random_array(rng, (21, 30), dtype), random_array(rng, (21, 4), dtype)
    for mode, arrays in (*((mode, (in1, in2)) for mode in MODES), ("valid", (in2, in1))):
        want = ours(*arrays, mode)
        for out in (np.empty_like(want), np.empty((2 * want.shape[0], want.shape[1]), dtype)[::2], want.T.copy().T):
            assert ours(*arrays, mode, out=out) is out
            np.testing.assert_array_equal(out, want)
    want = ours(in1, in2, "same")
    assert ours(in1, in2, "same", out=in1) is in1
    np.testing.assert_array_equal(in1, want)
    nothing = np.ones((2, 3))
    np.testing.assert_array_equal(ours(np.ones((2, 3)), np.ones((0, 3)), "same", out=nothing), np.zeros((2, 3)))


@by_function
@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([[0.0]], TypeError, "`out` must be a NumPy array; received list"),
        (np.empty((4, 4)), ValueError, r"`out` must have shape \(5, 5\); received \(4, 4\)"),
        (np.empty((5, 5), "f4"), TypeError, "`out` must have dtype float64; received float32"),
        (np.broadcast_to(1.0, (5, 5)), ValueError, "`out` must be writeable"),
    ],
)
def test_bad_out(ours, scipys, out, error, message):
    with pytest.raises(error, match=message):
        ours(np.ones((4, 4)), np.ones((2, 2)), out=out)


def test_empty_arrays_that_scipy_does_not_survive():
    with pytest.raises(ValueError, match="`in1` must not be empty where `boundary`"):
        fastconv.convolve2d(np.ones((0, 3)), np.ones((2, 2)), "full", "wrap")
    assert fastconv.convolve2d(np.ones((0, 3)), np.ones((2, 2)), "same", "symm").shape == (0, 3)
    with pytest.raises(ValueError, match="`in1` and `in2` must not both be empty"):
        fastconv.convolve2d(np.ones((0, 0)), np.ones((0, 0)))
