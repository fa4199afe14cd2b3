"""TensorFlow: eager calls on constant tensors, NHWC."""

from __future__ import annotations

import networks
import tensorflow as tf

from peers import Candidate


def setup(threads):
    """The thread count is in the environment (TF_NUM_INTRAOP_THREADS): it has to hold for Keras too."""


def candidate(problem, variant):
    if problem.dtype == "uint8":
        return None
    if problem.op == "step":
        return _step(problem)
    run = {
        "convolve2d": _convolve2d,
        "conv2d": _conv2d,
        "activation": _activation,
        "activation_grad": _activation_grad,
    }.get(problem.op, _pool if "pool" in problem.op else _conv2d_grad)(problem)
    squeeze = problem.op == "convolve2d"
    return run and Candidate(run, lambda result: result.numpy()[0, :, :, 0] if squeeze else result.numpy())


def _tensors(problem):
    """Tensors on the arrays' own memory."""
    arrays = (problem.arrays.get(name) for name in ("x", "kernel", "dy"))
    return tuple(None if array is None else tf.experimental.dlpack.from_dlpack(array.__dlpack__()) for array in arrays)


def _convolve2d(problem):
    x = tf.constant(problem.arrays["x"][None, :, :, None])
    kernel = tf.constant(problem.arrays["kernel"][::-1, ::-1, None, None])
    return lambda: tf.nn.conv2d(x, kernel, 1, "SAME")


def _conv2d(problem):
    x, kernel, _ = _tensors(problem)
    o = problem.options
    stride, dilation = o["strides"], o["dilation"]
    padding = o["padding"].upper() if isinstance(o["padding"], str) else [[0, 0], *o["pads"], [0, 0]]
    if o["groups"] == 1:
        return lambda: tf.nn.conv2d(x, kernel, stride, padding, dilations=dilation)
    if o["groups"] != x.shape[3] or o["groups"] != kernel.shape[3]:
        return None
    kernel = tf.transpose(kernel, [0, 1, 3, 2])
    return lambda: tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], padding, dilations=[dilation] * 2)


def _conv2d_grad(problem):
    x, kernel, dy = _tensors(problem)
    o = problem.options
    if o["groups"] > 1:
        return None
    options = {
        "strides": [1, o["strides"], o["strides"], 1],
        "padding": o["padding"].upper(),
        "dilations": [1, o["dilation"], o["dilation"], 1],
    }
    x_shape, kernel_shape = tf.shape(x), tf.shape(kernel)
    if problem.op == "conv2d_input_grad":
        return lambda: tf.raw_ops.Conv2DBackpropInput(input_sizes=x_shape, filter=kernel, out_backprop=dy, **options)
    return lambda: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=kernel_shape, out_backprop=dy, **options)


def _step(problem):
    activations, pools = {"relu": tf.nn.relu, "tanh": tf.tanh}, {"max": tf.nn.max_pool2d, "avg": tf.nn.avg_pool2d}
    return Candidate(
        *networks.taped(
            problem,
            lambda layer, x, kernel, bias: activations[layer.activation](
                tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, layer.padding.upper()), bias)
            ),
            lambda layer, x: pools[layer.kind](x, layer.window, layer.window, layer.padding.upper()),
        )
    )


def _pool(problem):
    x, _, dy = _tensors(problem)
    o = problem.options
    options = {
        "ksize": [1, *o["pool"], 1],
        "strides": [1, o["strides"], o["strides"], 1],
        "padding": o["padding"].upper(),
    }
    if problem.op == "avg_pool2d_grad":
        shape = tf.shape(x)
        return lambda: tf.raw_ops.AvgPoolGrad(orig_input_shape=shape, grad=dy, **options)
    if problem.op == "max_pool2d_grad":
        y = tf.nn.max_pool2d(x, **options)
        return lambda: tf.raw_ops.MaxPoolGrad(orig_input=x, orig_output=y, grad=dy, **options)
    function = getattr(tf.nn, problem.op)
    return lambda: function(x, **options)


def _activation(problem):
    x, _, _ = _tensors(problem)
    name, axis = problem.options["function"], problem.options["axis"]
    function = getattr(tf.nn, name)
    if name == "softmax":
        return lambda: function(x, axis)
    return (lambda: function(x, approximate=False)) if name == "gelu" else (lambda: function(x))


def _activation_grad(problem):
    """The ops that TensorFlow's gradients are made of, given the output of the forward pass where they take it."""
    x, _, dy = _tensors(problem)
    name, axis = problem.options["function"], problem.options["axis"]
    if name == "gelu":
        return None  # it is put together from many
    y = _activation(problem)()
    raw = tf.raw_ops
    return {
        "relu": lambda: raw.ReluGrad(gradients=dy, features=x),
        "tanh": lambda: raw.TanhGrad(y=y, dy=dy),
        "sigmoid": lambda: raw.SigmoidGrad(y=y, dy=dy),
        "elu": lambda: raw.EluGrad(gradients=dy, outputs=y),
        "softmax": lambda: (dy - tf.reduce_sum(dy * y, axis, keepdims=True)) * y,
    }[name]
