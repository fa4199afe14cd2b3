"""A convolution with the batch normalization, and the sum with another tensor, that follow it, in inference."""
from __future__ import annotations

import tensorflow as tf

from . import gradients, ops
from ._attrs import alpha_bits, alpha_of, same_dtype, tensor
from ._load import raw

__all__ = ["conv2d_normalized"]


def conv2d_normalized(x, kernel, bias=None, *, mean, variance, gamma=None, beta=None, epsilon=1e-3, added=None,
                      strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last",
                      activation=None, alpha=0.0, name=None):
    """`conv2d`, its batch normalization with given moments, the sum with another tensor, and an activation.

    ``activation((conv2d(x, kernel, bias) - mean) * gamma / sqrt(variance + epsilon) + beta + added)``: the end of a
    residual block, in one pass where possible. For inference: gradients compute the convolution again.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`; float32 or float64.
    mean, variance : tf.Tensor
        (c_out,), of x's dtype.
    gamma, beta : tf.Tensor, optional
        (c_out,), of x's dtype; 1 and 0.
    epsilon : float
        Added to the variance.
    added : tf.Tensor, optional
        Of the result's shape and dtype.

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    References
    ----------
    .. [1] Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 2.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> x, kernel = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 1, 2])
    >>> ft.conv2d_normalized(x, kernel, mean=[0.0, 2.0], variance=[1.0, 4.0], epsilon=0.0).numpy().ravel()
    array([4., 1.], dtype=float32)
    """
    inputs, attrs = ops.convolution(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha)
    dtype = inputs["x"].dtype
    if dtype not in (tf.float32, tf.float64):
        raise TypeError(f"`x` must be float32 or float64; received dtype {dtype.name}")
    moments = {"mean": tensor(mean, "mean", 1), "variance": tensor(variance, "variance", 1)}
    optional = {key: [] if value is None else [tensor(value, key, rank)]
                for key, value, rank in (("gamma", gamma, 1), ("beta", beta, 1), ("added", added, 4))}
    same_dtype(inputs["x"], **moments, **{key: value[0] for key, value in optional.items() if value})
    shape = ops.convolved_shape(inputs, attrs)
    if added is not None and not optional["added"][0].shape.is_compatible_with(shape):
        raise ValueError(f"`added` must have the result's shape, {tuple(shape)}; received {optional['added'][0].shape}")
    y = raw.fastconv_conv2d_normalized(
        name=name, epsilon_bits=alpha_bits(epsilon), **inputs, **moments, **optional, **attrs)
    if not tf.executing_eagerly():
        y.set_shape(shape)
    return y


@tf.RegisterGradient("FastconvConv2DNormalized")
def _conv2d_normalized(op, dy):
    """Through the operations that it stands for, computed again."""
    attrs = gradients.attrs_of(op, gradients.CONV_ATTRS)
    fused = gradients.attrs_of(op, gradients.ACTIVATION_ATTRS)
    epsilon, inputs = alpha_of(op.get_attr("epsilon_bits")), list(op.inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        x, kernel, mean, variance, *rest = inputs
        gamma, beta, bias, added = (rest.pop(0) if op.get_attr(count) else None
                                    for count in ("gammas", "betas", "biases", "addeds"))
        z = raw.fastconv_conv2d(x=x, kernel=kernel, bias=[] if bias is None else [bias], **attrs)
        last = attrs["data_format"] == "NHWC"
        mean, variance, gamma, beta = (
            value if value is None or last else value[:, None, None] for value in (mean, variance, gamma, beta))
        y = tf.nn.batch_normalization(z, mean, variance, beta, gamma, epsilon)
        y = y if added is None else y + added
        y = y if fused["activation"] == "linear" else raw.fastconv_activation(x=y, **fused)
    return tape.gradient(y, inputs, output_gradients=dy)
