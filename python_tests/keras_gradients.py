"""Values and gradients of a Keras layer, by whatever framework Keras runs on; NumPy has values only."""

import keras
import numpy as np

BACKEND = keras.backend.backend()


def values(*tensors):
    """As arrays of float64; NumPy knows no bfloat16, float32 holds it."""
    wide = [keras.ops.cast(t, "float32") if "float16" in str(t.dtype) else t for t in tensors]
    return [np.asarray(keras.ops.convert_to_numpy(t), "float64") for t in wide]


def gradients(layer, x):
    """layer(x), and the gradients of a curved scalar of it in x and in the trainable weights."""
    return values(*_BY_BACKEND[BACKEND](layer, x, 1))


def second_gradients(layer, x):
    """The gradients, in x and in the trainable weights, of a curved scalar of the gradient in x."""
    return values(*_BY_BACKEND[BACKEND](layer, x, 2))


def _numpy(layer, x, order):
    return [layer(x)] if order == 1 else []


def _tensorflow(layer, x, order):
    import tensorflow as tf

    x = tf.constant(x)
    inputs = [x, *(w.value for w in layer.trainable_weights)]
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.sin(y))
        if order == 2:
            again = tf.reduce_sum(tf.cos(inner.gradient(loss, x)))
    if order == 2:
        return outer.gradient(again, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [y, *inner.gradient(loss, inputs)]


def _torch(layer, x, order):
    import torch

    x = torch.tensor(x, requires_grad=True)
    inputs = [x, *(w.value for w in layer.trainable_weights)]
    y = layer(x)
    first = torch.autograd.grad(y.sin().sum(), inputs, create_graph=order == 2)
    if order == 1:
        return [y, *first]
    again = torch.autograd.grad(first[0].cos().sum(), inputs, allow_unused=True)
    return [torch.zeros_like(i) if g is None else g for g, i in zip(again, inputs, strict=True)]


def _jax(layer, x, order):
    import jax
    import jax.numpy as jnp

    weights = [w.value for w in layer.trainable_weights]

    def call(x, weights):
        # As in a model; stateless_call of a single layer leaves the dtype policy out.
        with keras.StatelessScope(state_mapping=list(zip(layer.trainable_weights, weights, strict=True))):
            return layer(x)

    def loss(x, weights):
        y = call(x, weights)
        return jnp.sum(jnp.sin(y)), y

    def again(x, weights):
        return jnp.sum(jnp.cos(jax.grad(loss, has_aux=True)(x, weights)[0]))

    x = jnp.asarray(x, layer.compute_dtype)  # Keras does not convert what JAX differentiates in
    # Compiled as a whole, which takes less time than to compile operation by operation.
    if order == 1:
        (dx, dweights), y = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(x, weights)
        return [y, dx, *dweights]
    dx, dweights = jax.jit(jax.grad(again, (0, 1)))(x, weights)
    return [dx, *dweights]


_BY_BACKEND = {"numpy": _numpy, "tensorflow": _tensorflow, "torch": _torch, "jax": _jax}
