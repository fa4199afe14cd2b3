"""A convolution with the sum with another tensor that follows it, as at the end of a residual block."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from . import gradients, ops
from ._attrs import full_float, same_dtype, tensor
from ._load import raw

__all__ = ["conv2d_added"]


def conv2d_added(
    x: Any,
    kernel: Any,
    added: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
    name: Any = None,
) -> Any:
    """`conv2d`, the sum with another tensor, and an activation: ``activation(conv2d(x, kernel, bias) + added)``.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`; float32 or float64.
    added : tf.Tensor
        Of the result's shape and dtype.

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
    >>> ft.conv2d_added(x, kernel, tf.constant([[[[1.0, -9.0]]]]), activation="relu").numpy().ravel()
    array([5., 0.], dtype=float32)
    """
    inputs, attrs = ops.convolution(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
    )
    full_float(inputs["x"])
    shape = ops.convolved_shape(inputs, attrs)
    added = addend(inputs, added, shape)
    y = raw.fastconv_conv2d_added(name=name, added=added, **inputs, **attrs)
    if not tf.executing_eagerly():
        y.set_shape(shape)
    return y


def addend(inputs: Any, added: Any, shape: Any) -> Any:
    """What is added to the result, of this shape, of a convolution; checked."""
    added = tensor(added, "added", 4)
    same_dtype(inputs["x"], added=added)
    if not added.shape.is_compatible_with(shape):
        raise ValueError(f"`added` must have the result's shape, {tuple(shape)}; received {added.shape}")
    return added


@tf.RegisterGradient("FastconvConv2DAdded")
def _conv2d_added(op: Any, dy: Any) -> Any:
    """Those of the convolution without its activation, and what they are made of: the gradient of the sums."""
    attrs = gradients.attrs_of(op, (*gradients.CONV_ATTRS, *gradients.ACTIVATION_ATTRS))
    x, kernel, _, *bias = op.inputs
    asked = [gradients.wanted(op, i) for i in range(len(op.inputs))]
    dz = gradients.through_activation(op.outputs[0], dy, {key: attrs[key] for key in gradients.ACTIVATION_ATTRS})
    attrs["activation"] = "linear"
    conv = [asked[0], asked[1], *asked[3:]]
    dx, dkernel, *dbias = (
        gradients.convolution_grads(op, (x, kernel, *bias), None, dz, attrs, conv) if any(conv) else [None] * len(conv)
    )
    return dx, dkernel, dz, *dbias
