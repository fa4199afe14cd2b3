"""A convolution with the pooling after it as one TensorFlow op, against the two."""

import numpy as np
import pytest
import tensorflow as tf
from test_tensorflow import TOLERANCE, close, gradients, random

import fastconv.keras as fk
import fastconv.tensorflow as ft

CASES = {
    "max": ({}, {}),
    "average": ({"pool": "avg", "pool_size": (3, 2), "pool_strides": 2}, {"padding": "same", "activation": "tanh"}),
    "same": ({"pool_size": 3, "pool_strides": 2, "pool_padding": "same"}, {"strides": 2, "activation": "relu"}),
    "first": ({"pool": "avg", "pool_padding": "same"}, {"groups": 2, "data_format": "channels_first"}),
}


def operands(conv, dtype="float64"):
    x = random((2, 4, 11, 12) if "data_format" in conv else (2, 11, 12, 4), dtype)
    return x, random((3, 3, 4 // conv.get("groups", 1), 8), dtype, 1), random((8,), dtype, 2)


def apart(*inputs, pool="max", pool_size=2, pool_strides=None, pool_padding="valid", **conv):
    function = ft.max_pool2d if pool == "max" else ft.avg_pool2d
    return function(
        ft.conv2d(*inputs, **conv),
        pool_size,
        strides=pool_strides,
        padding=pool_padding,
        data_format=conv.get("data_format", "channels_last"),
    )


@pytest.mark.parametrize("pool, conv", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_values(pool, conv, dtype):
    inputs = operands(conv, dtype)
    actual = ft.conv2d_pool2d(*inputs, **pool, **conv)
    assert actual.dtype == dtype
    close(actual, tf.cast(apart(*inputs, **pool, **conv), "float64"), dtype)


@pytest.mark.parametrize("pool, conv", CASES.values(), ids=CASES)
def test_gradients_and_static_shapes(pool, conv):
    inputs = operands(conv)
    expected = gradients(lambda *a: apart(*a, **pool, **conv), *inputs)
    take = tf.function(lambda *a: gradients(lambda *b: ft.conv2d_pool2d(*b, **pool, **conv), *a))
    for a, e in zip(take(*inputs), expected, strict=True):
        close(a, e)
    shape = [None, *inputs[0].shape[1:]]
    traced = tf.function(lambda x: ft.conv2d_pool2d(x, *inputs[1:], **pool, **conv)).get_concrete_function(
        tf.TensorSpec(shape, "float64")
    )
    assert traced.outputs[0].shape[1:] == ft.conv2d_pool2d(*inputs, **pool, **conv).shape[1:]


def fastconv_ops(model, shape, training):
    graph = tf.function(lambda x: model(x, training=training)).get_concrete_function(tf.TensorSpec(shape)).graph
    return [op.type.removeprefix("Fastconv") for op in graph.get_operations() if op.type.startswith("Fastconv")]


def test_accelerated_models_use_it_in_inference_alone():
    import keras

    layers = keras.layers
    model = fk.accelerate(
        keras.Sequential(
            [
                keras.Input((16, 16, 1)),
                layers.Conv2D(4, 3),
                layers.ReLU(),
                layers.MaxPooling2D(2),
                layers.Conv2D(6, 3, activation="tanh"),
                layers.AveragePooling2D(2),
                layers.Conv2D(2, 1),
                layers.Activation("gelu"),
                layers.MaxPooling2D(2),
            ]
        )
    )

    def ops(training):
        return fastconv_ops(model, (1, 16, 16, 1), training)

    assert ops(False) == ["Conv2DPool2D", "Conv2DPool2D", "Conv2D", "Activation", "Pool2D"]
    assert ops(True) == ["Conv2D", "Pool2D", "Conv2D", "Pool2D", "Conv2D", "Activation", "Pool2D"]


@pytest.mark.parametrize(
    "dtype, expected", [("float32", ["Conv2DNormalized"]), ("mixed_bfloat16", ["Conv2D", "Activation"])]
)
def test_normalized_in_inference(dtype, expected):
    import keras

    layers = keras.layers
    model = fk.accelerate(
        keras.Sequential(
            [
                keras.Input((8, 8, 4)),
                layers.Conv2D(4, 3, dtype=dtype),
                layers.BatchNormalization(dtype=dtype),
                layers.ReLU(dtype=dtype),
            ]
        )
    )
    assert fastconv_ops(model, (1, 8, 8, 4), False) == expected
    assert fastconv_ops(model, (1, 8, 8, 4), True) == ["Conv2D", "Activation"]


def test_residual_blocks_in_inference():
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 4))

    def block(x, shortcut):
        y = layers.BatchNormalization()(layers.Conv2D(8, 1)(layers.Conv2D(4, 3, padding="same")(x)))
        return layers.ReLU()(layers.Add()([shortcut, y]))

    y = block(x, layers.BatchNormalization()(layers.Conv2D(8, 1)(x)))
    model = fk.accelerate(keras.Model(x, block(y, y)))
    kinds = fastconv_ops(model, (1, 8, 8, 4), False)
    assert sorted(kinds) == ["Conv2D"] * 2 + ["Conv2DNormalized"] * 3
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((1, 8, 8, 4))).graph
    others = {op.type for op in graph.get_operations()} - {"FastconvConv2D", "FastconvConv2DNormalized"}
    assert others <= {"Placeholder", "ReadVariableOp", "Identity", "NoOp"}


def test_zeros_and_sums_without_normalization():
    """As ResNet50V2's blocks have them, in inference and in training."""
    import keras

    layers = keras.layers
    x = keras.Input((8, 8, 4))
    y = layers.Conv2D(4, 3)(layers.ZeroPadding2D(1)(layers.Conv2D(4, 1)(x)))
    model = fk.accelerate(keras.Model(x, layers.ReLU()(layers.Add()([layers.Conv2D(4, 1)(x), y]))))
    for training in False, True:
        assert fastconv_ops(model, (1, 8, 8, 4), training) == ["Conv2D", "Conv2D", "Conv2DAdded"]
    graph = tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 8, 4))).graph
    assert not {op.type for op in graph.get_operations()} & {"Pad", "PadV2", "AddV2"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("conv", [{}, {"strides": 2, "padding": "same"}, {"data_format": "channels_first"}])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
@pytest.mark.parametrize("channels, biased", [(4, True), (300, False)])
def test_added(conv, dtype, activation, channels, biased):
    size = (2, channels, 11, 12) if "data_format" in conv else (2, 11, 12, channels)
    x, kernel = random(size, dtype), random((3, 3, channels, 40), dtype, 1) / np.sqrt(channels)
    bias = [random((40,), dtype, 2)] if biased else []
    inputs = x, kernel, random(ft.conv2d(x, kernel, **conv).shape, dtype, 7), *bias

    def fused(*inputs):
        return ft.conv2d_added(*inputs, activation=activation, **conv)

    def apart(x, kernel, added, *bias):
        y = ft.conv2d(x, kernel, *bias, **conv) + added
        return y if activation is None else ft.activation(y, activation)

    close(fused(*inputs), tf.cast(apart(*inputs), "float64"), dtype)
    if dtype == "float64" and channels == 4:
        take = tf.function(lambda *a: gradients(fused, *a))
        for a, e in zip(take(*inputs), gradients(apart, *inputs), strict=True):
            close(a, e)
        for i in range(len(inputs)):  # each alone, of inputs that nobody else watches

            def one(function, i=i):
                return gradients(lambda v: function(*inputs[:i], v, *inputs[i + 1 :]), inputs[i])[0]

            close(one(fused), one(apart))


def test_added_refuses():
    x, kernel, _ = operands({}, "float32")
    added = ft.conv2d(x, kernel)
    with pytest.raises(TypeError, match="`x` must be float32 or float64"):
        ft.conv2d_added(*(tf.cast(t, "float16") for t in (x, kernel, added)))
    with pytest.raises(TypeError, match="`added` must have the dtype of `x`"):
        ft.conv2d_added(x, kernel, tf.cast(added, "float64"))
    with pytest.raises(ValueError, match="`added` must have the result's shape"):
        ft.conv2d_added(x, kernel, x)
    late = tf.function(lambda added: ft.conv2d_added(x, kernel, added), input_signature=[tf.TensorSpec([None] * 4)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="`added`"):
        late(x)


NORMALIZED = {
    "plain": {},
    "same": {"strides": 2, "padding": "same", "activation": "relu"},
    "pieces": {"dilation_rate": 2, "activation": "tanh"},
    "few pixels": {"strides": 5},
    "first": {"groups": 2, "data_format": "channels_first"},
    "few pixels, first": {"strides": 5, "data_format": "channels_first", "activation": "relu"},
}


def normalized_apart(
    x, kernel, bias, mean, variance, gamma=None, beta=None, added=None, epsilon=1e-3, activation=None, **conv
):
    z = ft.conv2d(x, kernel, bias, **conv)
    shape = (-1, 1, 1) if "data_format" in conv else (-1,)
    mean, variance, gamma, beta = (v if v is None else tf.reshape(v, shape) for v in (mean, variance, gamma, beta))
    y = tf.nn.batch_normalization(z, mean, variance, beta, gamma, epsilon)
    y = y if added is None else y + added
    return y if activation is None else ft.activation(y, activation)


@pytest.mark.parametrize("conv", NORMALIZED.values(), ids=NORMALIZED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kinds", [(), ("gamma",), ("beta", "added"), ("gamma", "beta", "added")], ids="-".join)
@pytest.mark.parametrize("channels", [4, 900])
def test_normalized(conv, dtype, kinds, channels):
    size = (2, channels, 11, 12) if "data_format" in conv else (2, 11, 12, channels)
    x = random(size, dtype)
    kernel = random((3, 3, channels // conv.get("groups", 1), 40), dtype, 1) / np.sqrt(channels)
    plain = {key: value for key, value in conv.items() if key != "activation"}
    given = {
        "mean": random((40,), dtype, 3),
        "variance": tf.abs(random((40,), dtype, 4)) + 0.5,
        "gamma": random((40,), dtype, 5),
        "beta": random((40,), dtype, 6),
        "added": random(ft.conv2d(x, kernel, **plain).shape, dtype, 7),
    }
    given = {key: value for key, value in given.items() if key in ("mean", "variance", *kinds)}
    inputs = x, kernel, random((40,), dtype, 2), *given.values()

    def called(function):
        return lambda x, kernel, bias, *rest: function(x, kernel, bias, **dict(zip(given, rest, strict=True)), **conv)

    fused, apart = called(ft.conv2d_normalized), called(normalized_apart)
    close(fused(*inputs), tf.cast(apart(*inputs), "float64"), dtype)
    if dtype == "float64" and channels == 4:
        take = tf.function(lambda *a: gradients(fused, *a))
        for a, e in zip(take(*inputs), gradients(apart, *inputs), strict=True):
            close(a, e)


def test_normalized_refuses():
    x, kernel, bias = operands({}, "float32")
    with pytest.raises(TypeError, match="`x` must be float32 or float64"):
        ft.conv2d_normalized(*(tf.cast(t, "float16") for t in (x, kernel)), mean=bias, variance=bias)
    with pytest.raises(tf.errors.InvalidArgumentError, match="`variance` must have shape"):
        ft.conv2d_normalized(x, kernel, mean=bias, variance=bias[:3])
    with pytest.raises(TypeError, match="`gamma` must have the dtype of `x`"):
        ft.conv2d_normalized(x, kernel, mean=bias, variance=bias, gamma=tf.cast(bias, "float64"))
    with pytest.raises(ValueError, match="`added` must have the result's shape"):
        ft.conv2d_normalized(x, kernel, mean=bias, variance=bias, added=x)
    late = tf.function(
        lambda added: ft.conv2d_normalized(x, kernel, mean=bias, variance=bias, added=added),
        input_signature=[tf.TensorSpec([None] * 4)],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="`added`"):
        late(x)


def test_errors():
    x, kernel, bias = operands({})
    for wrong, name in (
        ({"pool": "min"}, "pool"),
        ({"pool_padding": "half"}, "pool_padding"),
        ({"pool_size": 0}, "pool_size"),
    ):
        with pytest.raises(ValueError, match=f"`{name}`"):
            ft.conv2d_pool2d(x, kernel, bias, **wrong)


@pytest.mark.parametrize("window, strides", [(2, 2), (3, 2)])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("activation", ["relu", "relu6", "tanh"])
def test_a_graph_takes_the_derivative_of_the_activation_where_it_is_pooled(activation, elsewhere, window, strides):
    inputs = operands({})

    def loss(*inputs):
        y = ft.conv2d(*inputs, activation=activation)
        pooled = tf.reduce_sum(tf.sin(ft.max_pool2d(y, window, strides=strides)))
        return pooled + tf.reduce_sum(tf.cos(y)) if elsewhere else pooled

    def first(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = loss(*inputs)
        return tape.gradient(y, inputs)

    def second(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = tf.add_n([tf.reduce_sum(tf.sin(grad / 10)) for grad in first(*inputs)])
        return tape.gradient(y, inputs)

    for of in first, second:
        for actual, expected in zip(tf.function(of)(*inputs), of(*inputs), strict=True):
            close(actual, expected, "float64")
