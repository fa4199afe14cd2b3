"""Gradients of the ops, themselves made of ops that have gradients, so that any order can be taken."""
from __future__ import annotations

import math

import tensorflow as tf

from . import ops
from ._load import raw

_WINDOW_ATTRS = ("strides", "padding", "explicit_paddings", "data_format")
_CONV_ATTRS = (*_WINDOW_ATTRS, "dilations", "groups")


def _attrs(op, names) -> dict[str, object]:
    return {name: _text(op.get_attr(name)) for name in names}


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _wanted(op, index: int) -> bool:
    """Whether anybody asks for the gradient of this input; only a tape knows, a graph prunes what is not used."""
    return index not in (getattr(op, "skip_input_indices", None) or ())


@tf.RegisterGradient("FastconvConv2D")
def _conv2d(op, dy):
    """From the output y: the fused activation is one whose derivative y tells."""
    x, kernel, *bias = op.inputs
    name, bits = _text(op.get_attr("activation")), op.get_attr("alpha_bits")
    if name != "linear":
        dy = raw.fastconv_activation_grad(
            known=op.outputs[0], dy=dy, activation=name, alpha_bits=bits, from_output=True)
    attrs = _attrs(op, _CONV_ATTRS)
    dx = raw.fastconv_conv2d_input_grad(x=x, kernel=kernel, dy=dy, **attrs) if _wanted(op, 0) else None
    dkernel = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=x, dy=dy, **attrs) if _wanted(op, 1) else None
    if not bias:
        return dx, dkernel
    return dx, dkernel, _bias_grad_op(dy, attrs["data_format"], bias[0]) if _wanted(op, 2) else None


def _bias_grad_op(dy, data_format, bias):
    dbias = raw.fastconv_bias_grad(dy=dy, data_format=data_format)
    if not tf.executing_eagerly():
        dbias.set_shape(bias.shape)
    return dbias


def _conv2d_op(x, kernel, attrs, like):
    """A plain convolution of the shape of `like`."""
    y = raw.fastconv_conv2d(x=x, kernel=kernel, bias=[], **attrs)
    if not tf.executing_eagerly():
        y.set_shape(like.shape)
    return y


@tf.RegisterGradient("FastconvConv2DInputGrad")
def _conv2d_input_grad(op, ddx):
    """dx is linear in kernel and dy; x gives nothing but its shape."""
    _, kernel, dy = op.inputs
    attrs = _attrs(op, _CONV_ATTRS)
    dkernel = raw.fastconv_conv2d_kernel_grad(kernel=kernel, x=ddx, dy=dy, **attrs) if _wanted(op, 1) else None
    return None, dkernel, _conv2d_op(ddx, kernel, attrs, dy) if _wanted(op, 2) else None


@tf.RegisterGradient("FastconvConv2DKernelGrad")
def _conv2d_kernel_grad(op, ddkernel):
    """dkernel is linear in x and dy; kernel gives nothing but its shape."""
    _, x, dy = op.inputs
    attrs = _attrs(op, _CONV_ATTRS)
    dx = raw.fastconv_conv2d_input_grad(x=x, kernel=ddkernel, dy=dy, **attrs) if _wanted(op, 1) else None
    return None, dx, _conv2d_op(x, ddkernel, attrs, dy) if _wanted(op, 2) else None


@tf.RegisterGradient("FastconvBiasGrad")
def _bias_grad(op, ddbias):
    (dy,) = op.inputs
    last = _text(op.get_attr("data_format")) == "NHWC"
    ddbias = tf.reshape(ddbias, [1, 1, 1, -1] if last else [1, -1, 1, 1])
    return tf.broadcast_to(ddbias, tf.shape(dy))


@tf.RegisterGradient("FastconvPool2D")
def _pool2d(op, dy):
    attrs = _attrs(op, (*_WINDOW_ATTRS, "window", "average"))
    return raw.fastconv_pool2d_grad(x=op.inputs[0], dy=dy, **attrs)


@tf.RegisterGradient("FastconvPool2DGrad")
def _pool2d_grad(op, ddx):
    """Average pooling's is the pooling again; max pooling's picks where x had its maxima, which do not move."""
    x, dy = op.inputs
    attrs = _attrs(op, (*_WINDOW_ATTRS, "window"))
    if op.get_attr("average"):
        ddy = raw.fastconv_pool2d(x=ddx, average=True, **attrs)
    else:
        ddy = raw.fastconv_max_pool2d_grad_grad(x=x, ddx=ddx, **attrs)
    if not tf.executing_eagerly():
        ddy.set_shape(dy.shape)
    return tf.zeros_like(x) if _wanted(op, 0) else None, ddy


@tf.RegisterGradient("FastconvMaxPool2DGradGrad")
def _max_pool2d_grad_grad(op, dddy):
    x, _ = op.inputs
    attrs = _attrs(op, (*_WINDOW_ATTRS, "window"))
    dddx = raw.fastconv_pool2d_grad(x=x, dy=dddy, average=False, **attrs)
    return tf.zeros_like(x) if _wanted(op, 0) else None, dddx


@tf.RegisterGradient("FastconvActivation")
def _activation(op, dy):
    name, bits = _text(op.get_attr("activation")), op.get_attr("alpha_bits")
    if name == "linear":
        return dy
    from_output = ops.has_output_gradient(name, ops.alpha_of(bits))
    known = op.outputs[0] if from_output else op.inputs[0]
    return raw.fastconv_activation_grad(known=known, dy=dy, activation=name, alpha_bits=bits, from_output=from_output)


@tf.RegisterGradient("FastconvActivationGrad")
def _activation_grad(op, ddx):
    """dx = dy f'(x) is linear in dy; in the other input it is differentiated as TensorFlow's own operations."""
    known, dy = op.inputs
    attrs = _attrs(op, ("activation", "alpha_bits", "from_output"))
    dknown = None
    if _wanted(op, 0):
        alpha = ops.alpha_of(attrs["alpha_bits"])
        derivative = _FROM_OUTPUT[attrs["activation"]] if attrs["from_output"] else _from_input(attrs["activation"])
        with tf.GradientTape() as tape:
            tape.watch(known)
            slope = derivative(known, alpha)
        change = tape.gradient(slope, known, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        dknown = ddx * dy * change
    return dknown, raw.fastconv_activation_grad(known=known, dy=ddx, **attrs) if _wanted(op, 1) else None


@tf.RegisterGradient("FastconvSoftmax")
def _softmax(op, dy):
    return raw.fastconv_softmax_grad(y=op.outputs[0], dy=dy, axis=op.get_attr("axis"))


@tf.RegisterGradient("FastconvSoftmaxGrad")
def _softmax_grad(op, ddx):
    """dx = y (dy - sum(y dy)), linear in dy, quadratic in y."""
    y, dy = op.inputs
    axis = op.get_attr("axis")
    mean = tf.reduce_sum(y * dy, axis, keepdims=True)
    return (ddx * (dy - mean) - dy * tf.reduce_sum(ddx * y, axis, keepdims=True),
            raw.fastconv_softmax_grad(y=y, dy=ddx, axis=axis))


_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA_SCALE = 1.7580993408473766


def _constant(value: float, like):
    """In full precision: tf.cast would go through float32."""
    return tf.constant(value, like.dtype)


def _step(y, below, above: float):
    return tf.where(y > 0, _constant(above, y), below)


# f'(x) as a function of y = f(x).
_FROM_OUTPUT = {
    "linear": lambda y, alpha: tf.ones_like(y),
    "relu": lambda y, alpha: _step(y, tf.zeros_like(y), 1),
    "relu6": lambda y, alpha: tf.cast((y > 0) & (y < 6), y.dtype),
    "leaky_relu": lambda y, alpha: _step(y, _constant(alpha, y), 1),
    "elu": lambda y, alpha: _step(y, y + _constant(alpha, y), 1),
    "selu": lambda y, alpha: _step(y, y + _constant(_SELU_ALPHA_SCALE, y), _SELU_SCALE),
    "sigmoid": lambda y, alpha: y * (1 - y),
    "tanh": lambda y, alpha: 1 - y * y,
    "exponential": lambda y, alpha: y,
    "softplus": lambda y, alpha: -tf.math.expm1(-y),
    "softsign": lambda y, alpha: (1 - tf.abs(y)) ** 2,
    "hard_sigmoid": lambda y, alpha: tf.cast((y > 0) & (y < 1), y.dtype) / 6,
}

# f(x), where the output does not tell the derivative.
_FROM_INPUT = {
    "leaky_relu": lambda x, alpha: tf.where(x > 0, x, _constant(alpha, x) * x),
    "elu": lambda x, alpha: tf.where(x > 0, x, _constant(alpha, x) * tf.math.expm1(tf.minimum(x, 0))),
    "silu": lambda x, alpha: x * tf.sigmoid(x),
    "gelu": lambda x, alpha: 0.5 * x * (1 + tf.math.erf(x * _constant(math.sqrt(0.5), x))),
    "gelu_tanh": lambda x, alpha: 0.5 * x * (1 + tf.tanh(_constant(math.sqrt(2 / math.pi), x)
                                                         * (x + _constant(0.044715, x) * x ** 3))),
    "hard_silu": lambda x, alpha: x * tf.nn.relu6(x + 3) / 6,
    "mish": lambda x, alpha: x * tf.tanh(tf.math.softplus(x)),
}


def _from_input(name: str):
    """f'(x) as a function of x."""
    def derivative(x, alpha):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = _FROM_INPUT[name](x, alpha)
        return tape.gradient(y, x)
    return derivative
