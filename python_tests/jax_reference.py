"""What the tests of fastconv.jax compare with: JAX's own operations, in float64."""

import jax
import jax.numpy as jnp
import numpy as np

TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}


def random(shape, dtype="float64", seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def close(actual, expected, dtype="float64"):
    expected = np.asarray(expected, "float64")
    assert actual.shape == expected.shape and actual.dtype == dtype
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(np.asarray(actual, "float64"), expected, atol=TOLERANCE[dtype] * scale, rtol=0)


def all_close(actual, expected, dtype="float64"):
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        close(a, e, dtype)


def stock_conv2d(
    x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last"
):
    layout = "NHWC" if data_format == "channels_last" else "NCHW"
    pairs = (tuple(v) if np.ndim(v) else (v, v) for v in (strides, dilation_rate))
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        next(pairs),
        padding.upper() if isinstance(padding, str) else padding,
        rhs_dilation=next(pairs),
        dimension_numbers=(layout, "HWIO", layout),
        feature_group_count=groups,
    )
    if bias is None:
        return y
    return y + (bias if layout == "NHWC" else bias[:, None, None])


def compiled(function):
    """Quickly: most of the time goes into compiling the references."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def derivatives(function, *inputs):
    """Gradients of a loss, and those of a number made of them."""
    places = tuple(range(len(inputs)))

    def first(*args):
        return jax.grad(lambda *a: jnp.sum(jnp.sin(function(*a))), places)(*args)

    def second(*args):
        return sum(jnp.sum(jnp.cos(g)) for g in first(*args))

    return first(*inputs), jax.grad(second, places)(*inputs)


def gradients(function, *inputs):
    return compiled(lambda *args: derivatives(function, *args))(*inputs)


STOCK_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.3),
    "elu": lambda x: jax.nn.elu(x, 0.3),
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "exponential": jnp.exp,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "mish": jax.nn.mish,
}


def stock_pool(average, x, pool_size=2, strides=None, padding="valid", data_format="channels_last"):
    """Of shifted slices, one for each cell of the window."""
    if data_format == "channels_first":
        return jnp.moveaxis(stock_pool(average, jnp.moveaxis(x, 1, 3), pool_size, strides, padding), 3, 1)
    window = pool_size if isinstance(pool_size, tuple) else (pool_size, pool_size)
    steps = window if strides is None else (strides, strides)
    pads = (
        padding
        if isinstance(padding, tuple)
        else [
            (total // 2, total - total // 2) if padding == "same" else (0, 0)
            for size, k, s in zip(x.shape[1:3], window, steps, strict=True)
            for total in [max((-(-size // s) - 1) * s + k - size, 0)]
        ]
    )
    out = [(size + sum(pad) - k) // s + 1 for size, pad, k, s in zip(x.shape[1:3], pads, window, steps, strict=True)]

    def cells(values, fill):
        full = jnp.pad(values, ((0, 0), *pads, (0, 0)), constant_values=fill)
        rows, columns = (
            [slice(i, i + (n - 1) * s + 1, s) for i in range(k)] for n, k, s in zip(out, window, steps, strict=True)
        )
        return jnp.stack([full[:, a, b] for a in rows for b in columns])

    if average:
        return cells(x, 0).sum(0) / cells(jnp.ones_like(x), 0).sum(0)
    return cells(x, -jnp.inf).max(0)
