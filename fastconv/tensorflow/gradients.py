"""Gradients of the ops, themselves made of ops that have gradients, so that any order can be taken."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..nn.convolution_grad import has_output_gradient
from ._attrs import alpha_of
from ._derivatives import from_input, from_output
from ._load import raw

_WINDOW_ATTRS = ("strides", "padding", "explicit_paddings", "data_format")
CONV_ATTRS = (*_WINDOW_ATTRS, "dilations", "groups")
ACTIVATION_ATTRS = ("activation", "alpha_bits")


def attrs_of(op: Any, names: Any) -> dict[str, object]:
    return {name: _text(op.get_attr(name)) for name in names}


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def wanted(op: Any, index: int) -> bool:
    """Whether anybody asks for the gradient of this input; only a tape knows, a graph prunes what is not used."""
    return index not in (getattr(op, "skip_input_indices", None) or ())


@tf.RegisterGradient("FastconvConv2D")
def _conv2d(op: Any, dy: Any) -> Any:
    """From the output: the fused activation is one whose derivative it tells."""
    asked = [wanted(op, i) for i in range(len(op.inputs))]
    return convolution_grads(op, op.inputs, op.outputs[0], dy, attrs_of(op, (*CONV_ATTRS, *ACTIVATION_ATTRS)), asked)


def convolution_grads(op: Any, inputs: Any, y: Any, dy: Any, attrs: Any, asked: Any, scale: Any = None) -> Any:
    """The gradients of x, kernel and bias of the convolution that gave y; those not asked for may be None.

    With `scale`, a number an output channel, it was one by kernel * scale, and so is what has the kernel's gradient.

    All in one op where every one of them is computed. A graph is pruned an op at a time, and a tape asks for the
    gradients of all that it watches, whatever is read of them: there each gradient is an op of its own, but that the
    bias's is had with the kernel's.
    """
    x, kernel, *bias = inputs
    has_tape = hasattr(op, "skip_input_indices")
    if has_tape and (tf.executing_eagerly() or not asked[0] or (scale is None and not any(asked[1:]))):
        scaled = kernel if scale is None or not asked[0] else kernel * scale
        return _conv2d_grads_op((x, scaled, *bias), y, dy, attrs, asked)
    conv, fused = ({name: attrs[name] for name in names} for names in (CONV_ATTRS, ACTIVATION_ATTRS))
    if has_tape and not any(asked[1:]):
        return _scaled_input_grad_op(x, kernel, y, dy, scale, attrs), *[None] * len(inputs[1:])
    dz = through_activation(y, dy, fused)
    if scale is None:
        dx = raw.fastconv_conv2d_input_grad(x=x, kernel=kernel, dy=dz, **conv)
    else:
        dx = _scaled_input_grad_op(x, kernel, y, dy, scale, attrs)
    if has_tape:
        return dx, *_conv2d_grads_op(inputs, None, dz, conv | {"activation": "linear"}, [False, *asked[1:]])[1:]
    dkernel = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=x, dy=dz, **conv)
    return dx, dkernel, *(_bias_grad_op(dz, attrs["data_format"], b) for b in bias)


def _scaled_input_grad_op(x: Any, kernel: Any, y: Any, dy: Any, scale: Any, attrs: Any) -> Any:
    """The gradient of x through the activation and the convolution by kernel * scale."""
    given = [] if attrs["activation"] == "linear" else [y]
    return raw.fastconv_conv2d_scaled_input_grad(x=x, kernel=kernel, dy=dy, scale=scale, y=given, **attrs)


def _conv2d_grads_op(inputs: Any, y: Any, dy: Any, attrs: Any, asked: Any) -> Any:
    """The gradients of x, kernel and bias, None for those not asked for."""
    counts = dict(zip(("dxs", "dkernels", "dbiases"), map(int, (*asked, False)), strict=False))
    given = [] if attrs["activation"] == "linear" else [y]
    found = raw.fastconv_conv2d_grads(x=inputs[0], kernel=inputs[1], dy=dy, y=given, **counts, **attrs)
    grads = [next(iter(part), None) for part in found][: len(inputs)]
    if not tf.executing_eagerly():
        for grad, like in zip(grads, inputs, strict=True):
            if grad is not None:
                grad.set_shape(like.shape)
    return grads


def through_activation(y: Any, dy: Any, fused: Any) -> Any:
    """The gradient of the sums before the activation."""
    if fused["activation"] == "linear":
        return dy
    return raw.fastconv_activation_grad(known=y, dy=dy, from_output=True, **fused)


@tf.RegisterGradient("FastconvConv2DGrads")
def _conv2d_grads(op: Any, *seconds: Any) -> Any:
    """dx, dkernel and dbias are linear in dz = dy f'(y), dx also in kernel, dkernel in x."""
    x, kernel, dy, *outputs = op.inputs
    y = outputs[0] if outputs else None
    attrs, fused = attrs_of(op, CONV_ATTRS), attrs_of(op, ACTIVATION_ATTRS)
    dz = dy if y is None else through_activation(y, dy, fused)
    given = iter(seconds)
    ddx, ddkernel, ddbias = (next(given) if op.get_attr(count) else None for count in ("dxs", "dkernels", "dbiases"))
    parts, dx, dkernel = [], None, None
    if ddx is not None:
        parts.append(_conv2d_op(ddx, kernel, attrs, dy))
        dkernel = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=ddx, dy=dz, **attrs) if wanted(op, 1) else None
    if ddkernel is not None:
        parts.append(_conv2d_op(x, ddkernel, attrs, dy))
        dx = raw.fastconv_conv2d_input_grad(x=x, kernel=ddkernel, dy=dz, **attrs) if wanted(op, 0) else None
    if ddbias is not None:
        parts.append(_spread_bias(ddbias, dy, attrs["data_format"]))
    ddz = tf.add_n(parts)
    if y is None:
        return dx, dkernel, ddz
    return dx, dkernel, *reversed(activation_grads(y, dy, ddz, fused | {"from_output": True}, wanted(op, 3)))


def _bias_grad_op(dy: Any, data_format: Any, bias: Any) -> Any:
    dbias = raw.fastconv_bias_grad(dy=dy, data_format=data_format)
    if not tf.executing_eagerly():
        dbias.set_shape(bias.shape)
    return dbias


def _conv2d_op(x: Any, kernel: Any, attrs: Any, like: Any) -> Any:
    """A plain convolution of the shape of `like`."""
    y = raw.fastconv_conv2d(x=x, kernel=kernel, bias=[], **attrs)
    if not tf.executing_eagerly():
        y.set_shape(like.shape)
    return y


@tf.RegisterGradient("FastconvConv2DInputGrad")
def _conv2d_input_grad(op: Any, ddx: Any) -> Any:
    """dx is linear in kernel and dy; x gives nothing but its shape."""
    _, kernel, dy = op.inputs
    attrs = attrs_of(op, CONV_ATTRS)
    dkernel = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=ddx, dy=dy, **attrs) if wanted(op, 1) else None
    return None, dkernel, _conv2d_op(ddx, kernel, attrs, dy) if wanted(op, 2) else None


@tf.RegisterGradient("FastconvConv2DScaledInputGrad")
def _conv2d_scaled_input_grad(op: Any, ddx: Any) -> Any:
    """dx is linear in kernel * scale and in dy f'(y); x gives nothing but its shape."""
    _, kernel, dy, scale, *known = op.inputs
    attrs, fused = attrs_of(op, CONV_ATTRS), attrs_of(op, ACTIVATION_ATTRS)
    dz = through_activation(known[0], dy, fused) if known else dy
    dscaled = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=ddx, dy=dz, **attrs)
    ddz = _conv2d_op(ddx, kernel * scale, attrs, dy)
    known_grads: list[Any] = []
    if known:
        *known_grads, ddz = activation_grads(known[0], dy, ddz, fused | {"from_output": True}, wanted(op, 4))
    return None, dscaled * scale, ddz, tf.reduce_sum(dscaled * kernel, (0, 1, 2)), *known_grads


@tf.RegisterGradient("FastconvConv2DKernelGrad")
def _conv2d_kernel_grad(op: Any, ddkernel: Any) -> Any:
    """dkernel is linear in x and dy; kernel gives nothing but its shape."""
    _, x, dy = op.inputs
    attrs = attrs_of(op, CONV_ATTRS)
    dx = raw.fastconv_conv2d_input_grad(x=x, kernel=ddkernel, dy=dy, **attrs) if wanted(op, 1) else None
    return None, dx, _conv2d_op(x, ddkernel, attrs, dy) if wanted(op, 2) else None


@tf.RegisterGradient("FastconvConv2DPool2D")
def _conv2d_pool2d(op: Any, dy: Any) -> Any:
    """Through the convolution, computed again, and its pooling by itself."""
    attrs = attrs_of(op, (*CONV_ATTRS, *ACTIVATION_ATTRS))
    pooling = {
        "strides": op.get_attr("pool_strides"),
        "padding": "SAME" if op.get_attr("pool_same") else "VALID",
        "data_format": attrs["data_format"],
        **attrs_of(op, ("window", "average")),
    }
    x, kernel, *bias = op.inputs
    y = raw.fastconv_conv2d(x=x, kernel=kernel, bias=bias, **attrs)
    asked = [wanted(op, i) for i in range(len(op.inputs))]
    return convolution_grads(op, op.inputs, y, raw.fastconv_pool2d_grad(x=y, dy=dy, **pooling), attrs, asked)


@tf.RegisterGradient("FastconvConv2DTranspose")
def _conv2d_transpose(op: Any, dy: Any) -> Any:
    """A convolution of dy; with x in the place of its output's gradient, the kernel's."""
    x, kernel = op.inputs
    attrs = attrs_of(op, CONV_ATTRS)
    dx = _conv2d_op(dy, kernel, attrs, x) if wanted(op, 0) else None
    return dx, raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=dy, dy=x, **attrs) if wanted(op, 1) else None


@tf.RegisterGradient("FastconvBiasGrad")
def _bias_grad(op: Any, ddbias: Any) -> Any:
    return _spread_bias(ddbias, op.inputs[0], _text(op.get_attr("data_format")))


def _spread_bias(bias: Any, like: Any, data_format: Any) -> Any:
    bias = tf.reshape(bias, [1, 1, 1, -1] if data_format == "NHWC" else [1, -1, 1, 1])
    return tf.broadcast_to(bias, tf.shape(like))


@tf.RegisterGradient("FastconvPool2D")
def _pool2d(op: Any, dy: Any) -> Any:
    attrs = attrs_of(op, (*_WINDOW_ATTRS, "window", "average"))
    return raw.fastconv_pool2d_grad(x=op.inputs[0], dy=dy, **attrs)


@tf.RegisterGradient("FastconvPool2DGrad")
def _pool2d_grad(op: Any, ddx: Any) -> Any:
    """Average pooling's is the pooling again; max pooling's picks where x had its maxima, which do not move."""
    x, dy = op.inputs
    attrs = attrs_of(op, (*_WINDOW_ATTRS, "window"))
    if op.get_attr("average"):
        ddy = raw.fastconv_pool2d(x=ddx, average=True, **attrs)
    else:
        ddy = raw.fastconv_max_pool2d_grad_grad(x=x, ddx=ddx, **attrs)
    if not tf.executing_eagerly():
        ddy.set_shape(dy.shape)
    return tf.zeros_like(x) if wanted(op, 0) else None, ddy


@tf.RegisterGradient("FastconvMaxPool2DGradGrad")
def _max_pool2d_grad_grad(op: Any, dddy: Any) -> Any:
    x, _ = op.inputs
    attrs = attrs_of(op, (*_WINDOW_ATTRS, "window"))
    dddx = raw.fastconv_pool2d_grad(x=x, dy=dddy, average=False, **attrs)
    return tf.zeros_like(x) if wanted(op, 0) else None, dddx


@tf.RegisterGradient("FastconvActivation")
def _activation(op: Any, dy: Any) -> Any:
    name, bits = _text(op.get_attr("activation")), op.get_attr("alpha_bits")
    if name == "linear":
        return dy
    from_output = has_output_gradient(name, alpha_of(bits))
    known = op.outputs[0] if from_output else op.inputs[0]
    return raw.fastconv_activation_grad(known=known, dy=dy, activation=name, alpha_bits=bits, from_output=from_output)


@tf.RegisterGradient("FastconvActivationGrad")
def _activation_grad(op: Any, ddx: Any) -> Any:
    known, dy = op.inputs
    attrs = attrs_of(op, (*ACTIVATION_ATTRS, "from_output"))
    dknown, ddy = activation_grads(known, dy, ddx, attrs, wanted(op, 0))
    return dknown, ddy if wanted(op, 1) else None


def activation_grads(known: Any, dy: Any, ddx: Any, attrs: Any, known_wanted: Any) -> Any:
    """dx = dy f'(x) is linear in dy; in the other input it is differentiated as TensorFlow's own operations."""
    dknown = None
    if known_wanted:
        alpha = alpha_of(attrs["alpha_bits"])
        derivative = (from_output if attrs["from_output"] else from_input)(attrs["activation"])
        with tf.GradientTape() as tape:
            tape.watch(known)
            slope = derivative(known, alpha)
        change = tape.gradient(slope, known, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        dknown = ddx * dy * change
    return dknown, raw.fastconv_activation_grad(known=known, dy=ddx, **attrs)


_RELU_ATTRS = ("negative_slope_bits", "threshold_bits", "low_bits", "high_bits")


@tf.RegisterGradient("FastconvRelu")
def _relu(op: Any, dy: Any) -> Any:
    return raw.fastconv_relu_grad(x=op.inputs[0], dy=dy, **attrs_of(op, _RELU_ATTRS))


@tf.RegisterGradient("FastconvReluGrad")
def _relu_grad(op: Any, ddx: Any) -> Any:
    """dx = dy f'(x), where f' is constant on both sides of its steps."""
    x = op.inputs[0]
    return tf.zeros_like(x) if wanted(op, 0) else None, raw.fastconv_relu_grad(x=x, dy=ddx, **attrs_of(op, _RELU_ATTRS))


@tf.RegisterGradient("FastconvSoftmax")
def _softmax(op: Any, dy: Any) -> Any:
    return raw.fastconv_softmax_grad(y=op.outputs[0], dy=dy, axis=op.get_attr("axis"))


@tf.RegisterGradient("FastconvSoftmaxGrad")
def _softmax_grad(op: Any, ddx: Any) -> Any:
    """dx = y (dy - sum(y dy)), linear in dy, quadratic in y."""
    y, dy = op.inputs
    axis = op.get_attr("axis")
    mean = tf.reduce_sum(y * dy, axis, keepdims=True)
    return (
        ddx * (dy - mean) - dy * tf.reduce_sum(ddx * y, axis, keepdims=True),
        raw.fastconv_softmax_grad(y=y, dy=ddx, axis=axis),
    )
