"""fastconv.jax: values and derivatives of two orders, dtypes, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO
from jax_reference import (
    STOCK_ACTIVATIONS,
    TOLERANCE,
    all_close,
    close,
    derivatives,
    gradients,
    random,
    stock_conv2d,
    stock_pool,
)

import fastconv
import fastconv.jax as fj

pytestmark = pytest.mark.usefixtures("jax_float64")

CONVOLUTIONS = {
    "valid": {},
    "same": {"padding": "same"},
    "strided": {"padding": "same", "strides": (2, 3)},
    "dilated": {"dilation_rate": (2, 1)},
    "strided and dilated": {"padding": "same", "strides": 2, "dilation_rate": 2},
    "explicit": {"padding": ((1, 0), (2, 3)), "strides": [1, 2]},
    "grouped": {"groups": 2},
    "depthwise": {"groups": 4, "padding": "SAME"},
    "first": {"data_format": "channels_first", "padding": "same", "strides": 2},
    "first, grouped": {"data_format": "channels_first", "groups": 2},
}


def operands(keywords, dtype="float64"):
    first = keywords.get("data_format") == "channels_first"
    x = random((2, 4, 9, 8) if first else (2, 9, 8, 4), dtype)
    kernel = random((3, 2, 4 // keywords.get("groups", 1), 8), dtype, 1) / 4
    return x, kernel, random((8,), dtype, 2)


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_and_its_derivatives(keywords):
    inputs = operands(keywords)

    def ours(*a):
        return fj.conv2d(*a, **keywords, activation="tanh")

    def stock(*a):
        return jnp.tanh(stock_conv2d(*a, **keywords))

    close(ours(*inputs), stock(*inputs))
    all_close(gradients(ours, *inputs), gradients(stock, *inputs))
    tangents = tuple(random(a.shape, seed=5) for a in inputs)
    close(jax.jvp(ours, inputs, tangents)[1], jax.jvp(stock, inputs, tangents)[1])


def test_derivatives_without_bias_activation_and_jit():
    inputs = operands({})[:2]
    with jax.disable_jit():
        actual = derivatives(fj.conv2d, *inputs)
    all_close(actual, gradients(stock_conv2d, *inputs))


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1), (1, 2)], ids=str)
def test_only_what_is_wanted_is_computed(places):
    """And all of it, with the activation's part, in one call."""
    inputs = operands({})

    def step(*a):
        return jax.grad(lambda *b: jnp.sum(fj.conv2d(*b, activation="relu") ** 2), places)(*a)

    text = jax.jit(step).lower(*inputs).as_text()
    (line,) = [line for line in text.splitlines() if "custom_call @fastconv_conv2d_grads" in line]
    results = line.rpartition("->")[2]
    assert results.count("tensor<") == len(places)
    assert text.count("custom_call @fastconv") == 2
    all_close(step(*inputs), jax.grad(lambda *b: jnp.sum(jax.nn.relu(stock_conv2d(*b)) ** 2), places)(*inputs))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_dtypes(dtype, data_format):
    keywords = {"data_format": data_format, "padding": "same"}
    inputs = operands(keywords, dtype)
    wide = [a.astype("float64") for a in inputs]

    def ours(*a):
        return jnp.sum(fj.conv2d(*a, **keywords, activation="relu"))

    def stock(*a):
        return jnp.sum(jax.nn.relu(stock_conv2d(*a, **keywords)))

    close(fj.conv2d(*inputs, **keywords), stock_conv2d(*wide, **keywords), dtype)
    all_close(jax.grad(ours, (0, 1, 2))(*inputs), jax.grad(stock, (0, 1, 2))(*wide), dtype)


def test_default_precision_mode():
    """float64 turned off, as JAX comes."""
    with jax.enable_x64(False):
        x, kernel, bias = operands({}, "float32")
        close(jax.jit(fj.conv2d)(x, kernel, bias), stock_conv2d(x, kernel, bias), "float32")
        assert fj.softmax(np.ones((2, 3))).dtype == "float32"


def test_every_activation_is_known():
    assert set(STOCK_ACTIVATIONS) == set(fastconv.nn.activations.ACTIVATIONS) - {None, "swish", "hard_swish"}


@pytest.mark.parametrize("name", STOCK_ACTIVATIONS)
def test_activation_and_its_derivatives(name):
    x = 3 * random((3, 5, 7))
    stock = STOCK_ACTIVATIONS[name]
    close(fj.activation(x, name, 0.3), stock(x))
    all_close(gradients(lambda t: fj.activation(t, name, 0.3), x), gradients(stock, x))


@pytest.mark.parametrize("name", ["elu", "selu", "sigmoid", "softplus", "softsign", "hard_sigmoid", "gelu", "mish"])
def test_activation_after_convolution(name):
    """Fused, or where the output does not tell the derivative, after it."""
    inputs = operands({})

    def ours(*a):
        return fj.conv2d(*a, activation=name, alpha=0.3)

    def stock(*a):
        return STOCK_ACTIVATIONS[name](stock_conv2d(*a))

    close(ours(*inputs), stock(*inputs))
    all_close(gradients(ours, *inputs), gradients(stock, *inputs))


def test_elu_with_a_negative_scale():
    """Its output does not tell the derivative."""
    x = random((50,))
    all_close(gradients(lambda t: fj.activation(t, "elu", -0.5), x), gradients(lambda t: jax.nn.elu(t, -0.5), x))


def test_alpha_keeps_double_precision():
    assert fj.activation(jnp.array([-1.0]), "leaky_relu", 0.3)[0] == -0.3


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_and_its_derivatives(axis):
    x = random((3, 4, 5))
    close(fj.softmax(x, axis), jax.nn.softmax(x, axis))
    all_close(gradients(lambda t: fj.softmax(t, axis), x), gradients(lambda t: jax.nn.softmax(t, axis), x))


@pytest.mark.parametrize("axes", [(1, 2), (0, -1), (0, 1, 2), [3], (3, 1)], ids=str)
def test_softmax_over_several_axes(axes):
    x = random((2, 3, 4, 5))
    close(fj.softmax(x, axes), jax.nn.softmax(x, tuple(axes)))
    all_close(gradients(lambda t: fj.softmax(t, axes), x), gradients(lambda t: jax.nn.softmax(t, tuple(axes)), x))


@pytest.mark.parametrize(
    "arguments", [(0.0, None, 0.5), (0.25, 1.5, 0.0), (0.5, 1.0, 0.25), (0.1, None, 0), (0, 6, 0)], ids=str
)
def test_relu_with_arguments_and_its_derivatives(arguments):
    def stock(x):
        slope, most, threshold = arguments
        above = jnp.where(x > threshold, x, 0)
        return (above if most is None else jnp.clip(above, 0, most)) - slope * jax.nn.relu(threshold - x)

    def ours(x):
        return fj.relu(x, *arguments)

    x = random((3, 4, 50))
    close(jax.jit(ours)(x), stock(x))
    close(jax.vmap(ours, 1)(x), stock(jnp.moveaxis(x, 1, 0)))
    all_close(gradients(ours, x), gradients(stock, x))
    exported = jax.export.export(jax.jit(jax.grad(lambda t: jnp.sum(ours(t) ** 2))))(x)
    close(exported.call(x), jax.grad(lambda t: jnp.sum(ours(t) ** 2))(x))


POOLS = {
    "plain": {},
    "overlapping": {"pool_size": 3, "strides": 2},
    "same": {"pool_size": (3, 2), "padding": "same"},
    "gaps": {"pool_size": 2, "strides": 3},
    "explicit": {"pool_size": 3, "padding": ((1, 2), (0, 1))},
    "first": {"data_format": "channels_first", "padding": "same"},
}


@pytest.mark.parametrize("keywords", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("average", [False, True], ids=["max", "avg"])
def test_pooling_and_its_derivatives(keywords, average):
    x = random((2, 3, 9, 8) if "data_format" in keywords else (2, 9, 8, 3))
    name = "avg_pool2d" if average else "max_pool2d"

    def ours(t):
        return getattr(fj, name)(t, **keywords)

    def stock(t):
        return stock_pool(average, t, **keywords)

    close(ours(x), stock(x))
    all_close(gradients(ours, x), gradients(stock, x))
    close(jax.jvp(ours, [x], [x])[1], jax.jvp(stock, [x], [x])[1])


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_pooling_dtypes(name, dtype):
    x = random((2, 9, 8, 3), dtype)
    close(getattr(fj, name)(x, 3, strides=2), stock_pool(name == "avg_pool2d", x.astype("float64"), 3, 2), dtype)


def test_max_pool_gradient_goes_to_the_first_of_equals():
    gradient = jax.grad(lambda x: jnp.sum(fj.max_pool2d(x)))(jnp.zeros([1, 2, 2, 1]))
    np.testing.assert_array_equal(gradient.ravel(), [1, 0, 0, 0])


TRANSPOSED = {
    "valid": {"strides": 2},
    "same": {"strides": (2, 3), "padding": "same"},
    "dilated": {"dilation_rate": 2},
    "extra": {"strides": 3, "output_padding": (1, 2)},
    "first": {"strides": 2, "data_format": "channels_first"},
}


@pytest.mark.parametrize("keywords", TRANSPOSED.values(), ids=TRANSPOSED)
def test_transposed_convolution_and_its_derivatives(keywords):
    x = random((2, 3, 4, 5) if "data_format" in keywords else (2, 4, 5, 3))
    kernel, bias = random((3, 2, 2, 3), seed=1), random((2,), seed=2)

    def ours(*a):
        return fj.conv2d_transpose(*a, **keywords, activation="tanh")

    inputs = x, kernel, bias
    expected = fastconv.conv2d_transpose(*map(np.asarray, inputs), **keywords, activation="tanh")
    forward = {name: value for name, value in keywords.items() if name != "output_padding"}

    def stock(x, kernel, bias):
        large = jax.ShapeDtypeStruct(expected.shape, x.dtype)
        (y,) = jax.linear_transpose(lambda t: stock_conv2d(t, kernel, **forward), large)(x)
        return jnp.tanh(y + (bias[:, None, None] if "data_format" in keywords else bias))

    close(ours(*inputs), expected)
    all_close(gradients(ours, *inputs), gradients(stock, *inputs))


def test_empty_batch():
    x, kernel, bias = jnp.zeros([0, 6, 6, 2]), random((3, 3, 2, 4)), jnp.ones([4])

    def pooled(*a):
        return fj.max_pool2d(fj.conv2d(*a, activation="relu"))

    assert pooled(x, kernel, bias).shape == (0, 2, 2, 4)
    dx, dkernel, dbias = jax.grad(lambda *a: jnp.sum(pooled(*a)), (0, 1, 2))(x, kernel, bias)
    assert dx.shape == x.shape and not dkernel.any() and not dbias.any()
    assert fj.avg_pool2d(x).shape == (0, 3, 3, 2)
    assert fj.softmax(jnp.zeros([0, 3])).shape == (0, 3)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda x, k: fj.conv2d(x[0], k), ValueError, "`x` must have 4 dimensions"),
        (lambda x, k: fj.conv2d(x, k[0]), ValueError, "`kernel` must have 4 dimensions"),
        (lambda x, k: fj.conv2d(x.astype(int), k), TypeError, "`x` must be float16"),
        (lambda x, k: fj.conv2d(x, k.astype("float32")), TypeError, "`kernel` must have the dtype"),
        (lambda x, k: fj.conv2d(x, k, jnp.ones(3)), ValueError, r"`bias` must have shape \(1,\)"),
        (lambda x, k: fj.conv2d(x, k, strides=0), ValueError, "`strides`"),
        (lambda x, k: fj.conv2d(x, k, padding="full"), ValueError, "`padding`"),
        (lambda x, k: fj.conv2d(x, k, activation="wild"), ValueError, "`activation`"),
        (lambda x, k: fj.conv2d(x, k, activation="elu", alpha="a"), TypeError, "`alpha`"),
        (lambda x, k: fj.conv2d(x, k, data_format="NHWC"), ValueError, "`data_format`"),
        (lambda x, k: fj.conv2d(x, k, groups=2), ValueError, "`kernel` must have"),
        (lambda x, k: fj.conv2d(x, jnp.ones((4, 1, 3, 3))), ValueError, r"read as \(k_h, .*; one in PyTorch's order"),
        (lambda x, k: fj.conv2d(x, jnp.ones((5, 3, 1, 1))), ValueError, "does not fit into `x`"),
        (lambda x, k: fj.conv2d_transpose(x, k, padding=((0, 0), (0, 0))), ValueError, "`padding`"),
        (lambda x, k: fj.conv2d_transpose(x, k, strides=2, output_padding=2), ValueError, "`output_padding`"),
        (lambda x, k: fj.max_pool2d(x[0]), ValueError, "`x` must have 4 dimensions"),
        (lambda x, k: fj.avg_pool2d(x, 0), ValueError, "`pool_size`"),
        (lambda x, k: fj.avg_pool2d(x, 2, padding=((2, 0), (0, 0))), ValueError, "`padding` must be smaller"),
        (lambda x, k: fj.softmax(x, 4), ValueError, "`axis`"),
        (lambda x, k: fj.dense(x, k), ValueError, "`kernel` must have 2 dimensions"),
        (lambda x, k: fj.dense(x, k[0, 0].repeat(2, 0)), ValueError, "`kernel` must have as many rows as `x`"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call(jnp.ones([1, 4, 4, 1]), jnp.ones([3, 3, 1, 1]))


def test_handlers_trust_nobody():
    """Called without this package's checks they refuse, and say why."""
    x = jnp.ones([1, 4, 4, 1])

    def failure(target, *args, numbers=(0,) * 16):
        call = jax.ffi.ffi_call(f"fastconv_{target}", jax.ShapeDtypeStruct(x.shape, x.dtype))
        with pytest.raises(jax.errors.JaxRuntimeError) as caught:
            jax.block_until_ready(call(*args, numbers=np.array(numbers)))
        return str(caught.value)

    assert "must be an array of 16 64-bit integers" in failure("pool2d", x, numbers=(1, 2))
    assert "must be float16, bfloat16" in failure("softmax", x.astype(int), numbers=(4, 4, 1))
    assert "arrays of one dtype" in failure("softmax", x.astype("float32"), numbers=(4, 4, 1))
    assert "argument 0 must have 15 elements; received 16" in failure("softmax", x, numbers=(3, 5, 1))
    assert "argument 1 is missing" in failure("softmax_grad", x, numbers=(4, 4, 1))
    assert "there are 2 arguments and 1 results; expected 1 and 1" in failure("softmax", x, x, numbers=(4, 4, 1))
    sizes = (1, 4, 4, 1, 3, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0)
    assert "the result is 2 x 2; expected 3 x 2" in failure("pool2d", x, numbers=sizes)
    assert "fastconv_pool2d: " in failure("pool2d", x)


def test_refusal():
    x = jnp.ones([2, 2])
    assert fj.refusal(x) is None
    assert fj.refusal(x.astype("int32")) == "no kernel for int32"
    sparse = BCOO.fromdense(x)
    assert fj.refusal(sparse) == "the input is a BCOO, not a dense jax.Array"
    assert jax.jit(lambda t: jnp.array(fj.refusal(t) is None))(x)


@pytest.mark.parametrize("shape", [(7, 5), (5,), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("name", ["linear", "relu", "tanh", "gelu"])
def test_dense_and_its_derivatives(shape, name):
    inputs = random(shape), random((5, 4), seed=1), random((4,), seed=2)

    def stock(x, kernel, bias):
        return STOCK_ACTIVATIONS[name](x @ kernel + bias)

    close(fj.dense(*inputs, activation=name), stock(*inputs))
    all_close(gradients(lambda *a: fj.dense(*a, activation=name), *inputs), gradients(stock, *inputs))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_dense_dtypes(dtype):
    inputs = random((7, 5), dtype), random((5, 4), dtype, 1), random((4,), dtype, 2)
    x, kernel, bias = (a.astype("float64") for a in inputs)
    close(fj.dense(*inputs), x @ kernel + bias, dtype)


def test_the_settings_of_the_core_are_shared():
    inputs = operands({}, "float32")
    expected = fj.conv2d(*inputs)
    with fastconv.threads(1):
        np.testing.assert_array_equal(fj.conv2d(*inputs), expected)
