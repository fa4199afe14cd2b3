"""The TensorFlow ops: values, gradients of two orders, shapes, saved models."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import fastconv
import fastconv.tensorflow as ft
from fastconv.nn.activations import NAMES as ACTIVATIONS
from fastconv.nn.convolution_grad import has_output_gradient
from fastconv.tensorflow._load import raw

TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}

CONVOLUTIONS = {
    "valid": {},
    "same": {"padding": "same"},
    "strided": {"padding": "same", "strides": (2, 3)},
    "dilated": {"dilation_rate": (2, 1)},
    "strided and dilated": {"padding": "same", "strides": 2, "dilation_rate": 2},
    "explicit": {"padding": ((1, 0), (2, 3)), "strides": (1, 2)},
    "grouped": {"groups": 2},
    "depthwise": {"groups": 4, "padding": "same"},
    "first": {"data_format": "channels_first", "padding": "same", "strides": 2},
    "first, grouped": {"data_format": "channels_first", "groups": 2},
}


def random(shape, dtype="float64", seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return tf.constant(values, dtype)


def close(actual, expected, dtype="float64"):
    expected = np.asarray(expected, "float64")
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(np.asarray(actual, "float64"), expected, atol=TOLERANCE[dtype] * scale, rtol=0)


def stock_conv2d(
    x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last"
):
    """TensorFlow's own convolution for what its CPU kernels lack too: slices, groups and layouts one by one."""
    first = data_format == "channels_first"
    if first:
        x = tf.transpose(x, (0, 2, 3, 1))
    stride, dilation = np.broadcast_to(strides, 2), np.broadcast_to(dilation_rate, 2)
    reach = [(kernel.shape[i] - 1) * dilation[i] + 1 for i in range(2)]
    if padding == "same":
        size = x.shape[1:3]
        total = [max(0, (-(-size[i] // stride[i]) - 1) * stride[i] + reach[i] - size[i]) for i in range(2)]
        padding = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        padding = ((0, 0), (0, 0))
    x = tf.pad(x, ((0, 0), *padding, (0, 0)))
    # A convolution of stride 1 with a kernel spread by zeros, of which every stride-th cell is kept.
    spread = [np.eye(reach[i])[:, :: dilation[i]] for i in range(2)]
    kernel = tf.einsum("ah,bw,hwio->abio", *(tf.cast(s, kernel.dtype) for s in spread), kernel)
    parts = zip(tf.split(x, groups, 3), tf.split(kernel, groups, 3), strict=True)
    y = tf.concat([tf.nn.conv2d(a, k, 1, "VALID") for a, k in parts], 3)[:, :: stride[0], :: stride[1]]
    y = y if bias is None else y + bias
    return tf.transpose(y, (0, 3, 1, 2)) if first else y


def operands(keywords, dtype="float64"):
    x = random((2, 4, 9, 8) if keywords.get("data_format") == "channels_first" else (2, 9, 8, 4), dtype)
    return x, random((3, 2, 4 // keywords.get("groups", 1), 8), dtype, 1), random((8,), dtype, 2)


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_conv2d_values(keywords, dtype):
    x, kernel, bias = operands(keywords, dtype)
    expected = stock_conv2d(*(tf.cast(t, "float64") for t in (x, kernel, bias)), **keywords)
    actual = ft.conv2d(x, kernel, bias, **keywords)
    assert actual.dtype == dtype
    close(actual, expected, dtype)


def gradients(function, *inputs):
    """The gradients of a curved scalar of function, and their own gradients."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            loss = tf.reduce_sum(tf.sin(function(*inputs)))
        first = inner.gradient(loss, inputs)
        again = tf.add_n([tf.reduce_sum(tf.cos(g)) for g in first])
    return [*first, *outer.gradient(again, inputs)]


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_conv2d_gradients_of_two_orders(keywords, graph):
    inputs = operands(keywords)

    def take(function):
        return gradients(lambda *a: function(*a, **keywords), *inputs)

    actual = (tf.function(take) if graph else take)(ft.conv2d)
    for a, e in zip(actual, take(stock_conv2d), strict=True):
        assert a.shape == e.shape
        close(a, e)


def test_third_order_gradient():
    x, kernel, bias = operands({})
    kernel /= 4
    actual, expected = [], []
    for results, function in (
        (actual, lambda *a: ft.conv2d(*a, activation="tanh")),
        (expected, lambda *a: tf.tanh(stock_conv2d(*a))),
    ):
        with tf.GradientTape() as tape:
            tape.watch((kernel, bias))
            total = tf.add_n([tf.reduce_sum(g**2) for g in gradients(function, x, kernel, bias)])
        results += tape.gradient(total, (kernel, bias))
    for a, e in zip(actual, expected, strict=True):
        close(a, e)


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_gradients_of_a_graphs_own_ops(activation):
    """From tf.gradients, and for a function that was traced before anybody knew what would be asked of it."""
    inputs, name = operands({}), {"activation": activation}
    expected = gradients(lambda *a: STOCK_ACTIVATIONS[activation](stock_conv2d(*a)), *inputs)[:3]

    def loss(*a):
        return tf.reduce_sum(tf.sin(ft.conv2d(*a, **name)))

    traced = tf.function(loss)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = traced(*inputs)
    for actual in (tape.gradient(total, inputs), tf.function(lambda *a: tf.gradients(loss(*a), a))(*inputs)):
        for a, e in zip(actual, expected, strict=True):
            close(a, e)


@pytest.mark.parametrize("own", [False, True], ids=["tape", "graph's own"])
def test_only_what_is_wanted_is_computed(own):
    """Of a first layer no gradient of its input; that of the activation once."""
    x, kernel, bias = operands({}, "float32")

    @tf.function
    def step(kernel, bias):
        with tf.GradientTape() as tape:
            tape.watch((kernel, bias))
            y = ft.conv2d(x, kernel, bias, activation="relu")
        return tf.gradients(y, (kernel, bias)) if own else tape.gradient(y, (kernel, bias))

    graph = step.get_concrete_function(kernel, bias).graph
    used, ends = set(), [tensor.op for tensor in graph.outputs]
    while ends:
        op = ends.pop()
        if op.name not in used:
            used.add(op.name)
            ends += [tensor.op for tensor in op.inputs]
    types = sorted(op.type for name in used if (op := graph.get_operation_by_name(name)).type.startswith("Fastconv"))
    separate = ["ActivationGrad", "BiasGrad", "Conv2D", "Conv2DKernelGrad"]
    assert types == [f"Fastconv{word}" for word in (separate if own else ["Conv2D", "Conv2DGrads"])]
    if not own:
        (grads,) = [op for op in graph.get_operations() if op.type == "FastconvConv2DGrads"]
        assert [grads.get_attr(name) for name in ("dxs", "dkernels", "dbiases")] == [0, 1, 1]
        assert [tensor.shape for tensor in grads.outputs] == [kernel.shape, bias.shape]


STOCK_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "leaky_relu": lambda x: tf.where(x > 0, x, 0.3 * x),
    "elu": lambda x: tf.where(x > 0, x, 0.3 * tf.math.expm1(tf.minimum(x, 0))),
    "selu": tf.nn.selu,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "exponential": tf.exp,
    "softplus": tf.math.softplus,
    "softsign": lambda x: x / (1 + tf.abs(x)),
    "silu": lambda x: x * tf.sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + tf.math.erf(x / tf.sqrt(tf.constant(2.0, x.dtype)))),
    "gelu_tanh": lambda x: (
        0.5 * x * (1 + tf.tanh(tf.constant(np.sqrt(2 / np.pi), x.dtype) * (x + tf.constant(0.044715, x.dtype) * x**3)))
    ),
    "hard_sigmoid": lambda x: tf.nn.relu6(x + 3) / 6,
    "hard_silu": lambda x: x * tf.nn.relu6(x + 3) / 6,
    "mish": lambda x: x * tf.tanh(tf.math.softplus(x)),
}


def test_every_activation_is_known():
    assert set(STOCK_ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", STOCK_ACTIVATIONS)
def test_activation_and_its_gradients(name):
    x = 3 * random((3, 5, 7))
    if name == "linear":
        close(ft.activation(x, name), x)
    for a, e in zip(
        gradients(lambda t: ft.activation(t, name, 0.3) * 1, x), gradients(STOCK_ACTIVATIONS[name], x), strict=True
    ):
        close(a, 0 * x if e is None else e)


@pytest.mark.parametrize("name", [n for n in STOCK_ACTIVATIONS if has_output_gradient(n, 0.3)])
def test_fused_activation_and_its_gradients(name):
    x, kernel, bias = operands({})
    kernel /= 16
    for a, e in zip(
        gradients(lambda *t: ft.conv2d(*t, activation=name, alpha=0.3), x, kernel, bias),
        gradients(lambda *t: STOCK_ACTIVATIONS[name](stock_conv2d(*t)), x, kernel, bias),
        strict=True,
    ):
        close(a, e)


def test_alpha_keeps_double_precision():
    x = tf.constant([-1.0], "float64")
    assert ft.activation(x, "leaky_relu", 0.3).numpy()[0] == -0.3


def test_activation_leaves_its_input_alone():
    x = random((1000,), "float32")
    before = x.numpy().copy()
    ft.activation(x, "relu")
    double = tf.function(lambda t: (ft.activation(t, "relu"), t + 1))
    y, z = double(x)
    np.testing.assert_array_equal(x.numpy(), before)
    np.testing.assert_array_equal(z.numpy(), before + 1)
    np.testing.assert_array_equal(y.numpy(), np.maximum(before, 0))


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_softmax(axis, dtype):
    x = random((3, 4, 5), dtype)
    close(ft.softmax(x, axis), tf.nn.softmax(tf.cast(x, "float64"), axis), dtype)


@pytest.mark.parametrize("axis", [-1, 1])
def test_softmax_gradients_of_two_orders(axis):
    x = random((3, 4, 5))
    for a, e in zip(
        gradients(lambda t: ft.softmax(t, axis), x), gradients(lambda t: tf.nn.softmax(t, axis), x), strict=True
    ):
        close(a, e)


POOLS = {
    "plain": {},
    "overlapping": {"pool_size": 3, "strides": 2},
    "same": {"pool_size": (3, 2), "padding": "same"},
    "gaps": {"pool_size": 2, "strides": 3},
    "first": {"data_format": "channels_first", "padding": "same"},
}


def stock_pool(kind, x, pool_size=2, strides=None, padding="valid", data_format="channels_last"):
    first = data_format == "channels_first"
    x = tf.transpose(x, (0, 2, 3, 1)) if first else x
    y = getattr(tf.nn, kind)(x, pool_size, pool_size if strides is None else strides, padding.upper())
    return tf.transpose(y, (0, 3, 1, 2)) if first else y


@pytest.mark.parametrize("keywords", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_pooling_and_its_gradients(keywords, kind, graph):
    x = random((2, 3, 9, 8) if "data_format" in keywords else (2, 9, 8, 3))
    ours = getattr(ft, kind)

    def take(t):
        return gradients(lambda a: ours(a, **keywords), t)

    close(ours(x, **keywords), stock_pool(kind, x, **keywords))
    for a, e in zip(
        (tf.function(take) if graph else take)(x), gradients(lambda t: stock_pool(kind, t, **keywords), x), strict=True
    ):
        close(a, e)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ["max_pool2d", "avg_pool2d"])
def test_pooling_dtypes(kind, dtype):
    x = random((2, 9, 8, 3), dtype)
    close(getattr(ft, kind)(x, 3, strides=2), stock_pool(kind, tf.cast(x, "float64"), 3, 2), dtype)


def test_max_pool_gradient_goes_to_the_first_of_equals():
    x = tf.zeros([1, 2, 2, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ft.max_pool2d(x, 2)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy().ravel(), [1, 0, 0, 0])


def test_static_shapes_with_unknown_batch_and_sizes():
    def shape(function, *specs):
        return (
            tf.function(function, input_signature=[tf.TensorSpec(s) for s in specs])
            .get_concrete_function()
            .output_shapes.as_list()
        )

    kernel = [3, 3, 3, 5]
    assert shape(lambda x, k: ft.conv2d(x, k, strides=2), [None, 9, None, 3], kernel) == [None, 4, None, 5]
    assert shape(lambda x, k: ft.conv2d(x, k, padding="same", strides=2), [7, 9, 8, 3], kernel) == [7, 5, 4, 5]
    assert shape(lambda x, k: ft.conv2d(x, k, data_format="channels_first"), [None, 3, 9, 9], kernel) == [None, 5, 7, 7]
    assert shape(ft.conv2d, None, kernel) == [None, None, None, 5]
    assert shape(ft.max_pool2d, [None, 9, None, 3]) == [None, 4, None, 3]
    assert shape(lambda x: ft.activation(x, "relu"), [None, 3]) == [None, 3]
    assert shape(lambda x: tf.gradients(ft.max_pool2d(x), x)[0], [None, 9, None, 3]) == [None, 9, None, 3]
    assert shape(lambda x, k: tf.gradients(ft.conv2d(x, k), k)[0], [None, None, None, 3], kernel) == kernel
    # Without Python's help, as when a saved model is loaded: rank and batch.
    assert shape(lambda x, k: raw.fastconv_conv2d(x=x, kernel=k, bias=[]), [4, 9, 9, 3], kernel) == [4] + [None] * 3


def test_one_graph_serves_every_size():
    graph = tf.function(
        lambda x, k: gradients(ft.conv2d, x, k),
        input_signature=[tf.TensorSpec([None, None, None, 2]), tf.TensorSpec([3, 3, 2, 4])],
    )
    kernel = random((3, 3, 2, 4), "float32")
    for shape in ((1, 5, 6, 2), (3, 8, 4, 2)):
        x = random(shape, "float32")
        for a, e in zip(graph(x, kernel), gradients(stock_conv2d, x, kernel), strict=True):
            close(a, e, "float32")


def test_empty_batch():
    x, kernel, bias = tf.zeros([0, 6, 6, 2]), random((3, 3, 2, 4), "float32"), tf.ones([4])
    with tf.GradientTape() as tape:
        tape.watch((x, kernel, bias))
        y = ft.max_pool2d(ft.conv2d(x, kernel, bias, activation="relu"))
    assert y.shape == (0, 2, 2, 4)
    dx, dkernel, dbias = tape.gradient(y, (x, kernel, bias))
    assert dx.shape == x.shape
    assert not dkernel.numpy().any() and not dbias.numpy().any()
    assert ft.avg_pool2d(x).shape == (0, 3, 3, 2)
    assert ft.softmax(tf.zeros([0, 3])).shape == (0, 3)


def test_window_larger_than_the_input_gives_nothing():
    x, kernel = tf.ones([2, 2, 5, 1]), tf.ones([3, 3, 1, 4])
    for function in (ft.conv2d, tf.function(ft.conv2d)):
        assert function(x, kernel).shape == (2, 0, 3, 4)
    assert ft.max_pool2d(x, 3).shape == (2, 0, 1, 1)
    for gradient, like in zip(gradients(ft.conv2d, x, kernel)[:2], (x, kernel), strict=True):
        assert gradient.shape == like.shape and not gradient.numpy().any()


def test_saved_model_runs_in_a_fresh_process(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1])])
        def __call__(self, x):
            return ft.max_pool2d(ft.conv2d(x, tf.ones([3, 3, 1, 2]), activation="relu"))

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"))
    x = random((1, 8, 8, 1), "float32")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, tensorflow as tf, fastconv.tensorflow\n"
        "folder = sys.argv[1]\n"
        "model = tf.saved_model.load(folder + '/saved')\n"
        "np.save(folder + '/y.npy', model(np.load(folder + '/x.npy')))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, env=environment, check=True, timeout=120)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), module(x))


def test_ops_share_the_settings_of_the_core():
    x, kernel, _ = operands({}, "float32")
    expected = ft.conv2d(x, kernel).numpy()
    with fastconv.threads(1):
        np.testing.assert_array_equal(ft.conv2d(x, kernel).numpy(), expected)
