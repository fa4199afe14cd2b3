"""Winograd's algorithms, each forced, against the definition of a convolution in float64."""

import conv_reference
import numpy as np
import pytest
from conv_cases import from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

# name: (size of the kernel, precision it needs)
ALGORITHMS = {
    "winograd_2x3": (3, "highest"),
    "winograd_4x3": (3, "highest"),
    "winograd_6x3": (3, "high"),
    "winograd_2x5": (5, "highest"),
    "winograd_4x5": (5, "high"),
}
PROMISE = {
    ("highest", "float32"): 1e-6,
    ("high", "float32"): 1e-5,
    ("highest", "float64"): 1e-14,
    ("high", "float64"): 2e-14,
}
BOTH = ["channels_last", "channels_first"]
NARROW = [
    {"x_shape": (2, 1, 1, 153), "groups": 1},
    {"x_shape": (2, 14, 1, 64), "groups": 1},
    {"x_shape": (8, 3, 3, 64), "groups": 1},
    {"x_shape": (1, 28, 28, 30), "groups": 2},
]
pytestmark = pytest.mark.usefixtures("restored_precision")


def close(got, want, promise):
    assert got.shape == want.shape
    assert np.linalg.norm(got - want) <= promise * np.linalg.norm(want)


@st.composite
def layers(draw):
    algorithm = draw(st.sampled_from(list(ALGORITHMS)))
    k = ALGORITHMS[algorithm][0]
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    c_in, c_out = draw(st.sampled_from([1, 3, 8, 17, 40, 70])), draw(st.sampled_from([1, 6, 16, 33, 48, 70, 100]))
    pads = st.tuples(st.integers(0, 5), st.integers(0, 5))
    padding = draw(st.tuples(pads, pads))
    size = [max(k - sum(pad), 1) + draw(st.sampled_from([0, 0, 1, 2, 3, 5, 8, 13, 14, 25])) for pad in padding]
    return algorithm, (draw(st.integers(1, 3)), *size, groups * c_in), (k, k, c_in, groups * c_out), padding, groups


def keeps_precision(algorithm, x_shape, kernel_shape, padding):
    """Whether the algorithm serves such a map and so many channels at 'highest'."""
    out = [size + sum(pad) - kernel_shape[0] + 1 for size, pad in zip(x_shape[1:3], padding, strict=True)]
    return algorithm == "winograd_2x3" or (min(x_shape[1:3]) >= 4 and min(out) >= 2 and kernel_shape[2] >= 16)


@given(
    layers(),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(BOTH),
    st.sampled_from(cpu.available_isas()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200, deadline=None)
def test_any_layer(layer, dtype, data_format, isa, seed):
    algorithm, x_shape, kernel_shape, padding, groups = layer
    rng = np.random.default_rng(seed)
    precision = ALGORITHMS[algorithm][1] if keeps_precision(algorithm, x_shape, kernel_shape, padding) else "high"
    fastconv.set_float32_precision(precision)
    x, kernel, bias = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, kernel_shape, kernel_shape[3:]))
    words = {"padding": padding, "groups": groups, "data_format": data_format, "algorithm": algorithm}
    with cpu.use_isa(isa):
        y = fastconv.conv2d(in_layout(x, data_format), kernel, bias, **words)
        prepared = fastconv.prepare_conv2d(kernel, bias, **words)(in_layout(x, data_format))
    np.testing.assert_array_equal(prepared, y)
    want = conv_reference.conv2d(x, kernel, bias, (1, 1), padding, (1, 1), groups)
    scale = conv_reference.conv2d(abs(x), abs(kernel), abs(bias), (1, 1), padding, (1, 1), groups)
    error = np.linalg.norm(from_layout(y, data_format) - want)
    assert error <= PROMISE[precision, dtype] * np.linalg.norm(scale)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("channels", [16, 64, 250, 600])
@pytest.mark.parametrize("data_format", BOTH)
def test_promise_of_the_precision(algorithm, channels, data_format, isa, rng):
    k, precision = ALGORITHMS[algorithm]
    fastconv.set_float32_precision(precision)
    x = rng.standard_normal((1, 19, 22, channels), dtype=np.float32)
    kernel = rng.standard_normal((k, k, channels, 20), dtype=np.float32)
    want = conv_reference.conv2d(x, kernel, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    got = fastconv.conv2d(in_layout(x, data_format), kernel, data_format=data_format, algorithm=algorithm)
    close(from_layout(got, data_format), want, PROMISE[precision, "float32"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("data_format", BOTH)
def test_a_bad_input_reaches_exactly_the_windows_that_cover_it(algorithm, bad, data_format, isa, rng):
    k, precision = ALGORITHMS[algorithm]
    fastconv.set_float32_precision(precision)
    x = rng.standard_normal((3, 15, 17, 20), dtype=np.float32)
    kernel, bias = rng.standard_normal((k, k, 20, 35), dtype=np.float32), rng.standard_normal(35, dtype=np.float32)
    kernel[1, 2, :, 3] = 0
    x[1, 6, 9, 2] = x[2, 0, 0, 0] = x[2, 14, 16, 19] = bad
    words = {"padding": "same", "activation": "relu", "data_format": data_format}
    arrays = in_layout(x, data_format), kernel, bias
    both = [fastconv.conv2d(*arrays, algorithm=name, **words) for name in (algorithm, "packed")]
    got, want = (from_layout(y, data_format) for y in both)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isposinf(got), np.isposinf(want))
    plain = np.isfinite(want) & (want < 1e30)
    close(got[plain], want[plain], 2 * PROMISE[precision, "float32"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_bad_kernel_gives_what_it_gives_directly(algorithm, isa, rng):
    k, precision = ALGORITHMS[algorithm]
    fastconv.set_float32_precision(precision)
    x = rng.standard_normal((1, 12, 12, 16), dtype=np.float32)
    kernel = rng.standard_normal((k, k, 16, 6), dtype=np.float32)
    kernel[0, 1, 2, 3], kernel[2, 2, 0, 5] = np.inf, np.nan
    got, want = (fastconv.conv2d(x, kernel, padding="same", algorithm=name) for name in (algorithm, "packed"))
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [(1, 7, 7, 70), (1, 30, 33, 64), (1, 50, 52, 96), (5, 40, 41, 32)])
@pytest.mark.parametrize("data_format", BOTH)
def test_the_same_bits_for_any_number_of_threads(algorithm, shape, data_format, rng):
    k, precision = ALGORITHMS[algorithm]
    fastconv.set_float32_precision(precision)
    x = in_layout(rng.standard_normal(shape, dtype=np.float32), data_format)
    kernel = rng.standard_normal((k, k, shape[3], 200), dtype=np.float32)
    words = {"padding": "same", "data_format": data_format, "algorithm": algorithm}
    prepared, results = fastconv.prepare_conv2d(kernel, **words), []
    for threads in (1, 2, 3, 40):
        with fastconv.threads(threads):
            results += [fastconv.conv2d(x, kernel, **words), prepared(x)]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_more_threads_get_tasks_but_no_other_estimate(isa):
    plans = []
    for threads in (1, 8, 64):
        with fastconv.threads(threads):
            plans.append(fastconv.plan_conv2d((4, 16, 16, 512), (5, 5, 512, 512), padding="same"))
    assert len({(plan["algorithm"], plan["cycles"]) for plan in plans}) == 1
    with fastconv.threads(64):
        plan = fastconv.plan_conv2d((1, 28, 28, 512), (3, 3, 512, 512), padding="same", algorithm="winograd_4x3")
    assert plan["tasks"] > 16


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [(2, 9, 14, 2 * 150), (1, 45, 44, 600)])
@pytest.mark.parametrize("data_format", BOTH)
def test_one_run_gives_the_bits_of_a_prepared_kernel(algorithm, shape, data_format, rng):
    k, precision = ALGORITHMS[algorithm]
    groups = 600 // shape[3]
    fastconv.set_float32_precision(precision)
    x = in_layout(rng.standard_normal(shape, dtype=np.float32), data_format)
    kernel = rng.standard_normal((k, k, shape[3] // groups, groups * 77), dtype=np.float32)
    bias = rng.standard_normal(groups * 77, dtype=np.float32)
    words = {"padding": "same", "groups": groups, "data_format": data_format, "algorithm": algorithm}
    want = fastconv.prepare_conv2d(kernel, bias, **words)(x)
    for threads in (1, 3):
        with fastconv.threads(threads):
            np.testing.assert_array_equal(fastconv.conv2d(x, kernel, bias, **words), want)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "elu"])
@pytest.mark.parametrize("data_format", BOTH)
def test_fused_activation_equals_activation_of_the_result(activation, data_format, isa, rng):
    x, kernel, bias = (rng.standard_normal(s).astype(np.float32) for s in ((2, 9, 14, 18), (3, 3, 18, 37), (37,)))
    words = {"data_format": data_format, "padding": "same", "algorithm": "winograd_4x3"}
    fused = fastconv.conv2d(in_layout(x, data_format), kernel, bias, activation=activation, **words)
    apart = getattr(fastconv, activation)(fastconv.conv2d(in_layout(x, data_format), kernel, bias, **words))
    np.testing.assert_array_equal(fused, apart)


@pytest.mark.parametrize("data_format", BOTH)
def test_an_image_of_one_cell(data_format, isa, rng):
    x, kernel = rng.standard_normal((1, 1, 1, 40)), rng.standard_normal((3, 3, 40, 70))
    padding = ((3, 2), (4, 5))
    fastconv.set_float32_precision("high")
    got = fastconv.conv2d(
        in_layout(x, data_format), kernel, padding=padding, data_format=data_format, algorithm="winograd_4x3"
    )
    want = conv_reference.conv2d(x, kernel, None, (1, 1), padding, (1, 1), 1)
    close(from_layout(got, data_format), want, PROMISE["highest", "float64"])


def test_served_where_the_layer_and_the_precision_permit():
    shapes, words = ((2, 56, 56, 256), (3, 3, 256, 256)), {"padding": "same"}
    assert fastconv.plan_conv2d(*shapes, algorithm="winograd_4x3", **words)["algorithm"] == "winograd_4x3"
    for bad in ({"strides": 2}, {"dilation_rate": 2}, {"dtype": "float16"}):
        with pytest.raises(ValueError, match="`algorithm`"):
            fastconv.plan_conv2d(*shapes, algorithm="winograd_4x3", **words, **bad)
    with pytest.raises(ValueError, match="precision 'high'"):
        fastconv.plan_conv2d(*shapes, algorithm="winograd_6x3", **words)
    many = (1, 9, 9, 1537), (3, 3, 1537, 1)
    with pytest.raises(ValueError, match="1536 at most"):
        fastconv.plan_conv2d(*many, algorithm="winograd_4x3")
    for layer in NARROW:
        for algorithm in ("winograd_4x3", "winograd_2x5"):
            x_shape, k = layer["x_shape"], ALGORITHMS[algorithm][0]
            kernel_shape = (k, k, x_shape[3] // layer["groups"], 64)
            words = {"padding": "same", "groups": layer["groups"]}
            assert fastconv.plan_conv2d(x_shape, kernel_shape, **words)["algorithm"] != algorithm
            with pytest.raises(ValueError, match="precision 'highest'"):
                fastconv.conv2d(np.zeros(x_shape), np.zeros(kernel_shape), algorithm=algorithm, **words)
    fastconv.set_float32_precision("high")
    assert fastconv.plan_conv2d(*many, algorithm="winograd_4x3")["algorithm"] == "winograd_4x3"
