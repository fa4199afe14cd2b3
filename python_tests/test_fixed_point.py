"""Images of 8 and 16 bits under a number times a column and a row of integers: exact sums, rounded once."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from filter_reference import BORDERS, correlate, random_image, saturated
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

GAUSSIANS = {3: [1, 2, 1], 5: [1, 4, 6, 4, 1], 7: [2, 7, 14, 18, 14, 7, 2]}
DTYPES = ("uint8", "uint16", "int16")


def divided(sums, divisor, dtype):
    """Sums that are integers over an integer, rounded with halves to even."""
    whole = np.rint(sums).astype(np.int64)
    low, rest = np.divmod(whole, divisor)
    low += (2 * rest > divisor) | ((2 * rest == divisor) & (low % 2 == 1))
    return saturated(low, dtype)


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 90)),
    channels=st.sampled_from([None, 1, 2, 3, 4, 5]),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from(DTYPES),
    border=st.sampled_from(list(BORDERS)),
    seed=st.integers(0, 2**31),
)
def test_boxes_are_exactly_rounded(shape, channels, sizes, dtype, border, seed):
    image = random_image(np.random.default_rng(seed), shape if channels is None else (*shape, channels), dtype)
    value, cells = 200, sizes[0] * sizes[1]
    down = correlate(image, np.ones((sizes[0], 1)), border, value)
    sums = correlate(down, np.ones((1, sizes[1])), border, value * sizes[0])
    got = fastconv.box_blur(image, sizes, border=border, value=value)
    assert np.abs(got - sums / cells).max() <= 0.5 + 0.02
    forced = fastconv.box_blur(image, sizes, border=border, value=value, algorithm="fixed_point")
    np.testing.assert_array_equal(forced, divided(sums, cells, dtype))


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 80)),
    channels=st.sampled_from([None, 1, 3, 4]),
    column=st.lists(st.integers(-9, 9), min_size=1, max_size=8),
    row=st.lists(st.integers(-9, 9), min_size=1, max_size=8),
    shift=st.integers(0, 14),
    dtype=st.sampled_from(DTYPES),
    result=st.sampled_from([None, "float32", "int16"]),
    border=st.sampled_from(list(BORDERS)),
    seed=st.integers(0, 2**31),
)
def test_any_integers(shape, channels, column, row, shift, dtype, result, border, seed):
    rng = np.random.default_rng(seed)
    image = random_image(rng, shape if channels is None else (*shape, channels), dtype)
    taps = np.outer(column, row) / 2.0**shift
    anchor = (int(rng.integers(len(column))), int(rng.integers(len(row))))
    exact = correlate(image, taps, border, 77, anchor)
    words = {"border": border, "value": 77, "anchor": anchor, "dtype": result}
    try:
        got = fastconv.filter2d(image, taps, algorithm="fixed_point", **words)
    except ValueError as error:
        assert "does not serve" in str(error)
        got = fastconv.filter2d(image, taps, **words)
        limit = 0.55 if got.dtype.kind in "iu" else 1e-5 * (1 + np.abs(exact).max())
        inside = exact if got.dtype.kind == "f" else np.clip(exact, np.iinfo(got.dtype).min, np.iinfo(got.dtype).max)
        assert np.abs(got - inside).max() <= limit
        return
    want = exact.astype("f4") if got.dtype == np.float32 else saturated(exact, got.dtype)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", GAUSSIANS)
def test_gaussians_of_extremes(size, dtype, isa, rng):
    """Several tasks, and numbers that overflow what is too narrow."""
    taps = np.array(GAUSSIANS[size])
    image = random_image(rng, (150, 331), dtype)
    image[:40] = np.iinfo(dtype).max
    image[40:80] = np.iinfo(dtype).min
    want = divided(correlate(correlate(image, taps[:, None]), taps[None]), int(taps.sum()) ** 2, dtype)
    np.testing.assert_array_equal(fastconv.gaussian_blur(image, None, ksize=size), want)


@pytest.mark.parametrize("size", [3, 21])
def test_results_past_the_caches(size, isa, rng):
    image = random_image(rng, (1001, 701, 3), "uint16")
    sums = correlate(correlate(image, np.ones((size, 1))), np.ones((1, size)))
    np.testing.assert_array_equal(fastconv.box_blur(image, size), divided(sums, size**2, "uint16"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_are_exact(dtype, isa, rng):
    image = random_image(rng, (120, 150, 3), dtype)
    depth = cv2.CV_16S if dtype == "uint8" else cv2.CV_32F
    for axis in (0, 1):
        got = fastconv.sobel(image, axis)
        np.testing.assert_array_equal(got, cv2.Sobel(image, depth, axis, 1 - axis))
        np.testing.assert_array_equal(fastconv.scharr(image, axis), cv2.Scharr(image, depth, axis, 1 - axis))
        if dtype == "uint8":
            wide = fastconv.sobel(image, axis, dtype="float32")
            np.testing.assert_array_equal(wide, got)


def test_opencvs_gaussian_of_bytes_rounds_halves_up(isa, rng):
    """What differs are halves, each by one level."""
    image = random_image(rng, (300, 400), "uint8")
    for size, taps in GAUSSIANS.items():
        total = sum(taps) ** 2
        sums = correlate(image, np.outer(taps, taps)).astype(np.int64)
        got = fastconv.gaussian_blur(image, None, ksize=size)
        opencvs = cv2.GaussianBlur(image, (size, size), 0)
        differs = got != opencvs
        np.testing.assert_array_equal(sums[differs] % total, total // 2)
        np.testing.assert_array_equal(opencvs[differs], got[differs] + 1)
        assert differs.mean() <= float(Fraction(1, total)) * 0.7


def test_same_bits_for_any_number_of_threads(rng):
    image = random_image(rng, (400, 700, 3), "uint16")
    results = set()
    for threads in (1, 2, 3, 7):
        with fastconv.threads(threads):
            results.add(fastconv.box_blur(image, 21, algorithm="fixed_point").tobytes())
    assert len(results) == 1


@pytest.mark.parametrize(
    ("dtype", "kernel"),
    [
        ("float32", np.ones((3, 3))),
        ("int8", np.ones((3, 3)) / 9),
        ("uint8", [[1, 2], [2, 1]]),
        ("uint16", np.ones((3, 3))),
        ("uint8", np.full((3, 3), np.nan)),
        ("uint8", np.zeros((3, 3))),
    ],
)
def test_what_it_does_not_serve(dtype, kernel):
    with pytest.raises(ValueError, match="`algorithm` 'fixed_point' does not serve this kernel"):
        fastconv.filter2d(np.ones((5, 6), dtype), kernel, algorithm="fixed_point")
