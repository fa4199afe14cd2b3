"""Depthwise convolution, with channel multipliers, against its definition in float64."""

import conv_reference
import numpy as np
import pytest
from conv_cases import DTYPES, TOLERANCE, from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

LAYOUTS = ["channels_last", "channels_first"]


@st.composite
def geometries(draw):
    channels = draw(st.sampled_from([1, 2, 3, 7, 16, 19, 33, 70, 130]))
    multiplier = draw(st.sampled_from([1, 1, 1, 2, 3, 17]))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    square = st.integers(1, 7).map(lambda k: (k, k))
    kernel = draw(st.one_of(square, st.tuples(st.integers(1, 7), st.integers(1, 7))))
    strides = draw(st.one_of(st.sampled_from([(1, 1), (2, 2)]), pair))
    dilation = draw(st.one_of(st.just((1, 1)), pair))
    pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = draw(st.one_of(st.tuples(pads, pads), st.sampled_from(["same", "valid"])))
    size = [(k - 1) * d + 1 + draw(st.integers(0, 40)) for k, d in zip(kernel, dilation, strict=True)]
    return {
        "x": (draw(st.integers(1, 3)), *size, channels),
        "kernel": (*kernel, 1, channels * multiplier),
        "keywords": {
            "strides": strides,
            "padding": padding,
            "dilation_rate": dilation,
            "groups": channels,
            "data_format": draw(st.sampled_from(LAYOUTS)),
        },
    }


def resolved(padding, size, kernel, strides, dilation):
    """((top, bottom), (left, right)) of 'same' and 'valid'."""
    if not isinstance(padding, str):
        return padding
    pairs = []
    for n, k, s, d in zip(size, kernel, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) if padding == "same" else 0
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


@given(
    geometries(),
    st.sampled_from(list(TOLERANCE)),
    st.sampled_from(cpu.available_isas()),
    st.sampled_from(["depthwise", "auto"]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_any_geometry(geometry, dtype, isa, algorithm, biased, seed):
    rng = np.random.default_rng(seed)
    words = geometry["keywords"]
    fmt = words["data_format"]
    x, kernel, bias = (
        rng.standard_normal(shape).astype(DTYPES[dtype])
        for shape in (geometry["x"], geometry["kernel"], geometry["kernel"][3:])
    )
    bias = bias if biased else None
    padding = resolved(words["padding"], x.shape[1:3], kernel.shape[:2], words["strides"], words["dilation_rate"])
    plain = words["strides"], padding, words["dilation_rate"], words["groups"]
    with cpu.use_isa(isa):
        y = fastconv.conv2d(in_layout(x, fmt), kernel, bias, algorithm=algorithm, **words)
    want = conv_reference.conv2d(x, kernel, bias, *plain)
    scale = conv_reference.conv2d(abs(x), abs(kernel), None if bias is None else abs(bias), *plain)
    assert y.dtype == DTYPES[dtype]
    got = from_layout(y, fmt).astype(np.float64)
    assert got.shape == want.shape
    assert np.linalg.norm((got - want).ravel()) <= TOLERANCE[dtype] * np.linalg.norm(scale.ravel())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("data_format", LAYOUTS)
def test_a_bad_input_reaches_exactly_the_windows_that_cover_it(bad, kernel, data_format, isa, rng):
    x = rng.standard_normal((2, 12, 21, 18), dtype=np.float32)
    weights = rng.standard_normal((kernel, kernel, 1, 36), dtype=np.float32)
    x[1, 6, 9, 17] = bad
    y = fastconv.conv2d(in_layout(x, data_format), weights, groups=18, data_format=data_format, algorithm="depthwise")
    touched = np.zeros(from_layout(y, data_format).shape, bool)
    touched[1, 7 - kernel : 7, 10 - kernel : 10, 34:] = True
    np.testing.assert_array_equal(~np.isfinite(from_layout(y, data_format)), touched)


@pytest.mark.parametrize("algorithm", ["depthwise", "packed"])
@pytest.mark.parametrize("data_format", LAYOUTS)
def test_padding_takes_part_as_zeros(algorithm, data_format, isa):
    kernel = np.ones((3, 3, 1, 20), np.float32)
    kernel[0, 0] = np.nan
    x = in_layout(np.ones((1, 4, 4, 20), np.float32), data_format)
    y = fastconv.conv2d(x, kernel, groups=20, padding="same", data_format=data_format, algorithm=algorithm)
    assert np.isnan(y).all()


@pytest.mark.parametrize("activation", ["relu", "relu6", "sigmoid"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("data_format", LAYOUTS)
def test_fused_activation(activation, dtype, multiplier, data_format, isa, rng):
    x, kernel, bias = (
        rng.standard_normal(shape).astype(DTYPES[dtype])
        for shape in ((2, 9, 11, 21), (3, 3, 1, 21 * multiplier), (21 * multiplier,))
    )
    words = {"groups": 21, "data_format": data_format, "padding": "same", "algorithm": "depthwise"}
    fused = fastconv.conv2d(in_layout(x, data_format), kernel, bias, activation=activation, **words)
    apart = getattr(fastconv, activation)(fastconv.conv2d(in_layout(x, data_format), kernel, bias, **words))
    if dtype == "bfloat16" and activation == "sigmoid":  # rounded once instead of twice
        np.testing.assert_allclose(fused.astype(float), apart.astype(float), rtol=0.05)
    else:
        np.testing.assert_array_equal(fused, apart)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("data_format", LAYOUTS)
def test_bits_depend_neither_on_threads_nor_on_the_batch(dtype, multiplier, data_format, rng):
    x = in_layout(rng.standard_normal((3, 61, 67, 96)).astype(dtype), data_format)
    kernel = rng.standard_normal((3, 3, 1, 96 * multiplier)).astype(dtype)
    words = {"groups": 96, "data_format": data_format, "padding": "same", "algorithm": "depthwise"}
    with fastconv.threads(1):
        want = fastconv.conv2d(x, kernel, **words)
    for count in (2, 5):
        with fastconv.threads(count):
            np.testing.assert_array_equal(fastconv.conv2d(x, kernel, **words), want)
    for i in range(3):
        np.testing.assert_array_equal(fastconv.conv2d(x[i : i + 1], kernel, **words)[0], want[i])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("data_format", LAYOUTS)
def test_auto_takes_it(dtype, data_format):
    shape = (1, 56, 56, 96) if data_format == "channels_last" else (1, 96, 56, 56)
    for size in (3, 5):
        plan = fastconv.plan_conv2d(
            shape, (size, size, 1, 96), groups=96, dtype=DTYPES[dtype], data_format=data_format, padding="same"
        )
        assert plan["algorithm"] == "depthwise"
        assert plan["scratch_bytes"] < 4 << 20


def test_layers_it_does_not_serve():
    x = np.ones((1, 5, 5, 4), np.float32)
    with pytest.raises(ValueError, match="`algorithm` 'depthwise' needs one input channel a group"):
        fastconv.conv2d(x, np.ones((3, 3, 2, 4), np.float32), groups=2, algorithm="depthwise")
    with pytest.raises(ValueError, match="`algorithm` 'depthwise' needs"):
        fastconv.conv2d(
            np.ones((1, 5, 5003, 4), np.float32),
            np.ones((3, 3, 1, 4), np.float32),
            groups=4,
            strides=5000,
            algorithm="depthwise",
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("channels", "multiplier"), [(16, 1), (37, 1), (9, 3)])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [((7, 7), 3, 1), ((14, 14), 3, 2), ((7, 6), 5, 1), ((2, 3), 3, 1), ((1, 1), 3, 1)]
)
def test_small_planes_agree_in_both_layouts(dtype, channels, multiplier, size, kernel, stride, isa, rng):
    x = rng.standard_normal((2, *size, channels)).astype(DTYPES[dtype])
    weights = rng.standard_normal((kernel, kernel, 1, channels * multiplier)).astype(DTYPES[dtype])
    bias = rng.standard_normal(channels * multiplier).astype(DTYPES[dtype])
    words = {"strides": stride, "padding": "same", "groups": channels, "activation": "relu"}
    words["algorithm"] = "depthwise"
    results = [fastconv.conv2d(in_layout(x, layout), weights, bias, data_format=layout, **words) for layout in LAYOUTS]
    last, first = (from_layout(y, layout) for y, layout in zip(results, LAYOUTS, strict=True))
    error = 8 * TOLERANCE[dtype]
    np.testing.assert_allclose(first.astype(float), last.astype(float), rtol=error, atol=error)
