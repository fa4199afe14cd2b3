"""fastconv.tensorflow's relu with arguments and softmax over several axes, against TensorFlow and Keras."""

import keras
import pytest
import tensorflow as tf
from test_tensorflow import close, gradients, random

import fastconv.tensorflow as ft


@pytest.mark.parametrize("axes", [(1, 2), (0, -1), (0, 1, 2), [3], (3, 1)], ids=str)
def test_softmax_over_several_axes(axes):
    x = random((2, 3, 4, 5))

    def stock(t):
        e = tf.exp(t - tf.reduce_max(t, axes, keepdims=True))
        return e / tf.reduce_sum(e, axes, keepdims=True)

    for a, e in zip(gradients(lambda t: ft.softmax(t, axes), x), gradients(stock, x), strict=True):
        close(a, e)
    traced = tf.function(lambda t: ft.softmax(t, axes), input_signature=[tf.TensorSpec([2, None, None, 5], x.dtype)])
    close(traced(x), stock(x))
    assert traced.get_concrete_function().outputs[0].shape.as_list() == [2, None, None, 5]
    with pytest.raises(ValueError, match="known rank"):
        tf.function(lambda t: ft.softmax(t, axes), input_signature=[tf.TensorSpec(None, x.dtype)])(x)


@pytest.mark.parametrize(
    "arguments", [(0.0, None, 0.5), (0.25, 1.5, 0.0), (0.5, 1.0, 0.25), (0.125, None, 0), (0, 6, 0)], ids=str
)
def test_relu_with_arguments_and_its_gradients(arguments):
    x = 2 * random((3, 4, 50))
    function, stock = (lambda t: ft.relu(t, *arguments)), (lambda t: keras.activations.relu(t, *arguments))
    close(function(x), stock(x))
    for a, e in zip(gradients(function, x), gradients(stock, x), strict=True):
        close(a, e)
    close(tf.function(function)(x), stock(x))
