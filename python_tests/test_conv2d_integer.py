"""conv2d of 8-bit integers: exact sums in int32, against the definition in float64, which is exact at these sizes."""

import conv_reference
import numpy as np
import pytest
from conv_cases import from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

BYTES = ["int8", "uint8"]
pairs = pytest.mark.parametrize(("x_dtype", "kernel_dtype"), [(a, b) for a in BYTES for b in BYTES])


def random(rng, dtype, shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def wrapped(sums):
    """float64 integers modulo 2^32, as int32."""
    return sums.astype(np.int64).astype(np.int32)


@st.composite
def geometries(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    c_in, c_out = (groups * draw(st.sampled_from(sizes)) for sizes in ([1, 2, 3, 4, 5, 17, 40], [1, 2, 6, 16, 33, 70]))
    if draw(st.integers(0, 5)) == 0:
        groups = c_in
        c_out = c_in * draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    strides, dilation = draw(pair), draw(pair)
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.tuples(pads, pads))
    size = [(k - 1) * d + 1 + draw(st.integers(0, 19)) for k, d in zip(kernel, dilation, strict=True)]
    return {
        "x": (draw(st.integers(1, 3)), *size, c_in),
        "kernel": (*kernel, c_in // groups, c_out),
        "keywords": {
            "strides": strides,
            "padding": padding,
            "dilation_rate": dilation,
            "groups": groups,
            "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
            "activation": draw(st.sampled_from([None, "relu"])),
        },
    }


@given(
    geometries(),
    st.sampled_from(BYTES),
    st.sampled_from(BYTES),
    st.booleans(),
    st.sampled_from(cpu.available_isas()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=300, deadline=None)
def test_any_geometry(geometry, x_dtype, kernel_dtype, biased, isa, seed):
    rng = np.random.default_rng(seed)
    words = geometry["keywords"]
    fmt = words["data_format"]
    x, kernel = random(rng, x_dtype, geometry["x"]), random(rng, kernel_dtype, geometry["kernel"])
    bias = random(rng, "int32", kernel.shape[3:]) if biased else None
    with cpu.use_isa(isa):
        y = fastconv.conv2d(in_layout(x, fmt), kernel, bias, **words)
        prepared = fastconv.prepare_conv2d(kernel, bias, **words)(in_layout(x, fmt))
    np.testing.assert_array_equal(prepared, y)
    plain = [words[name] for name in ("strides", "padding", "dilation_rate", "groups")]
    want = wrapped(conv_reference.conv2d(x, kernel, bias, *plain))
    if words["activation"]:
        want = np.maximum(want, 0)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(from_layout(y, fmt), want)


@pytest.mark.parametrize(
    ("strides", "dilation", "shape", "kernel_shape"),
    [
        (1, 1, (1, 5, 3000, 40), (3, 3, 40, 20)),  # rows too long for a block
        (1, 1, (1, 3000, 5, 40), (3, 3, 40, 20)),
        (50, 1, (1, 160, 160, 9), (2, 3, 9, 20)),  # windows far apart
        (1, 20, (1, 60, 60, 3), (3, 3, 3, 20)),  # cells far apart
        (1, 1, (1, 9, 9, 2000), (3, 3, 2000, 34)),  # long sums
        (1, 1, (3, 7, 7, 64), (1, 1, 64, 300)),  # few pixels, many outputs
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_blocks(strides, dilation, shape, kernel_shape, data_format, rng):
    x, kernel = random(rng, "int8", shape), random(rng, "int8", kernel_shape)
    y = fastconv.conv2d(
        in_layout(x, data_format),
        kernel,
        strides=strides,
        dilation_rate=dilation,
        padding=((1, 2), (2, 1)),
        data_format=data_format,
    )
    want = conv_reference.conv2d(x, kernel, None, (strides,) * 2, ((1, 2), (2, 1)), (dilation,) * 2, 1)
    np.testing.assert_array_equal(from_layout(y, data_format), wrapped(want))


@pairs
@pytest.mark.parametrize("ends", [("max", "min"), ("max", "max"), ("min", "min"), ("min", "max")])
def test_extremes_do_not_saturate(x_dtype, kernel_dtype, ends, isa):
    values = [int(getattr(np.iinfo(dtype), end)) for dtype, end in zip((x_dtype, kernel_dtype), ends, strict=True)]
    x, kernel = np.full((1, 5, 5, 150), values[0], x_dtype), np.full((3, 3, 150, 33), values[1], kernel_dtype)
    y = fastconv.conv2d(x, kernel, padding="same")
    taps = np.array([2, 3, 3, 3, 2])
    want = values[0] * values[1] * 150 * np.multiply.outer(taps, taps)
    np.testing.assert_array_equal(y, np.broadcast_to(want[None, :, :, None], y.shape))


def test_sums_wrap_at_32_bits():
    x, kernel = np.full((1, 1, 1, 40000), 255, np.uint8), np.full((1, 1, 40000, 2), 255, np.uint8)
    bias = np.array([0, 2**31 - 1], np.int32)
    want = wrapped(np.array([255.0 * 255 * 40000, 255.0 * 255 * 40000 + 2**31 - 1]))
    np.testing.assert_array_equal(fastconv.conv2d(x, kernel, bias).ravel(), want)


def test_any_number_of_threads_and_any_batch_give_the_same(rng):
    x, kernel = random(rng, "int8", (3, 30, 31, 20)), random(rng, "int8", (3, 3, 20, 50))
    y = fastconv.conv2d(x, kernel, padding="same")
    with fastconv.threads(1):
        np.testing.assert_array_equal(fastconv.conv2d(x, kernel, padding="same"), y)
    np.testing.assert_array_equal(fastconv.conv2d(x[1:2], kernel, padding="same"), y[1:2])


def test_arrays_of_any_memory_layout_and_out(rng):
    x, kernel = random(rng, "uint8", (2, 9, 8, 6)), random(rng, "int8", (3, 3, 6, 5))
    bias = random(rng, "int16", (5,)).astype(np.int32)
    want = fastconv.conv2d(x, kernel, bias)
    strided = np.repeat(x, 2, axis=2)[:, :, ::2]
    np.testing.assert_array_equal(fastconv.conv2d(strided, np.asfortranarray(kernel), bias.astype(">i4")), want)
    out = np.empty((*want.shape[:3], 10), np.int32)[..., ::2]
    prepared = fastconv.prepare_conv2d(kernel, bias)
    for call in (lambda: fastconv.conv2d(x, kernel, bias, out=out), lambda: prepared(x, out=out)):
        out[...] = -1
        assert call() is out
        np.testing.assert_array_equal(out, want)
    kernel[...] = 0
    np.testing.assert_array_equal(prepared(x), want)


@pairs
def test_prepared_takes_both_kinds_of_bytes_and_any_size(x_dtype, kernel_dtype, rng):
    kernel = random(rng, kernel_dtype, (3, 2, 5, 7))
    prepared = fastconv.prepare_conv2d(kernel, padding="same", strides=2)
    for size in (1, 6, 40):
        x = random(rng, x_dtype, (2, size, size + 1, 5))
        np.testing.assert_array_equal(prepared(x), fastconv.conv2d(x, kernel, padding="same", strides=2))


def test_empty(rng):
    kernel = random(rng, "int8", (3, 3, 4, 5))
    assert fastconv.conv2d(np.empty((0, 6, 6, 4), np.int8), kernel).shape == (0, 4, 4, 5)
    assert fastconv.conv2d(np.empty((2, 6, 6, 4), np.int8), kernel[..., :0]).shape == (2, 4, 4, 0)
    bias = np.arange(5, dtype=np.int32)
    y = fastconv.conv2d(np.empty((1, 6, 6, 0), np.uint8), kernel[:, :, :0], bias)
    np.testing.assert_array_equal(y, np.broadcast_to(bias, (1, 4, 4, 5)))


def test_one_side_of_8_bits_is_converted_to_float(rng):
    x, kernel = random(rng, "int8", (1, 6, 6, 4)), random(rng, "int8", (3, 3, 4, 5))
    want = conv_reference.conv2d(x, kernel, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    for a, b in [(x.astype(np.float32), kernel), (x, kernel.astype(np.float32)), (x.astype(np.int16), kernel)]:
        y = fastconv.conv2d(a, b)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, want)


def test_plan():
    plan = fastconv.plan_conv2d((8, 28, 28, 64), (3, 3, 64, 128), padding="same", dtype="uint8")
    assert (plan["algorithm"], plan["output_shape"]) == ("integer", (8, 28, 28, 128))
    assert plan["bytes"] == 8 * 28 * 28 * 64 + 9 * 64 * 128 + 4 * 8 * 28 * 28 * 128
    for empty in ((0, 5, 5, 4), (2, 0, 5, 4)):
        assert fastconv.plan_conv2d(empty, (1, 1, 4, 6), dtype="int8")["tasks"] == 0
    assert fastconv.plan_conv2d((1, 5, 5, 4), (1, 1, 4, 0), dtype="int8")["flops"] == 0


def test_algorithm_by_name(rng):
    x, kernel = random(rng, "int8", (1, 6, 6, 4)), random(rng, "uint8", (3, 3, 4, 5))
    np.testing.assert_array_equal(fastconv.conv2d(x, kernel, algorithm="integer"), fastconv.conv2d(x, kernel))
    with pytest.raises(ValueError, match=r"`algorithm` 'packed' needs a float dtype; received .*int8"):
        fastconv.conv2d(x, kernel, algorithm="packed")
    with pytest.raises(ValueError, match=r"`algorithm` 'integer' needs .* received .*float32"):
        fastconv.conv2d(x.astype(np.float32), kernel.astype(np.float32), algorithm="integer")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"activation": "sigmoid"}, TypeError, "`activation` must be None or 'relu' .* received 'sigmoid'"),
        ({"bias": np.zeros(5, np.float32)}, TypeError, "`bias` must be int32 .* received dtype float32"),
        ({"bias": np.zeros(5, np.int64)}, TypeError, "`bias` must be int32 .* received dtype int64"),
        ({"bias": np.zeros(4, np.int32)}, ValueError, r"`bias` must have shape \(5,\)"),
        ({"kernel": np.zeros((3, 3, 4), np.int8)}, ValueError, "`kernel` must have 4 dimensions"),
        ({"x": np.zeros((6, 4), np.int8)}, ValueError, "`x` must have 4 dimensions"),
        ({"out": np.zeros((1, 4, 4, 5), np.float32)}, TypeError, "`out` must have dtype int32"),
        ({"kernel": np.zeros((3, 3, 3, 5), np.int8)}, ValueError, "`kernel` must have 4"),
    ],
)
def test_bad_arguments(change, error, message):
    words = {"x": np.zeros((1, 6, 6, 4), np.uint8), "kernel": np.zeros((3, 3, 4, 5), np.int8)} | change
    with pytest.raises(error, match=message):
        fastconv.conv2d(**words)
    if set(change) <= {"activation", "bias"}:
        del words["x"]
        with pytest.raises(error, match=message):
            fastconv.prepare_conv2d(**words)


def test_prepared_bytes_refuse_other_images():
    prepared = fastconv.prepare_conv2d(np.zeros((3, 3, 4, 5), np.int8))
    with pytest.raises(TypeError, match=r"`x` must be int8 or uint8 .* received float32"):
        prepared(np.zeros((1, 6, 6, 4), np.float32))
    with pytest.raises(TypeError, match=r"`x` must be float32 .* received float64"):
        fastconv.prepare_conv2d(np.zeros((3, 3, 4, 5), np.float32))(np.zeros((1, 6, 6, 4), np.int32))
