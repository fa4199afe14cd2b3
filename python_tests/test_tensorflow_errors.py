"""What the TensorFlow ops refuse, and in which words."""

import pytest
import tensorflow as tf

import fastconv.tensorflow as ft
from fastconv.tensorflow._load import raw


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: ft.conv2d(tf.ones([4, 4, 1]), tf.ones([3, 3, 1, 1])), ValueError, "`x` must have 4 dimensions"),
        (lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1])), ValueError, "`kernel` must have 4 dimensions"),
        (lambda: ft.conv2d(tf.ones([1, 4, 4, 1], tf.int32), tf.ones([3, 3, 1, 1])), TypeError, "`x` must be float16"),
        (
            lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1], "float64")),
            TypeError,
            "`kernel` must have the",
        ),
        (lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1]), strides=0), ValueError, "`strides`"),
        (lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1]), padding="full"), ValueError, "`padding`"),
        (
            lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1]), activation="wild"),
            ValueError,
            "`activation`",
        ),
        (
            lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1]), data_format="NHWC"),
            ValueError,
            "`data_format`",
        ),
        (lambda: ft.conv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 1, 1])), tf.errors.InvalidArgumentError, "2 channels"),
        (
            lambda: ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 2]), tf.ones([3])),
            tf.errors.InvalidArgumentError,
            r"`bias` must have shape \(2,\)",
        ),
        (
            lambda: ft.conv2d(tf.ones([1, 9, 9, 3]), tf.ones([4, 3, 5, 5])),
            tf.errors.InvalidArgumentError,
            r"\(4, 3, 5, 5\), read as \(k_h, k_w, c_in // groups, c_out\)",
        ),
        (
            lambda: ft.conv2d_transpose(tf.ones([1, 9, 9, 3]), tf.ones([3, 4, 5, 5])),
            tf.errors.InvalidArgumentError,
            r"3 input channels.*\(3, 4, 5, 5\), read as \(k_h, k_w, c_out, c_in\)",
        ),
        (lambda: ft.max_pool2d(tf.ones([2, 2, 1])), ValueError, "`x` must have 4 dimensions"),
        (lambda: ft.softmax(tf.ones([2, 2]), 2), ValueError, "`axis`"),
        (
            lambda: raw.fastconv_pool2d(
                x=tf.ones([1, 4, 4, 1]), window=[2, 2], padding="EXPLICIT", explicit_paddings=[2, 0, 0, 0]
            ),
            tf.errors.InvalidArgumentError,
            "explicit_paddings",
        ),
        (
            lambda: raw.fastconv_conv2d(x=tf.ones([1, 4, 4, 1]), kernel=tf.ones([3, 3, 1, 1]), bias=[], strides=[1]),
            tf.errors.InvalidArgumentError,
            "`strides` must be 2 integers",
        ),
        (
            lambda: raw.fastconv_conv2d(
                x=tf.ones([1, 4, 4, 1]), kernel=tf.ones([3, 3, 1, 1]), bias=[], activation="wild"
            ),
            tf.errors.InvalidArgumentError,
            "received 'wild'",
        ),
        (
            lambda: raw.fastconv_conv2d_grads(
                x=tf.ones([1, 4, 4, 1]),
                kernel=tf.ones([3, 3, 1, 1]),
                dy=tf.ones([1, 2, 2, 1]),
                y=[],
                dxs=1,
                dkernels=1,
                dbiases=0,
                activation="relu",
            ),
            tf.errors.InvalidArgumentError,
            "`y` must be one tensor with an activation",
        ),
        (
            lambda: raw.fastconv_conv2d_grads(
                x=tf.ones([1, 4, 4, 1]),
                kernel=tf.ones([3, 3, 1, 1]),
                dy=tf.ones([1, 2, 2, 1]),
                y=[],
                dxs=2,
                dkernels=0,
                dbiases=0,
            ),
            tf.errors.InvalidArgumentError,
            "`dxs` must be 0 or 1; received 2",
        ),
        (
            lambda: raw.fastconv_conv2d_grads(
                x=tf.ones([1, 4, 4, 1]),
                kernel=tf.ones([3, 3, 1, 1]),
                dy=tf.ones([1, 2, 3, 1]),
                y=[],
                dxs=1,
                dkernels=0,
                dbiases=0,
            ),
            tf.errors.InvalidArgumentError,
            r"`dy` must have shape \(1, 2, 2, 1\)",
        ),
        (
            lambda: raw.fastconv_pool2d_grad(
                x=tf.ones([1, 4, 4, 1]), dy=tf.ones([1, 3, 2, 1]), window=[2, 2], strides=[2, 2]
            ),
            tf.errors.InvalidArgumentError,
            r"`dy` must have shape \(1, 2, 2, 1\); received \(1, 3, 2, 1\)",
        ),
        (
            lambda: raw.fastconv_activation_grad(
                known=tf.ones([2]), dy=tf.ones([3]), activation="relu", from_output=True
            ),
            tf.errors.InvalidArgumentError,
            "same shape",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
