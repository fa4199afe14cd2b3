"""Kernels in PyTorch's order, padding as it is given there, single images, and gradients of all maxima."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv

FORMATS = ("channels_last", "channels_first")


def turned(kernel):
    """A kernel (k_h, k_w, c_in, c_out) as (c_out, c_in, k_h, k_w)."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


@pytest.fixture
def arrays(rng):
    return rng.standard_normal((2, 9, 8, 4)), rng.standard_normal((3, 5, 2, 6)), rng.standard_normal(6)


def given_as(x, data_format):
    return x if data_format == "channels_last" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("data_format", FORMATS)
def test_kernels_in_pytorchs_order(arrays, data_format):
    x, kernel, bias = arrays
    x, words = given_as(x, data_format), {"groups": 2, "data_format": data_format, "padding": "same", "strides": (2, 1)}
    y = fastconv.conv2d(x, kernel, bias, activation="tanh", **words)
    got = fastconv.conv2d(x, turned(kernel), bias, activation="tanh", kernel_format="OIHW", **words)
    np.testing.assert_array_equal(got, y)
    layer = fastconv.prepare_conv2d(turned(kernel), bias, activation="tanh", kernel_format="OIHW", **words)
    np.testing.assert_allclose(layer(x), y, rtol=1e-12)
    dy = np.cos(y)
    want = fastconv.conv2d_grads(x, kernel, y, dy, activation="tanh", **words)
    got = fastconv.conv2d_grads(x, turned(kernel), y, dy, activation="tanh", kernel_format="OIHW", **words)
    np.testing.assert_array_equal(got.dx, want.dx)
    np.testing.assert_array_equal(got.dkernel, turned(want.dkernel))
    dx = fastconv.conv2d_input_grad(dy, turned(kernel), x.shape, kernel_format="OIHW", **words)
    np.testing.assert_array_equal(dx, fastconv.conv2d_input_grad(dy, kernel, x.shape, **words))
    want = turned(fastconv.conv2d_kernel_grad(x, dy, kernel.shape, **words))
    for out in (None, np.empty(want.shape)):
        shape = turned(kernel).shape
        got = fastconv.conv2d_kernel_grad(x, dy, shape, kernel_format="OIHW", out=out, **words)
        assert out is None or got is out
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("padding", "pairs"), [(1, ((1, 1), (1, 1))), ((1, 2), ((1, 1), (2, 2))), (np.int64(0), ((0, 0), (0, 0)))]
)
def test_padding_as_integers(arrays, padding, pairs):
    x, kernel, _ = arrays
    want = fastconv.conv2d(x, kernel, groups=2, padding=pairs)
    np.testing.assert_array_equal(fastconv.conv2d(x, kernel, groups=2, padding=padding), want)
    np.testing.assert_array_equal(fastconv.prepare_conv2d(kernel, groups=2, padding=padding)(x), want)
    np.testing.assert_array_equal(
        fastconv.conv2d_input_grad(want, kernel, x.shape, groups=2, padding=padding),
        fastconv.conv2d_input_grad(want, kernel, x.shape, groups=2, padding=pairs),
    )
    np.testing.assert_array_equal(fastconv.max_pool2d(x, 5, padding=padding), fastconv.max_pool2d(x, 5, padding=pairs))


@pytest.mark.parametrize("padding", [-1, 1.5, (1, 2, 3), ((1, 2), 3.5), None, ((1, 2), (3, 4, 5))])
def test_bad_padding(arrays, padding):
    with pytest.raises((ValueError, TypeError), match="`padding` must be"):
        fastconv.conv2d(arrays[0], arrays[1], groups=2, padding=padding)


@pytest.mark.parametrize("data_format", FORMATS)
def test_single_images(arrays, data_format):
    x, kernel, bias = arrays
    x, words = given_as(x, data_format)[:1], {"groups": 2, "data_format": data_format}
    y = fastconv.conv2d(x, kernel, bias, **words)
    layer = fastconv.prepare_conv2d(kernel, bias, **words)
    for function in (lambda out: fastconv.conv2d(x[0], kernel, bias, **words, out=out), lambda out: layer(x[0], out)):
        for out in (None, np.empty(y.shape[1:])):
            got = function(out)
            assert out is None or got is out
            np.testing.assert_allclose(got, y[0], rtol=1e-12)
    dy = np.cos(y)
    dx = fastconv.conv2d_input_grad(dy[0], kernel, x.shape[1:], **words)
    np.testing.assert_array_equal(dx, fastconv.conv2d_input_grad(dy, kernel, x.shape, **words)[0])
    dkernel = fastconv.conv2d_kernel_grad(x[0], dy[0], kernel.shape, **words)
    np.testing.assert_array_equal(dkernel, fastconv.conv2d_kernel_grad(x, dy, kernel.shape, **words))
    got, want = (fastconv.conv2d_grads(a, kernel, b, c, **words) for a, b, c in ((x[0], y[0], dy[0]), (x, y, dy)))
    np.testing.assert_array_equal(got.dx, want.dx[0])
    np.testing.assert_array_equal(got.dkernel, want.dkernel)
    np.testing.assert_array_equal(got.dbias, want.dbias)


def test_other_words_are_refused(arrays):
    x, kernel, _ = arrays
    for call in (
        lambda: fastconv.conv2d(x, kernel, kernel_format="hwio"),
        lambda: fastconv.prepare_conv2d(kernel, kernel_format="IOHW"),
        lambda: fastconv.conv2d_kernel_grad(x, x, kernel.shape, kernel_format=None),
    ):
        with pytest.raises(ValueError, match="`kernel_format` must be one of 'HWIO', 'OIHW'"):
            call()
    with pytest.raises(ValueError, match="`ties` must be one of 'first', 'all'"):
        fastconv.max_pool2d_grad(x, x[:, ::2, ::2][:, :4], ties="last")


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    pool=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same", 0]),
    data_format=st.sampled_from(FORMATS),
    seed=st.integers(0, 2**31),
)
def test_every_maximum_takes_the_gradient(size, pool, strides, padding, data_format, seed):
    rng = np.random.default_rng(seed)
    words = {"strides": strides, "padding": padding}
    x = rng.integers(0, 3, (2, *size, 2)).astype("f8")
    y = fastconv.max_pool2d(x, pool, **words)
    dy = rng.integers(1, 9, y.shape).astype("f8")
    total = [max((n - 1) * s + k - h, 0) for n, s, k, h in zip(y.shape[1:3], strides, pool, size, strict=True)]
    top, left = (t // 2 if padding == "same" else 0 for t in total)
    want = np.zeros_like(x)
    for n, i, j, c in np.ndindex(y.shape):
        rows = range(max(0, i * strides[0] - top), min(size[0], i * strides[0] - top + pool[0]))
        columns = range(max(0, j * strides[1] - left), min(size[1], j * strides[1] - left + pool[1]))
        for row in rows:
            for column in columns:
                want[n, row, column, c] += dy[n, i, j, c] * (x[n, row, column, c] == y[n, i, j, c])
    x, dy, want = (given_as(a, data_format) for a in (x, dy, want))
    out = np.empty_like(x)
    assert fastconv.max_pool2d_grad(x, dy, pool, ties="all", data_format=data_format, out=out, **words) is out
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize(
    ("word", "kept", "refused"),
    [("padding", ((1, 1), (1, 1)), ((1, 1), (1, 1.0))), ("padding", 1, 1.0), ("strides", (2, 1), (2.0, 1))],
)
def test_a_float_is_refused_after_the_integer_it_equals(arrays, word, kept, refused):
    x, kernel, _ = arrays
    fastconv.conv2d(x, kernel, groups=2, **{word: kept})
    with pytest.raises(TypeError, match=f"`{word}` must be an integer"):
        fastconv.conv2d(x, kernel, groups=2, **{word: refused})
