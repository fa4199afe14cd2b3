"""A convolution with the batch normalization, and the sum with another tensor, that follow it, in inference."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from . import gradients, ops
from ._attrs import alpha_bits, alpha_of, full_float, same_dtype, tensor
from ._load import raw
from .added import addend

__all__ = ["conv2d_normalized"]


def conv2d_normalized(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    mean: Any,
    variance: Any,
    gamma: Any = None,
    beta: Any = None,
    epsilon: float = 1e-3,
    added: Any = None,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
    name: Any = None,
) -> Any:
    """`conv2d`, its batch normalization with given moments, the sum with another tensor, and an activation.

    ``activation((conv2d(x, kernel, bias) - mean) * gamma / sqrt(variance + epsilon) + beta + added)``: the end of a
    residual block, in one pass where possible. For inference: the moments are given.

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
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
    )
    full_float(inputs["x"])
    moments = {"mean": tensor(mean, "mean", 1), "variance": tensor(variance, "variance", 1)}
    optional = {
        key: [] if value is None else [tensor(value, key, 1)] for key, value in (("gamma", gamma), ("beta", beta))
    }
    same_dtype(inputs["x"], **moments, **{key: value[0] for key, value in optional.items() if value})
    shape = ops.convolved_shape(inputs, attrs)
    optional["added"] = [] if added is None else [addend(inputs, added, shape)]
    y = raw.fastconv_conv2d_normalized(
        name=name, epsilon_bits=alpha_bits(epsilon), **inputs, **moments, **optional, **attrs
    )
    if not tf.executing_eagerly():
        y.set_shape(shape)
    return y


@tf.RegisterGradient("FastconvConv2DNormalized")
def _conv2d_normalized(op: Any, dy: Any) -> Any:
    """Those of ``activation(conv2d(x, kernel * scale) + shift + added)``, from the output: nothing is convolved again.

    scale = gamma / sqrt(variance + epsilon) and shift = (bias - mean) * scale + beta. A convolution is linear in its
    kernel, so that the gradients of kernel * scale and shift tell that of scale.
    """
    attrs = gradients.attrs_of(op, (*gradients.CONV_ATTRS, *gradients.ACTIVATION_ATTRS))
    inputs = _Inputs.of(op, list(op.inputs))
    asked = _Inputs.of(op, [gradients.wanted(op, i) for i in range(len(op.inputs))])
    y, root = op.outputs[0], tf.math.rsqrt(inputs.variance + _epsilon(op, inputs))
    dadded = None
    if asked.added:
        dadded = dy = gradients.through_activation(y, dy, {name: attrs[name] for name in gradients.ACTIVATION_ATTRS})
        attrs["activation"] = "linear"
    scale = root if inputs.gamma is None else root * inputs.gamma
    offset = -inputs.mean if inputs.bias is None else inputs.bias - inputs.mean
    scales = asked.gamma or asked.variance
    dx, dscaled, dshift = gradients.convolution_grads(
        op,
        (inputs.x, inputs.kernel, scale),
        y,
        dy,
        attrs,
        [asked.x, asked.kernel or scales, asked.mean or asked.beta or asked.bias or scales],
        scale,
    )
    dscale: Any = tf.reduce_sum(dscaled * inputs.kernel, (0, 1, 2)) + dshift * offset if scales else None
    return _Inputs(
        x=dx,
        kernel=dscaled * scale if asked.kernel else None,
        mean=-dshift * scale if asked.mean else None,
        variance=-0.5 * dscale * scale * root**2 if asked.variance else None,
        gamma=dscale * root if asked.gamma else None,
        beta=dshift,
        bias=dshift * scale if asked.bias else None,
        added=dadded,
    ).given(op)


_OPTIONAL = {"gamma": "gammas", "beta": "betas", "bias": "biases", "added": "addeds"}


class _Inputs(NamedTuple):
    """What belongs to each input of the op, None for one that is not there."""

    x: object
    kernel: object
    mean: object
    variance: object
    gamma: object
    beta: object
    bias: object
    added: object

    @classmethod
    def of(cls, op: Any, values: Any) -> Any:
        rest = iter(values[4:])
        return cls(*values[:4], *(next(rest) if op.get_attr(count) else None for count in _OPTIONAL.values()))

    def given(self, op: Any) -> Any:
        """Of the inputs that are there, in order."""
        return [*self[:4], *(getattr(self, name) for name, count in _OPTIONAL.items() if op.get_attr(count))]


def _epsilon(op: Any, inputs: Any) -> Any:
    return tf.constant(alpha_of(op.get_attr("epsilon_bits")), inputs.variance.dtype)
