"""Products of bfloat16 planes: the precision promised, values the planes cannot hold, the same bits on any thread."""

import conv_reference
import ml_dtypes
import numpy as np
import pytest
from conv_cases import from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

PROMISES = {"highest": 1e-6, "high": 1e-5, "medium": 1e-2}
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@pytest.fixture
def precision():
    """Sets the precision for the length of a test."""
    yield fastconv.set_float32_precision
    fastconv.set_float32_precision("highest")


def convolve(x, *operands, data_format, **words):
    """conv2d of a channels_last image in the layout asked for, its result as channels_last."""
    y = fastconv.conv2d(in_layout(x, data_format), *operands, data_format=data_format, **words)
    return from_layout(y, data_format)


def reference(x, kernel, bias=None, strides=(1, 1), padding=((0, 0), (0, 0)), dilation_rate=(1, 1), groups=1):
    return conv_reference.conv2d(x, kernel, bias, strides, padding, dilation_rate, groups)


def normals(rng, *shapes):
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


@st.composite
def geometries(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    c_in, c_out = (groups * draw(st.sampled_from(sizes)) for sizes in ([1, 3, 17, 32, 40, 64, 96], [1, 2, 16, 33, 70]))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    dilation = draw(pair)
    size = [(k - 1) * d + 1 + draw(st.integers(0, 19)) for k, d in zip(kernel, dilation, strict=True)]
    words = {"strides": draw(pair), "padding": draw(st.tuples(pads, pads)), "dilation_rate": dilation, "groups": groups}
    return (draw(st.integers(1, 3)), *size, c_in), (*kernel, c_in // groups, c_out), words


@given(
    geometries(),
    st.sampled_from(["channels_last", "channels_first"]),
    st.sampled_from(list(PROMISES)),
    st.sampled_from(cpu.available_isas()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_geometry(geometry, data_format, precision, isa, seed):
    rng = np.random.default_rng(seed)
    x_shape, kernel_shape, words = geometry
    x, kernel, bias = normals(rng, x_shape, kernel_shape, kernel_shape[3:])
    fastconv.set_float32_precision(precision)
    try:
        with cpu.use_isa(isa):
            keywords = words | {"data_format": data_format, "algorithm": "split"}
            got = fastconv.conv2d(in_layout(x, data_format), kernel, bias, **keywords)
            prepared = fastconv.prepare_conv2d(kernel, bias, **keywords)(in_layout(x, data_format))
    finally:
        fastconv.set_float32_precision("highest")
    np.testing.assert_array_equal(got, prepared)
    scale = reference(abs(x), abs(kernel), abs(bias), **words)
    error = np.linalg.norm(from_layout(got, data_format) - reference(x, kernel, bias, **words))
    assert error <= PROMISES[precision] * np.linalg.norm(scale)


@pytest.mark.parametrize("word", PROMISES)
@pytest.mark.parametrize("channels", [64, 556, 1100])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_promise_on_long_sums(word, channels, data_format, isa, precision, rng):
    x, kernel = normals(rng, (2, 9, 8, channels), (3, 3, channels, 40))
    want = reference(x, kernel)
    precision(word)
    got = convolve(x, kernel, data_format=data_format, algorithm="split")
    assert np.linalg.norm(got - want) <= PROMISES[word] * np.linalg.norm(want)


@pytest.mark.parametrize(
    ("dtype", "algorithm", "tolerance"), [(np.float16, "split", 1e-3), (BFLOAT16, "bfloat16", 8e-3)]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_half_types(dtype, algorithm, tolerance, data_format, isa, rng):
    x, kernel, bias = (rng.standard_normal(s).astype(dtype) for s in ((2, 12, 11, 50), (3, 3, 50, 20), (20,)))
    want = reference(x, kernel, bias, padding=((1, 1), (1, 1)))
    got = convolve(x, kernel, bias, padding="same", data_format=data_format, algorithm=algorithm)
    assert got.dtype == dtype
    error = np.linalg.norm(got.astype(np.float64) - want)
    assert error <= tolerance * np.linalg.norm(want)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("channels", "groups"), [(8, 1), (64, 2)])
def test_a_bad_input_reaches_exactly_the_windows_that_cover_it(bad, data_format, channels, groups, isa, rng):
    x, kernel, bias = normals(rng, (3, 32, 33, channels), (3, 3, channels // groups, 20), (20,))
    x[1, 6, 7, 0] = bad
    y = convolve(x, kernel, bias, padding="same", groups=groups, data_format=data_format, algorithm="split")
    touched = np.zeros(y.shape, bool)
    touched[1, 5:8, 6:9, : 20 // groups] = True
    np.testing.assert_array_equal(~np.isfinite(y), touched)
    x[1, 6, 7, 0] = 0
    want = reference(x, kernel, bias, padding=((1, 1), (1, 1)), groups=groups)
    assert np.linalg.norm((y - want)[~touched]) <= 1e-6 * np.linalg.norm(want)


@pytest.mark.parametrize("extreme", [np.nan, np.inf, 1e38, 1e-40, 1e-30])
@pytest.mark.parametrize("word", PROMISES)
def test_an_extreme_kernel_gives_what_the_packed_engine_gives(extreme, word, isa, precision, rng):
    x, kernel, bias = normals(rng, (2, 9, 9, 5), (3, 3, 5, 20), (20,))
    kernel[1, 2, 3, 4] = extreme
    precision(word)
    got, want = (fastconv.conv2d(x, kernel, bias, activation="relu", algorithm=name) for name in ("split", "packed"))
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("scale", [1e-43, 1e-30, 1e-22, 1e22, 1e30])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_an_image_beyond_the_range_of_the_planes(scale, data_format, isa, rng):
    x, kernel = normals(rng, (1, 14, 15, 6), (3, 3, 6, 20))
    x[0, 3:9] *= np.float32(scale)
    got, want = (convolve(x, kernel, data_format=data_format, algorithm=name) for name in ("split", "packed"))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=np.abs(want).max() * 1e-6)
    np.testing.assert_array_equal(got[0, 3:7], want[0, 3:7])


@pytest.mark.parametrize("word", PROMISES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_threads_give_the_same_bits(word, data_format, isa, precision, rng):
    x, kernel = normals(rng, (2, 28, 29, 70), (3, 3, 70, 100))
    x[1, 20, 20, 3] = 1e30
    precision(word)
    results = []
    for threads in (1, 2, 3):
        with fastconv.threads(threads):
            results.append(convolve(x, kernel, data_format=data_format, algorithm="split"))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_a_prepared_kernel_keeps_its_precision(precision, rng):
    x, kernel = normals(rng, (1, 9, 9, 8), (3, 3, 8, 16))
    precision("high")
    want, prepared = fastconv.conv2d(x, kernel, algorithm="split"), fastconv.prepare_conv2d(kernel, algorithm="split")
    for word in PROMISES:
        precision(word)
        np.testing.assert_array_equal(prepared(x), want)


@pytest.mark.parametrize("size", [(3, 1), (13, 1), (1, 1)])
@pytest.mark.parametrize("c_in", [8, 24, 100])
def test_few_pixels_alone_do_not_bring_products_of_bfloat16(size, c_in, isa, precision, rng):
    x, kernel = normals(rng, (5, c_in, *size), (1, 1, c_in, 16))
    x[0, 3] = 1e6
    words = {"strides": (2, 1), "data_format": "channels_first"}
    precision("high")
    found = [fastconv.conv2d(x, kernel, **words), fastconv.prepare_conv2d(kernel, **words)(x)]
    exact, sizes = (f(x[:, :, ::2].astype(np.float64)) for f in (np.copy, np.abs))
    want = np.einsum("ncij,co->noij", exact, kernel[0, 0])
    weight = np.einsum("ncij,co->noij", sizes, abs(kernel[0, 0]))
    promise = 8 * 256 if isa == "amx" else 32  # three products of bfloat16 take less time than one of floats there
    for got in found:
        assert (abs(got - want) <= promise * 2.0**-24 * weight).all()


def test_what_each_serves():
    x, kernel = np.zeros((1, 5, 5, 2)), np.zeros((3, 3, 2, 2))
    with pytest.raises(ValueError, match=r"`algorithm` 'split' needs float32 or float16; received .* float64"):
        fastconv.conv2d(x, kernel, algorithm="split")
    with pytest.raises(ValueError, match="`algorithm` 'bfloat16' needs bfloat16, or float32 at precision 'medium'"):
        fastconv.conv2d(x.astype(np.float32), kernel.astype(np.float32), algorithm="bfloat16")
