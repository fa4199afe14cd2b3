"""Batch normalization, sums and columns of the core against NumPy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import _core

IDS = {np.dtype("float32"): _core.DTYPES["float32"], np.dtype("float64"): _core.DTYPES["float64"]}
EPSILON = 1e-3


def forward(x, scale, offset, added, relu):
    """y, mean and variance by the core."""
    _, channels, _ = x.shape
    core = _core.BatchNorm(IDS[x.dtype], *x.shape, EPSILON, relu)
    y, mean, variance = np.empty_like(x), np.empty(channels), np.empty(channels)
    core.forward(x, scale, offset, added, mean, variance, y)
    return y, mean, variance


def gradients(x, scale, offset, added, relu, mean, variance, dy):
    core = _core.BatchNorm(IDS[x.dtype], *x.shape, EPSILON, relu)
    dx, dadded = np.empty_like(x), None if added is None else np.empty_like(x)
    dscale, doffset = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    core.grads(x, scale, offset, added, mean, variance, dy, dx, dscale, doffset, dadded)
    return dx, dscale, doffset, dadded


def expected(x, scale, offset, added, relu, dy):
    """All of it by the formulas, in float64; the last is how far z is from where the rectifier bends."""
    x, scale, offset, dy = (np.asarray(array, np.float64) for array in (x, scale, offset, dy))
    mean, variance = x.mean((0, 2)), x.var((0, 2))
    inverse = 1 / np.sqrt(variance + EPSILON)
    along = (slice(None), None)
    normal = (x - mean[along]) * inverse[along]
    z = normal * scale[along] + offset[along] + (0 if added is None else added)
    y, g = (np.maximum(z, 0), dy * (z > 0)) if relu else (z, dy)
    count = x.shape[0] * x.shape[2]
    doffset, dscale = g.sum((0, 2)), (g * normal).sum((0, 2))
    dx = (scale * inverse)[along] * (g - (doffset[along] + normal * dscale[along]) / count)
    return (y, mean, variance), (dx, dscale, doffset, g), np.abs(z).min() if relu else 1.0


sizes = st.tuples(st.integers(1, 300), st.integers(1, 150), st.sampled_from([1, 1, 1, 2, 7, 25, 64, 130])).filter(
    lambda shape: np.prod(shape) <= 60_000
)


@settings(max_examples=60, deadline=None)
@given(sizes, st.sampled_from(["", "relu", "added"]), st.booleans(), st.integers(0, 2**32 - 1))
def test_statistics_results_and_gradients_are_those_of_the_formulas(shape, kind, has_parameters, seed):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal(shape) * 2 + 3, rng.standard_normal(shape)
    added = rng.standard_normal(shape) if kind == "added" else None
    scale, offset = (rng.standard_normal(shape[1]) if has_parameters else None for _ in range(2))
    ones, zeros = np.ones(shape[1]), np.zeros(shape[1])
    numbers = (ones if scale is None else scale), (zeros if offset is None else offset)
    (y, mean, variance), reverse, least = expected(x, *numbers, added, bool(kind), dy)
    found = forward(x, scale, offset, added, bool(kind))
    for got, want in zip(found, (y, mean, variance), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)
    if least < 1e-10:  # on which side of the bend it lies is a matter of rounding
        return
    got = gradients(x, scale, offset, added, bool(kind), *found[1:], dy)
    for array, want in zip(got, reverse, strict=True):
        if array is not None:
            np.testing.assert_allclose(array, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(5000, 16, 1), (700, 100, 1), (20, 3, 900)])
def test_float32_keeps_the_digits_of_numbers_far_from_0(shape):
    rng = np.random.default_rng(1)
    x = (rng.standard_normal(shape) + 1000).astype(np.float32)
    dy = rng.standard_normal(shape).astype(np.float32)
    scale, offset = (rng.standard_normal(shape[1]).astype(np.float32) for _ in range(2))
    results, reverse, _ = expected(x, scale, offset, None, False, dy)
    found = forward(x, scale, offset, None, False)
    np.testing.assert_allclose(found[1], results[1], rtol=1e-9)
    np.testing.assert_allclose(found[2], results[2], rtol=1e-5)
    np.testing.assert_allclose(found[0], results[0], atol=1e-5)
    got = gradients(x, scale, offset, None, False, *found[1:], dy)
    count = shape[0] * shape[2]
    np.testing.assert_allclose(got[0], reverse[0], atol=1e-5)
    for array, want in zip(got[1:3], reverse[1:3], strict=True):
        np.testing.assert_allclose(array, want, atol=1e-6 * count)


@pytest.mark.parametrize("shape", [(9000, 12, 1), (600, 130, 1), (40, 5, 333)])
def test_any_number_of_threads_gives_the_same_bits(shape):
    rng = np.random.default_rng(2)
    x, dy, added = (rng.standard_normal(shape).astype(np.float32) for _ in range(3))
    scale, offset = (rng.standard_normal(shape[1]).astype(np.float32) for _ in range(2))
    results = []
    for threads in (1, 2, 3):
        fastconv.set_num_threads(threads)
        try:
            found = forward(x, scale, offset, added, True)
            results.append([*found, *gradients(x, scale, offset, added, True, *found[1:], dy)])
        finally:
            fastconv.set_num_threads(None)
    for others in results[1:]:
        for got, want in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(got, want)


def test_results_may_lie_where_the_inputs_were():
    rng = np.random.default_rng(3)
    x, added, dy = (rng.standard_normal((300, 5, 1)) for _ in range(3))
    want = forward(x, None, None, added, True)
    core = _core.BatchNorm(IDS[x.dtype], *x.shape, EPSILON, True)
    in_place, mean, variance = added.copy(), np.empty(5), np.empty(5)
    core.forward(x, None, None, in_place, mean, variance, in_place)
    np.testing.assert_array_equal(in_place, want[0])
    dx, _, _, dadded = gradients(x, None, None, added, True, mean, variance, dy)
    got, masked = dy.copy(), np.empty_like(dy)
    core.grads(x, None, None, added, mean, variance, got, got, None, None, masked)
    np.testing.assert_array_equal(got, dx)
    np.testing.assert_array_equal(masked, dadded)


def test_what_does_not_fit_is_refused():
    x, two = np.zeros((3, 2, 1)), np.zeros(2)
    with pytest.raises(ValueError, match="a buffer of"):
        _core.BatchNorm(IDS[x.dtype], 3, 2, 1, EPSILON, False).forward(x, None, None, None, np.zeros(3), two, x)
    with pytest.raises(ValueError):
        _core.BatchNorm(IDS[x.dtype], 0, 2, 1, EPSILON, False).forward(x[:0], None, None, None, two, two, x[:0])
    with pytest.raises(ValueError):  # a sum without a rectifier
        _core.BatchNorm(IDS[x.dtype], 3, 2, 1, EPSILON, False).forward(x, None, None, x, two, two, np.empty_like(x))


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (1, 100_003), (4000, 16), (3, 50_000), (70_000, 1)])
@pytest.mark.parametrize("dtype", IDS)
def test_sums_are_numpys(shape, dtype):
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[1]).astype(dtype)
    y = np.empty_like(a)
    _core.add(IDS[dtype], *shape, a, b, y)
    np.testing.assert_array_equal(y, a + b)
    _core.add(IDS[dtype], *shape, a, b, a)
    np.testing.assert_array_equal(a, y)


@pytest.mark.parametrize("rows", [0, 1, 5, 20_000])
def test_columns_are_joined_and_parted(rows):
    rng, counts = np.random.default_rng(5), (3, 0, 16, 7)
    parts = [rng.standard_normal((rows, count)) for count in counts]
    whole, number = np.empty((rows, sum(counts))), IDS[np.dtype("float64")]
    _core.join_columns(number, rows, list(zip(parts, counts, strict=True)), whole)
    np.testing.assert_array_equal(whole, np.concatenate(parts, 1))
    found = [np.full_like(part, np.nan) for part in parts]
    _core.part_columns(number, rows, whole, [(None if i == 2 else found[i], counts[i]) for i in range(4)])
    for i in (0, 1, 3):
        np.testing.assert_array_equal(found[i], parts[i])
    assert np.isnan(found[2]).all()
