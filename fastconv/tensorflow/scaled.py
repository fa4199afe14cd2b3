"""A convolution with each output channel scaled, in inference a batch normalization of its result."""
from __future__ import annotations

import tensorflow as tf

from . import gradients, ops
from ._load import raw

__all__ = ["conv2d_scaled"]


def conv2d_scaled(x, kernel, scale, bias, *, strides=1, padding="valid", dilation_rate=1, groups=1,
                  data_format="channels_last", activation=None, alpha=0.0, name=None):
    """`conv2d` times a number for each output channel, plus bias and with activation.

    A batch normalization after a convolution is this, with the scale ``gamma / sqrt(variance + epsilon)``. For
    inference: gradients compute the convolution again.

    Parameters
    ----------
    x, kernel, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`; float32 or float64.
    scale, bias : tf.Tensor
        (c_out,), of x's dtype.

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> x, kernel = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 1, 2])
    >>> ft.conv2d_scaled(x, kernel, [1.0, 0.5], [0.0, 1.0]).numpy().ravel()
    array([4., 3.], dtype=float32)
    """
    inputs, attrs = ops.convolution(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha)
    scale = ops.tensor(scale, "scale", 1)
    ops.same_dtype(inputs["x"], scale=scale)
    if scale.dtype not in (tf.float32, tf.float64):
        raise TypeError(f"`x` must be float32 or float64; received dtype {scale.dtype.name}")
    y = raw.fastconv_conv2d_scaled(name=name, **inputs | {"bias": inputs["bias"][0], "scale": scale}, **attrs)
    if not tf.executing_eagerly():
        y.set_shape(ops.convolved_shape(inputs, attrs))
    return y


@tf.RegisterGradient("FastconvConv2DScaled")
def _conv2d_scaled(op, dy):
    """Through the convolution, computed again, with a scaled kernel."""
    attrs = gradients.attrs_of(op, (*gradients.CONV_ATTRS, *gradients.ACTIVATION_ATTRS))
    inputs = list(op.inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        x, kernel, scale, bias = inputs
        y = raw.fastconv_conv2d(x=x, kernel=kernel * scale, bias=[bias], **attrs)
    return tape.gradient(y, inputs, output_gradients=dy)
