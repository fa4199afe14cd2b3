"""fastconv.jax on several devices, next to JAX's own operations; test_jax_devices.py runs this where there are four."""

import functools
from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from jax_reference import STOCK_ACTIVATIONS, all_close, close, random, stock_conv2d, stock_pool

import fastconv.jax as fj

KERNEL, BIAS, MATRIX = random((3, 3, 2, 4), seed=1), random((4,), seed=2), random((2, 4), seed=3)
FIRST = {"data_format": "channels_first"}


def stock_transpose(x, kernel, bias):
    like = jax.ShapeDtypeStruct((x.shape[0], 2 * x.shape[1] + 1, 2 * x.shape[2] + 1, kernel.shape[2]), x.dtype)
    if jax.typeof(x).manual_axis_type.varying:
        like = jax.typeof(x).update(shape=like.shape)
        kernel, bias = (
            jax.lax.pcast(t, tuple(jax.typeof(x).manual_axis_type.varying), to="varying") for t in (kernel, bias)
        )
    return jax.linear_transpose(lambda t: stock_conv2d(t, kernel, strides=2), like)(x)[0] + bias


# Functions of x, whose first axis is a batch, and of weights: ours and JAX's.
OPERATIONS = {
    "conv2d": (
        lambda x, k, b: fj.conv2d(x, k, b, padding="same", strides=2, activation="tanh"),
        lambda x, k, b: jnp.tanh(stock_conv2d(x, k, b, padding="same", strides=2)),
        (KERNEL, BIAS),
    ),
    "conv2d, gelu": (
        lambda x, k: fj.conv2d(x, k, activation="gelu"),
        lambda x, k: STOCK_ACTIVATIONS["gelu"](stock_conv2d(x, k)),
        (KERNEL,),
    ),
    "conv2d, first": (
        lambda x, k, b: fj.conv2d(jnp.moveaxis(x, 3, 1), k, b, **FIRST),
        lambda x, k, b: stock_conv2d(jnp.moveaxis(x, 3, 1), k, b, **FIRST),
        (KERNEL, BIAS),
    ),
    "depthwise": (
        lambda x, k: fj.conv2d(x, k, groups=2),
        lambda x, k: stock_conv2d(x, k, groups=2),
        (KERNEL[:, :, :1],),
    ),
    "transposed": (
        lambda x, k, b: fj.conv2d_transpose(x, k, b, strides=2),
        stock_transpose,
        (KERNEL.swapaxes(2, 3), BIAS),
    ),
    "dense": (
        lambda x, k, b: fj.dense(x, k, b, activation="sigmoid"),
        lambda x, k, b: jax.nn.sigmoid(x @ k + b),
        (MATRIX, BIAS),
    ),
    "max_pool2d": (lambda x: fj.max_pool2d(x, 3, strides=2), lambda x: stock_pool(False, x, 3, 2), ()),
    "avg_pool2d": (lambda x: fj.avg_pool2d(x, padding="same"), lambda x: stock_pool(True, x, padding="same"), ()),
    "tanh": (lambda x: fj.activation(x, "tanh"), jnp.tanh, ()),
    "relu": (
        lambda x: fj.relu(x, 0.5, 1.0, 0.25),
        lambda x: jnp.clip(jnp.where(x > 0.25, x, 0), 0, 1) - 0.5 * jax.nn.relu(0.25 - x),
        (),
    ),
    "softmax": (fj.softmax, jax.nn.softmax, ()),
    "softmax, two axes": (lambda x: fj.softmax(x, (1, 2)), lambda x: jax.nn.softmax(x, (1, 2)), ()),
}
PAIRS = pytest.mark.parametrize(("ours", "stock", "weights"), OPERATIONS.values(), ids=OPERATIONS)


def batch():
    return random((8, 5, 6, 2), seed=7)


def mesh(count: int, kind=AxisType.Auto):
    return jax.make_mesh((count,), ("data",), axis_types=(kind,), devices=jax.devices()[:count])


def placed(value, mesh, *axes):
    return jax.device_put(value, NamedSharding(mesh, P(*axes)))


def run(function, *args):
    """What a jitted function returns, and the communication in the program that the devices run."""
    program = jax.jit(function).lower(*args).compile()
    text, words = program.as_text(), ("all-gather", "all-reduce", "all-to-all", "collective-permute")
    return program(*args), {word for word in words if f"{word}(" in text}


def loss(function):
    """A curved number of a function's results."""
    return lambda *args: jnp.sum(jnp.sin(function(*args)))


def second_loss(function):
    """One of the gradients of that."""
    return lambda *args: sum(jnp.sum(jnp.cos(g)) for g in jax.grad(loss(function), tuple(range(len(args))))(*args))


@PAIRS
def test_gradients_of_two_orders_within_shard_map(ours, stock, weights):
    """Of what the devices hold together, by parts of x and by weights that are the same on all."""

    def gradients(function):
        total = jax.shard_map(
            lambda *a: jax.lax.psum(second_loss(function)(*a), "data"),
            mesh=mesh(2),
            in_specs=(P("data"), *(P() for _ in weights)),
            out_specs=P(),
        )
        return jax.jit(jax.grad(total, tuple(range(1 + len(weights)))))

    all_close(gradients(ours)(batch(), *weights), gradients(stock)(batch(), *weights))


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", ["conv2d", "dense", "tanh"])
def test_gradients_within_shard_map_are_those_of_the_whole_batch(name, count):
    ours, stock, weights = OPERATIONS[name]
    total = jax.shard_map(
        lambda *a: jax.lax.psum(loss(ours)(*a), "data"),
        mesh=mesh(count),
        in_specs=(P("data"), *(P() for _ in weights)),
        out_specs=P(),
    )
    args = batch(), *weights
    places = tuple(range(len(args)))
    all_close(jax.jit(jax.grad(total, places))(*args), jax.grad(loss(stock), places)(*args))


@PAIRS
def test_tangents_and_maps_within_shard_map(ours, stock, weights):
    def moved(function):
        def local(x, *weights):
            y, dy = jax.jvp(function, (x, *weights), (jnp.cos(x), *weights))
            return y, dy, jax.vmap(lambda t: function(t[None], *weights))(x)

        return jax.shard_map(local, mesh=mesh(2), in_specs=(P("data"), *(P() for _ in weights)), out_specs=P("data"))

    all_close(jax.jit(moved(ours))(batch(), *weights), jax.jit(moved(stock))(batch(), *weights))


def test_shard_map_outside_of_jit():
    total = jax.shard_map(
        jax.grad(lambda k, x: jax.lax.psum(loss(fj.conv2d)(x, k), "data")),
        mesh=mesh(2),
        in_specs=(P(), P("data")),
        out_specs=P(),
    )
    close(total(KERNEL, batch()), jax.jit(jax.grad(loss(stock_conv2d), 1))(batch(), KERNEL))


@PAIRS
def test_shard_map_refuses_results_that_differ(ours, stock, weights):
    for function in (ours, stock):
        mapped = jax.shard_map(function, mesh=mesh(2), in_specs=(P("data"), *(P() for _ in weights)), out_specs=P())
        with pytest.raises(ValueError, match="out_specs"):
            jax.eval_shape(mapped, batch(), *weights)


def test_shard_map_without_its_check():
    mapped = jax.shard_map(
        lambda x, k: jax.grad(lambda k: jnp.sum(fj.conv2d(x, k) ** 2))(k)[None],
        mesh=mesh(2),
        in_specs=(P("data"), P()),
        out_specs=P("data"),
        check_vma=False,
    )
    expected = [jax.grad(lambda k, x=x: jnp.sum(stock_conv2d(x, k) ** 2))(KERNEL) for x in jnp.split(batch(), 2)]
    close(jax.jit(mapped)(batch(), KERNEL), jnp.stack(expected))


def test_exported_shard_map():
    """In JAX's own operations."""

    def total(ours):
        return jax.grad(
            lambda k, x: jnp.sum(
                jax.shard_map(
                    lambda x, k: jax.lax.psum(jnp.sum(ours(x, k) ** 2), "data"),
                    mesh=mesh(2),
                    in_specs=(P("data"), P()),
                    out_specs=P(),
                )(x, k)
            )
        )

    args = KERNEL, batch()
    exported = jax.export.export(jax.jit(total(fj.conv2d)))(*args)
    assert "custom_call @fastconv" not in exported.mlir_module()
    placed_args = [placed(a, mesh(2)) for a in args]
    close(jax.jit(exported.call)(*placed_args), jax.jit(total(stock_conv2d))(*args))


@PAIRS
def test_jit_keeps_a_batch_where_it_is(ours, stock, weights):
    """Nothing is gathered: results and gradients of x are cut as x is, and only those of weights are added up."""
    where = mesh(4)
    args = placed(batch(), where, "data"), *(placed(w, where) for w in weights)
    y, communication = run(ours, *args)
    close(y, jax.jit(stock)(batch(), *weights))
    assert y.sharding.is_equivalent_to(NamedSharding(where, P("data")), y.ndim) and not communication
    places = tuple(range(len(args)))
    found, communication = run(jax.grad(second_loss(ours), places), *args)
    all_close(found, jax.jit(jax.grad(second_loss(stock), places))(batch(), *weights))
    assert found[0].sharding.is_equivalent_to(args[0].sharding, args[0].ndim)
    assert communication <= {"all-reduce"}
    dx, communication = run(jax.grad(loss(ours)), *args)
    assert dx.sharding.is_equivalent_to(args[0].sharding, dx.ndim) and not communication


@PAIRS
def test_tangents_under_jit(ours, stock, weights):
    """Of results and of gradients; they are cut as x is, and nothing is gathered."""
    where = mesh(4)
    args = placed(batch(), where, "data"), *(placed(w, where) for w in weights)

    def moved(function):
        def tangents(x, *weights):
            changes = jnp.cos(x), *weights
            dx = jax.grad(loss(function))
            return jax.jvp(function, (x, *weights), changes)[1], jax.jvp(dx, (x, *weights), changes)[1]

        return tangents

    found, communication = run(moved(ours), *args)
    all_close(found, jax.jit(moved(stock))(batch(), *weights))
    assert not communication
    assert all(t.sharding.is_equivalent_to(NamedSharding(where, P("data")), t.ndim) for t in found)


def test_tangents_outside_of_jit():
    y, dy = jax.jvp(fj.conv2d, (batch(), KERNEL), (jnp.cos(batch()), KERNEL))
    all_close((y, dy), jax.jit(jax.jvp, static_argnums=0)(stock_conv2d, (batch(), KERNEL), (jnp.cos(batch()), KERNEL)))


@pytest.mark.parametrize("within", [False, True], ids=["outside", "set_mesh"])
@pytest.mark.parametrize("name", ["conv2d", "conv2d, first", "dense", "max_pool2d", "relu", "softmax"])
def test_explicit_axes(name, within):
    """The results' types say how they are cut."""
    ours, stock, weights = OPERATIONS[name]
    where = mesh(2, AxisType.Explicit)
    args = [placed(batch(), where, "data"), *(placed(w, where) for w in weights)]

    def pulled(function):
        def both(*args):
            y, pull = jax.vjp(function, *args)
            return y, pull(jnp.cos(y))

        return jax.jit(both)

    with jax.set_mesh(where) if within else nullcontext():
        y, gradients = pulled(ours)(*args)
        assert jax.typeof(ours(*args)).sharding.spec[0] == jax.typeof(y).sharding.spec[0] == "data"
    all_close((y, gradients), pulled(stock)(batch(), *weights))
    for gradient, arg in zip(gradients, args, strict=True):
        assert jax.typeof(gradient).sharding.spec == jax.typeof(arg).sharding.spec


def test_maps_over_an_axis_that_is_cut():
    """Of images alone, and of kernels with them."""
    where = mesh(2, AxisType.Explicit)
    x, kernels = random((4, 2, 5, 5, 2)), random((4, 3, 3, 2, 4))
    for axes in ((0, None), (0, 0)):
        kernel = KERNEL if axes[1] is None else kernels
        args = placed(x, where, "data"), placed(kernel, where, *([] if axes[1] is None else ["data"]))
        close(jax.jit(jax.vmap(fj.conv2d, axes))(*args), jax.jit(jax.vmap(stock_conv2d, axes))(x, kernel))


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=str)
@pytest.mark.parametrize("axes", [(("a", "b"),), ("b", None, None, "a"), (None, None, "a", "b")], ids=str)
def test_any_way_of_cutting_x(axes, kind):
    where = jax.make_mesh((2, 2), ("a", "b"), axis_types=(kind, kind))
    x = random((4, 4, 6, 2))

    def step(conv2d, max_pool2d):
        return lambda *a: loss(lambda x, k: max_pool2d(jnp.tanh(conv2d(x, k))))(*a)

    found = jax.jit(jax.grad(step(fj.conv2d, fj.max_pool2d), (0, 1)))(placed(x, where, *axes), placed(KERNEL, where))
    all_close(found, jax.jit(jax.grad(step(stock_conv2d, functools.partial(stock_pool, False)), (0, 1)))(x, KERNEL))


def test_a_batch_that_does_not_divide():
    where = mesh(4)
    x = placed(random((4, 6, 6, 2)), where, "data")

    def function(conv2d):
        return lambda x: jnp.sum(jnp.sin(conv2d(jnp.concatenate([x, x[:2]]), KERNEL)))

    close(jax.jit(jax.grad(function(fj.conv2d)))(x), jax.jit(jax.grad(function(stock_conv2d)))(np.asarray(x)))


def test_one_axis_manual_the_other_not():
    where = jax.make_mesh((2, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)
    args = placed(batch(), where, ("a", "b")), placed(KERNEL, where)

    def total(conv2d):
        return jax.grad(
            jax.shard_map(
                lambda x, k: jax.lax.psum(jnp.sum(conv2d(x, k) ** 2), "a"),
                mesh=where,
                in_specs=(P("a"), P()),
                out_specs=P(),
                axis_names={"a"},
            ),
            (0, 1),
        )

    all_close(jax.jit(total(fj.conv2d))(*args), jax.jit(total(stock_conv2d))(*args))


def test_a_device_of_several():
    x, kernel = (jax.device_put(a, jax.devices()[3]) for a in (batch(), KERNEL))
    y = jax.jit(functools.partial(fj.conv2d, activation="relu"))(x, kernel)
    assert y.devices() == {jax.devices()[3]}
    close(y, jax.nn.relu(stock_conv2d(x, kernel)))
