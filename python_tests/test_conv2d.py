"""conv2d, its gradients and its prepared form against their definition in float64."""

import conv_reference
import numpy as np
import pytest
from conv_cases import DTYPES, TOLERANCE, close, from_layout, geometries, in_layout
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu

ONE_PIXEL = {
    "x": (3, 1, 1, 2),
    "kernel": (1, 1, 2, 6),
    "keywords": {
        "strides": (1, 1),
        "padding": ((0, 0), (0, 0)),
        "dilation_rate": (1, 1),
        "groups": 1,
        "data_format": "channels_first",
    },
}


@example(ONE_PIXEL, "float32", "scalar", 0)
@example(ONE_PIXEL, "float32", cpu.available_isas()[-1], 0)
@given(geometries(), st.sampled_from(list(TOLERANCE)), st.sampled_from(cpu.available_isas()), st.integers(0, 2**32 - 1))
@settings(max_examples=250, deadline=None)
def test_any_geometry(geometry, dtype, isa, seed):
    rng = np.random.default_rng(seed)
    words = geometry["keywords"]
    fmt = words["data_format"]
    plain = [words[name] for name in ("strides", "padding", "dilation_rate", "groups")]
    shapes = geometry["x"], geometry["kernel"], geometry["kernel"][3:]
    x, kernel, bias = (rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in shapes)
    with cpu.use_isa(isa):
        y = fastconv.conv2d(in_layout(x, fmt), kernel, bias, **words)
        prepared = fastconv.prepare_conv2d(kernel, bias, **words)(in_layout(x, fmt))
        dy = rng.standard_normal(from_layout(y, fmt).shape).astype(DTYPES[dtype])
        dx = fastconv.conv2d_input_grad(in_layout(dy, fmt), kernel, in_layout(x, fmt).shape, **words)
        dkernel = fastconv.conv2d_kernel_grad(in_layout(x, fmt), in_layout(dy, fmt), kernel.shape, **words)
        dbias = fastconv.conv2d_bias_grad(in_layout(dy, fmt), data_format=fmt)
    size = [abs(a) for a in (x, kernel, bias, dy)]
    want, scale = conv_reference.conv2d(x, kernel, bias, *plain), conv_reference.conv2d(*size[:3], *plain)
    close(from_layout(y, fmt), want, scale, dtype)
    close(from_layout(prepared, fmt), want, scale, dtype)
    scales = conv_reference.gradients(size[0], size[1], size[3], *plain)
    want = conv_reference.gradients(x, kernel, dy, *plain)
    close(from_layout(dx, fmt), want[0], scales[0], dtype)
    close(dkernel, want[1], scales[1], dtype)
    close(dbias, dy.astype(np.float64).sum((0, 1, 2)), abs(dy.astype(np.float64)).sum((0, 1, 2)), dtype)


@pytest.mark.parametrize("shape", [(1, 30, 31, 256), (2, 9, 9, 700)])
def test_float32_promise_on_long_sums(shape, isa, rng):
    x = rng.standard_normal(shape, dtype=np.float32)
    kernel = rng.standard_normal((3, 3, shape[3], 24), dtype=np.float32)
    want = conv_reference.conv2d(x, kernel, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    got = fastconv.conv2d(x, kernel)
    assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(want)


def test_kernel_gradient_error_does_not_grow_with_the_batch(isa, rng):
    x = rng.random((16, 100, 100, 1), dtype=np.float32)
    dy = rng.random((16, 98, 98, 2), dtype=np.float32)
    want = conv_reference.gradients(x, np.zeros((3, 3, 1, 2)), dy, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)[1]
    got = fastconv.conv2d_kernel_grad(x, dy, (3, 3, 1, 2))
    assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(want)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"),
    [(7, 3, 1, 1), (8, 3, 2, 1), (5, 5, 3, 1), (9, 2, 2, 1), (9, 3, 2, 2), (4, 3, 5, 1)],
)
def test_same_padding_puts_the_odd_cell_after(size, kernel, stride, dilation, rng):
    x, k = rng.standard_normal((2, size, size, 3)), rng.standard_normal((kernel, kernel, 3, 4))
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    pads = (total // 2, total - total // 2)
    got = fastconv.conv2d(x, k, padding="same", strides=stride, dilation_rate=dilation)
    assert got.shape[1] == -(-size // stride)
    want = conv_reference.conv2d(x, k, None, (stride,) * 2, (pads, pads), (dilation,) * 2, 1)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "relu6", "sigmoid", "tanh", "gelu", "elu", "softplus", "silu"])
@pytest.mark.parametrize("groups", [1, 6])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_fused_activation_equals_activation_of_the_result(activation, groups, data_format, isa, rng):
    x, kernel, bias = (rng.standard_normal(s).astype(np.float32) for s in ((2, 9, 11, 6), (3, 3, 6 // groups, 6), (6,)))
    words = {"groups": groups, "data_format": data_format, "padding": "same"}
    fused = fastconv.conv2d(in_layout(x, data_format), kernel, bias, activation=activation, **words)
    apart = getattr(fastconv, activation)(fastconv.conv2d(in_layout(x, data_format), kernel, bias, **words))
    np.testing.assert_array_equal(fused, apart)


def test_inputs_any_numpy_array_can_be(rng):
    x, kernel = rng.standard_normal((2, 8, 9, 4)), rng.standard_normal((3, 3, 4, 6))
    want = fastconv.conv2d(x, kernel)
    strided = np.repeat(np.repeat(x, 2, axis=2), 3, axis=3)[:, :, ::2, ::3]
    frozen = x.copy()
    frozen.flags.writeable = False
    for other in (np.asfortranarray(x), strided, frozen, x.astype(">f8"), x[::-1][::-1], x.tolist()):
        np.testing.assert_array_equal(fastconv.conv2d(other, kernel), want)
    counts = rng.integers(-5, 5, (1, 6, 6, 2), dtype=np.int16)
    got = fastconv.conv2d(counts, np.ones((2, 2, 2, 1), np.float32))
    np.testing.assert_array_equal(got[0, 0, 0, 0], counts[0, :2, :2].sum())


def test_empty_batches_and_channels():
    assert fastconv.conv2d(np.ones((0, 5, 5, 2)), np.ones((3, 3, 2, 4))).shape == (0, 3, 3, 4)
    assert fastconv.conv2d(np.ones((1, 5, 5, 2)), np.ones((3, 3, 2, 0))).shape == (1, 3, 3, 0)
    y = fastconv.conv2d(np.ones((1, 5, 5, 0)), np.ones((3, 3, 0, 2)), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(y[0, 0, 0], [1, 2])
    dkernel = fastconv.conv2d_kernel_grad(np.ones((0, 5, 5, 2)), np.ones((0, 3, 3, 4)), (3, 3, 2, 4))
    np.testing.assert_array_equal(dkernel, np.zeros((3, 3, 2, 4)))


def test_out(rng):
    x, kernel = rng.standard_normal((2, 8, 8, 3)), rng.standard_normal((3, 3, 3, 3))
    want = fastconv.conv2d(x, kernel, padding="same")
    out = np.empty_like(want)
    assert fastconv.conv2d(x, kernel, padding="same", out=out) is out
    np.testing.assert_array_equal(out, want)
    strided = np.zeros((2, 8, 8, 6))[..., ::2]
    assert fastconv.conv2d(x, kernel, padding="same", out=strided) is strided
    np.testing.assert_array_equal(strided, want)
    over = x.copy()
    fastconv.conv2d(over, kernel, padding="same", out=over)
    np.testing.assert_array_equal(over, want)


X, K = np.ones((1, 5, 5, 4), np.float32), np.ones((3, 3, 4, 2), np.float32)
BAD = [
    ((X[0, 0], K), {}, ValueError, "`x`"),
    ((X, K[0]), {}, ValueError, "`kernel`"),
    ((X.astype(complex), K), {}, TypeError, "`x`"),
    ((X, K.astype(float)), {}, TypeError, "`kernel`"),
    ((X, K[:, :, :3]), {}, ValueError, "`kernel`"),
    ((X, np.ones((6, 3, 4, 2), np.float32)), {}, ValueError, "`kernel`"),
    (
        (X, np.ones((2, 4, 3, 3), np.float32)),
        {},
        ValueError,
        r"\(2, 4, 3, 3\), read as \(k_h, k_w, c_in // groups, c_out\); one in PyTorch's order",
    ),
    ((X, K, np.ones(3, np.float32)), {}, ValueError, r"`bias` must have shape \(2,\).* read as \(k_h, k_w, c_in"),
    ((X, np.ones((0, 3, 4, 2), np.float32)), {}, ValueError, "`kernel`"),
    ((X, K, np.ones(3, np.float32)), {}, ValueError, "`bias`"),
    ((X, K, np.ones(2)), {}, TypeError, "`bias`"),
    ((X, K), {"strides": 0}, ValueError, "`strides`"),
    ((X, K), {"strides": 1.5}, TypeError, "`strides`"),
    ((X, K), {"strides": (1, 2, 3)}, ValueError, "`strides`"),
    ((X, K), {"dilation_rate": -1}, ValueError, "`dilation_rate`"),
    ((X, K), {"padding": "full"}, ValueError, "`padding`"),
    ((X, K), {"padding": ((1, 1), (1,))}, ValueError, "`padding`"),
    ((X, K), {"padding": ((1, -1), (0, 0))}, ValueError, "`padding`"),
    ((X, K), {"groups": 3}, ValueError, "`kernel`"),
    ((X, np.ones((3, 3, 2, 3), np.float32)), {"groups": 2}, ValueError, "`groups`"),
    ((X, K), {"data_format": "NHWC"}, ValueError, "`data_format`"),
    ((X, K), {"activation": "swoosh"}, ValueError, "`activation`"),
    ((X, K), {"algorithm": "magic"}, ValueError, "`algorithm`"),
    ((X, K), {"algorithm": "depthwise"}, ValueError, "`algorithm`"),
    ((X, K), {"out": np.empty((1, 3, 3, 3), np.float32)}, ValueError, "`out`"),
    ((X, K), {"out": np.empty((1, 3, 3, 2))}, TypeError, "`out`"),
    ((X, K), {"out": [1]}, TypeError, "`out`"),
    ((X, K), {"padding": ((2**62, 2**62), (0, 0))}, ValueError, "overflow"),
    ((X, K), {"dilation_rate": 2**62}, ValueError, "overflow|`kernel`"),
]


@pytest.mark.parametrize(("args", "words", "error", "message"), BAD)
def test_bad_arguments_are_named(args, words, error, message):
    with pytest.raises(error, match=message):
        fastconv.conv2d(*args, **words)


def test_gradients_check_the_shape_of_dy():
    with pytest.raises(ValueError, match="`dy`"):
        fastconv.conv2d_input_grad(X, K, X.shape)
    with pytest.raises(ValueError, match="`dy`"):
        fastconv.conv2d_kernel_grad(X, X, K.shape)
    with pytest.raises(ValueError, match="`x_shape`"):
        fastconv.conv2d_input_grad(X, K, (1, 2, 3))


def test_prepared_copies_its_kernel_and_checks_its_input(rng):
    kernel = K.copy()
    f = fastconv.prepare_conv2d(kernel, padding="same")
    want = f(X)
    kernel[:] = 0
    np.testing.assert_array_equal(f(X), want)
    assert f(np.ones((3, 2, 9, 4), np.float32)).shape == (3, 2, 9, 2)
    with pytest.raises(TypeError, match="`x`"):
        f(X.astype(float))
    with pytest.raises(ValueError, match="`kernel`"):
        f(X[..., :3])


def test_plan_tells_what_runs():
    plan = fastconv.plan_conv2d((8, 56, 56, 64), (3, 3, 64, 128), padding="same", strides=2)
    assert plan["output_shape"] == (8, 28, 28, 128)
    assert plan["flops"] == 2 * 8 * 28 * 28 * 128 * 9 * 64
    assert plan["isa"] == cpu.active_isa()
    assert plan["scratch_bytes"] < 32 << 20
    assert plan["cycles"] > 0
    rng = np.random.default_rng(0)
    x, kernel = rng.random((8, 56, 56, 64), np.float32), rng.random((3, 3, 64, 128), np.float32)
    result = fastconv.conv2d(x, kernel, padding="same", strides=2)
    planned = fastconv.conv2d(x, kernel, padding="same", strides=2, algorithm=plan["algorithm"])
    np.testing.assert_array_equal(result, planned)
    assert fastconv.plan_conv2d((8, 56, 56, 64), (3, 3, 1, 64), groups=64)["algorithm"] == "depthwise"
    with pytest.raises(TypeError, match="`dtype`"):
        fastconv.plan_conv2d((1, 5, 5, 1), (3, 3, 1, 1), dtype="int16")
