"""The dense layer as a TensorFlow op, with gradients of any order."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .. import _args
from ..nn import activations
from . import gradients
from ._attrs import alpha_bits, same_dtype, tensor
from ._load import raw

__all__ = ["dense"]


def dense(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: Any = 0.0, name: Any = None) -> Any:
    """Matrix product with optional bias and activation, as `fastconv.dense`.

    Parameters
    ----------
    x : tf.Tensor
        (..., inputs); float16, bfloat16, float32 or float64.
    kernel : tf.Tensor
        (inputs, outputs), of x's dtype.
    bias : tf.Tensor, optional
        (outputs,), of x's dtype.
    activation : str, optional
        As in `conv2d`; `alpha` is its parameter where it has one.

    Returns
    -------
    tf.Tensor
        (..., outputs).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these. Shapes known only when the op runs raise `tf.errors.InvalidArgumentError`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.dense(tf.ones([1, 3]), tf.ones([3, 2]), activation="relu").numpy()
    array([[3., 3.]], dtype=float32)
    """
    x, kernel = tensor(x, "x"), tensor(kernel, "kernel", 2)
    biases = [] if bias is None else [tensor(bias, "bias", 1)]
    same_dtype(x, kernel=kernel, **({"bias": biases[0]} if biases else {}))
    activation = _args.choice("linear" if activation is None else activation, "activation", activations.NAMES)
    y = raw.fastconv_dense(
        x=x, kernel=kernel, bias=biases, activation=activation, alpha_bits=alpha_bits(alpha), name=name
    )
    if not tf.executing_eagerly() and x.shape.rank is not None:
        y.set_shape([*x.shape[:-1], kernel.shape[1]])
    return y


@tf.RegisterGradient("FastconvDense")
def _dense(op: Any, dy: Any) -> Any:
    """From the output: the fused activation is one whose derivative it tells.

    In a graph, which is pruned an op at a time, that of x is an op of its own.
    """
    asked = [gradients.wanted(op, i) for i in range(len(op.inputs))]
    if tf.executing_eagerly() or not (asked[0] and any(asked[1:])):
        return _dense_grads_op(op, dy, asked)
    alone = [True, *[False] * (len(asked) - 1)]
    return _dense_grads_op(op, dy, alone)[0], *_dense_grads_op(op, dy, [False, *asked[1:]])[1:]


def _dense_grads_op(op: Any, dy: Any, asked: Any) -> Any:
    """The gradients of x, kernel and bias, None for those not asked for."""
    counts = dict(zip(("dxs", "dkernels", "dbiases"), map(int, (*asked, False)), strict=False))
    fused = gradients.attrs_of(op, gradients.ACTIVATION_ATTRS)
    given = [] if fused["activation"] == "linear" else [op.outputs[0]]
    found = raw.fastconv_dense_grads(x=op.inputs[0], kernel=op.inputs[1], dy=dy, y=given, **counts, **fused)
    grads = [next(iter(part), None) for part in found][: len(op.inputs)]
    if not tf.executing_eagerly():
        for grad, like in zip(grads, op.inputs, strict=True):
            if grad is not None:
                grad.set_shape(like.shape)
    return grads


@tf.RegisterGradient("FastconvDenseGrads")
def _dense_grads(op: Any, *seconds: Any) -> Any:
    """dx, dkernel and dbias are linear in dz = dy f'(y), dx also in kernel, dkernel in x."""
    x, kernel, dy, *outputs = op.inputs
    y = outputs[0] if outputs else None
    fused = gradients.attrs_of(op, gradients.ACTIVATION_ATTRS)
    dz = dy if y is None else gradients.through_activation(y, dy, fused)
    given = iter(seconds)
    ddx, ddkernel, ddbias = (next(given) if op.get_attr(count) else None for count in ("dxs", "dkernels", "dbiases"))
    parts, dx, dkernel = [], None, None
    if ddx is not None:
        parts.append(tf.matmul(ddx, kernel))
        dkernel = tf.matmul(_rows(ddx), _rows(dz), transpose_a=True)
    if ddkernel is not None:
        parts.append(tf.matmul(x, ddkernel))
        dx = tf.matmul(dz, ddkernel, transpose_b=True)
    if ddbias is not None:
        parts.append(tf.broadcast_to(ddbias, tf.shape(dy)))
    ddz = tf.add_n(parts)
    if y is None:
        return dx, dkernel, ddz
    dy_known = gradients.activation_grads(y, dy, ddz, fused | {"from_output": True}, gradients.wanted(op, 3))
    return dx, dkernel, *reversed(dy_known)


def _rows(x: Any) -> Any:
    return tf.reshape(x, [-1, tf.shape(x)[-1]])
