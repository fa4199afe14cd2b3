"""conv2d_pool2d against conv2d and the pooling functions."""

import numpy as np
import pytest
from conv_cases import in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(
    st.tuples(st.integers(1, 3), st.integers(9, 60), st.integers(9, 40), st.sampled_from([1, 3, 20])),
    st.sampled_from([1, 6, 33]),
    st.integers(1, 5),
    pairs,
    st.sampled_from(["valid", "same"]),
    pairs,
    st.sampled_from([None, (1, 1), (2, 3)]),
    st.sampled_from(["valid", "same"]),
    st.sampled_from(["max", "avg"]),
    st.sampled_from(["channels_last", "channels_first"]),
    st.sampled_from([np.float32, np.float64, np.float16]),
    st.sampled_from(cpu.available_isas()),
    st.sampled_from([None, "relu", "tanh"]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_equals_the_two_calls(
    shape, filters, k, strides, padding, pool_size, pool_strides, pool_padding, pool, fmt, dtype, isa, activation, seed
):
    rng = np.random.default_rng(seed)
    x, kernel, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, (k, k, shape[3], filters), (filters,)))
    x = in_layout(x, fmt)
    words = {"strides": strides, "padding": padding, "data_format": fmt, "activation": activation}
    windows = {"pool_size": pool_size, "pool_strides": pool_strides, "pool_padding": pool_padding}
    with cpu.use_isa(isa):
        whole = fastconv.conv2d(x, kernel, bias, **words)
        linear = fastconv.conv2d(x, kernel, bias, **{**words, "activation": None})
        two = fastconv.max_pool2d if pool == "max" else fastconv.avg_pool2d
        try:
            want = two(whole, pool_size, strides=pool_strides, padding=pool_padding, data_format=fmt)
        except ValueError:
            with pytest.raises(ValueError, match="pool"):
                fastconv.conv2d_pool2d(x, kernel, bias, pool=pool, **windows, **words)
            return
        got = fastconv.conv2d_pool2d(x, kernel, bias, pool=pool, **windows, **words)
        with fastconv.threads(3):
            again = fastconv.conv2d_pool2d(x, kernel, bias, pool=pool, **windows, **words)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, again)
    scale = abs(linear.astype(np.float64)).max(initial=1)
    bound = {np.float32: 2e-6, np.float64: 1e-14, np.float16: 2e-3}[dtype]
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=0, atol=bound * scale)


@pytest.mark.parametrize(
    "algorithm, shape, kernel_shape, groups",
    [
        ("depthwise", (1, 10, 10, 1), (5, 5, 1, 33), 1),
        ("depthwise", (2, 32, 37, 1), (5, 5, 1, 33), 1),
        ("depthwise", (1, 16, 13, 3), (5, 5, 1, 18), 3),
        ("depthwise", (1, 12, 24, 1), (2, 2, 1, 33), 1),
        ("split", (3, 10, 2, 1), (2, 2, 1, 1), 1),
        ("split", (2, 7, 1, 64), (3, 1, 64, 40), 1),
        ("direct", (2, 9, 1, 3), (2, 1, 3, 20), 1),
    ],
)
def test_bands_read_the_kernel_as_the_whole_packed_it(algorithm, shape, kernel_shape, groups, isa, rng):
    """Planes of a band are smaller than the layer's: down to a pixel, or small enough to be computed another way."""
    x = in_layout(rng.standard_normal(shape, dtype=np.float32), "channels_first")
    kernel, bias = (rng.standard_normal(size, dtype=np.float32) for size in (kernel_shape, kernel_shape[3]))
    words = {"groups": groups, "data_format": "channels_first"}
    exact = (array.astype(np.float64) for array in (x, kernel, bias))
    want = fastconv.conv2d(*exact, algorithm="packed", **words)
    got = fastconv.conv2d_pool2d(x, kernel, bias, pool_size=1, algorithm=algorithm, **words)
    assert np.linalg.norm(got - want) < 1e-6 * np.linalg.norm(want)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool_size", [(1, 1), (1, 2), (2, 1)])
def test_bands_too_low_for_the_algorithm_of_the_whole(data_format, pool_size, isa, rng):
    x = in_layout(rng.standard_normal((3, 17, 17, 20), dtype=np.float32), data_format)
    kernel = rng.standard_normal((5, 5, 20, 33), dtype=np.float32)
    words = {"data_format": data_format}
    exact = fastconv.conv2d(x.astype(np.float64), kernel.astype(np.float64), algorithm="direct", **words)
    want = fastconv.max_pool2d(exact, pool_size, **words)
    got = fastconv.conv2d_pool2d(x, kernel, pool_size=pool_size, **words)
    assert np.linalg.norm(got - want) < 1e-6 * np.linalg.norm(want)


def test_out_and_bad_arguments(rng):
    x, kernel = rng.standard_normal((2, 12, 12, 3)), rng.standard_normal((3, 3, 3, 4))
    out = np.empty((2, 5, 5, 4))
    assert fastconv.conv2d_pool2d(x, kernel, out=out) is out
    np.testing.assert_allclose(out, fastconv.max_pool2d(fastconv.conv2d(x, kernel)), rtol=1e-12, atol=1e-12)
    bad = {"pool": "median", "pool_size": 0, "strides": 0, "out": np.empty((2, 5, 5, 3))}
    for name, value in bad.items():
        with pytest.raises(ValueError, match=f"`{name}`"):
            fastconv.conv2d_pool2d(x, kernel, **{name: value})


def test_empty_batch():
    assert fastconv.conv2d_pool2d(np.ones((0, 6, 6, 2)), np.ones((3, 3, 2, 4))).shape == (0, 2, 2, 4)
