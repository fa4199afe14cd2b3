"""Transposed convolution as a TensorFlow op: values, gradients of two orders, shapes, errors."""

import numpy as np
import pytest
import tensorflow as tf
from test_tensorflow import TOLERANCE, close, gradients, random, stock_conv2d

import fastconv
import fastconv.tensorflow as ft

CASES = {
    "valid": {},
    "same": {"padding": "same", "strides": 2},
    "stride over the window": {"strides": (4, 3)},
    "more rows": {"padding": "same", "strides": (3, 2), "output_padding": (2, 1)},
    "dilated": {"dilation_rate": (2, 1)},
    "strided and dilated": {"strides": 2, "dilation_rate": 3, "output_padding": 1},
    "explicit": {"padding": ((1, 0), (2, 1)), "strides": 2},
    "first": {"data_format": "channels_first", "padding": "same", "strides": (2, 1)},
}


def operands(keywords, dtype="float64"):
    x = random((2, 4, 5, 6) if keywords.get("data_format") == "channels_first" else (2, 5, 6, 4), dtype)
    return x, random((3, 2, 3, 4), dtype, 1), random((3,), dtype, 2)


def reference(x, kernel, bias, *, output_padding=None, shape=None, **keywords):
    """The gradient of a convolution that takes the result's shape to that of x."""
    with tf.GradientTape() as tape:
        y = tf.zeros(shape, x.dtype)
        tape.watch(y)
        product = tf.reduce_sum(stock_conv2d(y, kernel, **keywords) * x)
    first = keywords.get("data_format") == "channels_first"
    return tape.gradient(product, y) + (bias[:, None, None] if first else bias)


@pytest.mark.parametrize("keywords", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_values(keywords, dtype):
    inputs = operands(keywords, dtype)
    actual = ft.conv2d_transpose(*inputs, **keywords)
    assert actual.dtype == dtype
    wide = [tf.cast(t, "float64") for t in inputs]
    close(actual, reference(*wide, shape=actual.shape, **keywords), dtype)
    if not isinstance(keywords.get("padding", ""), tuple):
        close(actual, fastconv.conv2d_transpose(*wide, **keywords), dtype)
    relu = ft.conv2d_transpose(*inputs, activation="relu", **keywords)
    np.testing.assert_array_equal(relu, tf.nn.relu(actual))


@pytest.mark.parametrize("keywords", CASES.values(), ids=CASES)
def test_gradients_of_two_orders(keywords):
    inputs = operands(keywords)
    shape = ft.conv2d_transpose(*inputs, **keywords).shape
    expected = gradients(lambda *a: reference(*a, shape=shape, **keywords), *inputs)
    take = tf.function(lambda *a: gradients(lambda *b: ft.conv2d_transpose(*b, **keywords), *a))
    for a, e in zip(take(*inputs), expected, strict=True):
        assert a.shape == e.shape
        close(a, e)


@pytest.mark.parametrize("keywords", CASES.values(), ids=CASES)
def test_static_shapes(keywords):
    x, kernel, bias = operands(keywords, "float32")
    known = ft.conv2d_transpose(x, kernel, bias, **keywords).shape
    for shape in (x.shape, [None, *x.shape[1:]], [None] * 4, None):
        traced = tf.function(lambda t: ft.conv2d_transpose(t, kernel, bias, **keywords)).get_concrete_function(
            tf.TensorSpec(shape, "float32")
        )
        found = traced.outputs[0].shape
        assert found.is_compatible_with(known)
        assert traced(x).shape == known
        if shape and None not in shape[1:]:
            assert found[1:] == known[1:]


def test_errors_name_the_argument():
    x, kernel, bias = operands({})
    for changed, message in [
        ({"output_padding": 2, "strides": 2}, "`output_padding` must be less than `strides`"),
        ({"bias": bias[None]}, "`bias` must have 1 dimensions"),
        ({"padding": "half"}, "`padding` must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            ft.conv2d_transpose(x, kernel, **changed)
    with pytest.raises(TypeError, match="`kernel` must have the dtype"):
        ft.conv2d_transpose(x, tf.cast(kernel, "float32"))
    for wrong in (dict(padding="same", strides=2, output_padding=0), dict(padding=((9, 9), (9, 9)))):
        with pytest.raises(tf.errors.InvalidArgumentError, match="FastconvConv2DTranspose"):
            ft.conv2d_transpose(x, kernel, **wrong)
