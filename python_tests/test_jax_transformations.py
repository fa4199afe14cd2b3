"""JAX's transformations of fastconv.jax: mapping, differentiating in both modes, shapes, exported programs."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax_reference import STOCK_ACTIVATIONS, all_close, compiled, derivatives, random, stock_conv2d, stock_pool

import fastconv.jax as fj

pytestmark = pytest.mark.usefixtures("jax_float64")


MAPPED = {
    "conv, x": (lambda x, k, b: fj.conv2d(x, k, b, activation="relu"), (1, None, None)),
    "conv, kernel": (lambda x, k, b: fj.conv2d(x, k, b, activation="relu"), (None, 0, 0)),
    "conv, all": (lambda x, k, b: fj.conv2d(x, k, b, activation="relu"), (0, 4, 1)),
    "gradients, x": (lambda *a: derivatives(lambda *b: fj.conv2d(*b, activation="tanh"), *a), (0, None, None)),
    "gradients, all": (lambda *a: derivatives(lambda *b: fj.conv2d(*b, activation="tanh"), *a), (2, 0, 0)),
    "transposed": (lambda x, k, b: fj.conv2d_transpose(x, jnp.moveaxis(k, 2, 3), b), (0, None, None)),
    "pools": (lambda x, k, b: derivatives(lambda t: fj.max_pool2d(t) * fj.avg_pool2d(t), x), (1, None, None)),
    "activation": (lambda x, k, b: derivatives(lambda t: fj.activation(t, "gelu"), b), (None, None, 0)),
    "dense, x": (lambda x, k, b: derivatives(lambda t: fj.dense(t, k[0, 0], b, activation="tanh"), x), (1, None, None)),
    "dense, all": (lambda x, k, b: derivatives(fj.dense, x, k[0, 0], b), (0, 0, 0)),
    "scalars": (lambda x, k, b: fj.activation(jnp.sum(b), "tanh"), (None, None, 1)),
    "softmax": (lambda x, k, b: derivatives(lambda t: fj.softmax(t, 0), x), (1, None, None)),
}


@pytest.mark.parametrize(("function", "axes"), MAPPED.values(), ids=MAPPED)
def test_mapping(function, axes):
    inputs = [
        random(shape if axis is None else (*shape[:axis], 3, *shape[axis:]), seed=i)
        for i, (shape, axis) in enumerate(zip([(2, 5, 6, 2), (3, 2, 2, 4), (4,)], axes, strict=True))
    ]
    one = compiled(function)
    each = [
        one(*(a if axis is None else jnp.take(a, i, axis) for a, axis in zip(inputs, axes, strict=True)))
        for i in range(3)
    ]
    all_close(compiled(jax.vmap(function, axes))(*inputs), jax.tree.map(lambda *parts: jnp.stack(parts), *each))


def test_a_batch_is_mapped_in_one_call():
    text = jax.jit(jax.vmap(fj.conv2d, (0, None))).lower(random((3, 2, 5, 5, 1)), random((3, 3, 1, 2))).as_text()
    assert text.count("custom_call") == 1 and "while" not in text


def network(x, kernel, bias):
    y = fj.max_pool2d(fj.conv2d(x, kernel, bias, activation="sigmoid", padding="same"))
    return fj.softmax(fj.activation(fj.avg_pool2d(y), "gelu"))


def stock_network(x, kernel, bias):
    y = stock_pool(False, jax.nn.sigmoid(stock_conv2d(x, kernel, bias, padding="same")))
    return jax.nn.softmax(jax.nn.gelu(stock_pool(True, y), approximate=False))


def test_other_transformations():
    inputs = random((2, 8, 8, 2)), random((3, 3, 2, 3)), random((3,))

    def loss(function):
        return lambda *a: jnp.sum(function(*a)[..., 0] ** 2)

    def scanned(function):
        return lambda *a: jax.lax.scan(
            lambda total, i: (total + function(i * a[0], *a[1:]), None), 0.0, jnp.arange(3.0)
        )[0]

    for transform in (
        lambda f: jax.hessian(f, 2),
        lambda f: jax.jacrev(jax.jacrev(f, 2), 2),
        lambda f: jax.grad(jax.checkpoint(f), (0, 1, 2)),
        lambda f: jax.grad(scanned(f), (1, 2)),
        lambda f: lambda *a: jax.linearize(f, *a)[1](*a),
    ):
        all_close(compiled(transform(loss(network)))(*inputs), compiled(transform(loss(stock_network)))(*inputs))


def test_transposing_a_linear_function():
    x, kernel = random((2, 9, 8, 4)), random((3, 2, 4, 8), seed=1)
    for ours, stock in (
        (lambda t: fj.conv2d(t, kernel), lambda t: stock_conv2d(t, kernel)),
        (lambda t: fj.avg_pool2d(t, 3), lambda t: stock_pool(True, t, 3)),
    ):
        ct = random(stock(x).shape, seed=4)
        all_close(jax.linear_transpose(ours, x)(ct), jax.linear_transpose(stock, x)(ct))


def test_symbolic_shapes():
    """As Keras finds the shapes of a model whose batch is not known."""
    n, h = jax.export.symbolic_shape("n, h", constraints=["h >= 4"])

    def shape(function, *shapes):
        return jax.eval_shape(function, *(jax.ShapeDtypeStruct(s, "float32") for s in shapes)).shape

    kernel = (3, 3, 3, 5)
    assert shape(fj.conv2d, (n, 9, 9, 3), kernel) == (n, 7, 7, 5)
    assert shape(lambda x, k: fj.conv2d(x, k, padding="same", strides=2), (n, h, h, 3), kernel)[3] == 5
    assert shape(lambda x, k: fj.conv2d(x, k, data_format="channels_first"), (n, 3, h, 9), kernel) == (n, 5, h - 2, 7)
    assert shape(fj.max_pool2d, (n, 9, 9, 3)) == (n, 4, 4, 3)
    assert shape(lambda x: fj.softmax(fj.activation(x, "relu")), (n, 3)) == (n, 3)
    assert shape(lambda x, k: fj.conv2d_transpose(x, k, strides=2), (n, 4, 4, 5), kernel) == (n, 9, 9, 3)
    assert shape(jax.grad(lambda x: jnp.sum(fj.avg_pool2d(x))), (n, 9, 9, 3)) == (n, 9, 9, 3)


EVERYTHING = {
    "network": lambda *a: network(*a),
    "gradients": lambda *a: derivatives(network, *a),
    "strided": lambda x, k, b: derivatives(lambda *a: fj.conv2d(*a, padding=((1, 0), (2, 1)), strides=2), x, k),
    "dense": lambda x, k, b: derivatives(lambda *a: fj.dense(*a, activation="relu"), x, k[0, 0], b),
    "transposed": lambda x, k, b: fj.conv2d_transpose(x, jnp.swapaxes(k, 2, 3), strides=2, activation="softplus"),
    "activations": lambda x, k, b: [
        derivatives(functools.partial(fj.activation, activation=name, alpha=0.3), x) for name in STOCK_ACTIVATIONS
    ],
    "first": lambda x, k, b: fj.avg_pool2d(x, 2, data_format="channels_first", padding=((0, 0), (1, 0))),
}


@pytest.mark.parametrize("function", EVERYTHING.values(), ids=EVERYTHING)
def test_exported_programs_need_no_fastconv(function):
    """Nor a batch size, and one for another device none of its handlers."""
    inputs = random((2, 8, 8, 2)), random((3, 3, 2, 3)), random((3,))
    (n,) = jax.export.symbolic_shape("n", constraints=["n >= 1"])
    specs = [jax.ShapeDtypeStruct((n, *inputs[0].shape[1:]), "float64"), *inputs[1:]]
    exported = jax.export.export(jax.jit(function))(*specs)
    assert "custom_call @fastconv" not in exported.mlir_module()
    loaded = jax.export.deserialize(exported.serialize())
    all_close(compiled(loaded.call)(*inputs), compiled(function)(*inputs))
    text = jax.jit(function).trace(*inputs).lower(lowering_platforms=("tpu",)).as_text()
    assert "custom_call @fastconv" not in text
