"""Gradients through TensorFlow's ops: one tensor in several places, nothing computed in vain or twice, forward mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_tensorflow import close, gradients, random
from test_tensorflow_fused import normalized_apart

import fastconv.keras as fk
import fastconv.tensorflow as ft

LAYERS = keras.layers


def stock_conv2d(x, kernel):
    return tf.nn.conv2d(x, tf.identity(kernel), 1, "VALID")


def normalized(function):
    return lambda x, kernel, vector: function(
        x, kernel, vector, mean=vector, variance=vector, gamma=vector, beta=vector, added=x, padding="same"
    )


IMAGE, KERNEL, SQUARE = random((2, 6, 6, 4)), random((3, 3, 4, 4), seed=1), random((3, 3, 3, 3))
VECTOR, MATRIX = tf.abs(random((4,), seed=2)) + 0.5, random((4, 3), seed=3)
REPEATED = {
    "convolution": (lambda x: ft.conv2d(x, x, activation="tanh"), lambda x: tf.tanh(stock_conv2d(x, x)), [SQUARE]),
    "normalized": (normalized(ft.conv2d_normalized), normalized(normalized_apart), [IMAGE, KERNEL, VECTOR]),
    "added": (
        lambda x, kernel: ft.conv2d_added(x, kernel, x, padding="same", activation="tanh"),
        lambda x, kernel: tf.tanh(tf.nn.conv2d(x, kernel, 1, "SAME") + tf.identity(x)),
        [IMAGE, KERNEL],
    ),
    "pooled": (lambda x: ft.conv2d_pool2d(x, x, pool_size=1), lambda x: stock_conv2d(x, x), [SQUARE]),
    "transposed": (
        lambda x: ft.conv2d_transpose(x, x),
        lambda x: tf.nn.conv2d_transpose(x, tf.identity(x), (3, 5, 5, 3), 1, "VALID"),
        [SQUARE],
    ),
    "dense": (lambda x: ft.dense(x, x, activation="tanh"), lambda x: tf.tanh(x @ tf.identity(x)), [SQUARE[0, 0]]),
}


@pytest.mark.parametrize("ours, stock, inputs", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_a_tensor_given_twice_has_the_sum_of_both_gradients(ours, stock, inputs, graph):
    def take(*inputs):
        return gradients(ours, *inputs)

    found = (tf.function(take) if graph else take)(*inputs)
    for actual, expected in zip(found, gradients(stock, *inputs), strict=True):
        close(actual, expected)


def ops_read(outputs):
    """The types of fastconv's ops that are needed for tensors of a graph."""
    used, ends = {}, [tensor.op for tensor in outputs]
    while ends:
        op = ends.pop()
        if op.name not in used:
            used[op.name] = op.type
            ends += [tensor.op for tensor in op.inputs]
    return sorted(kind.removeprefix("Fastconv") for kind in used.values() if kind.startswith("Fastconv"))


@pytest.mark.parametrize(
    "read, expected",
    [
        (0, ["Conv2DScaledInputGrad", "Conv2DNormalized", "DenseGrads"]),
        (1, ["ActivationGrad", "Conv2DGrads", "Conv2DNormalized", "DenseGrads"]),
        (3, ["Conv2DNormalized", "Dense", "DenseGrads"]),
    ],
    ids=["image", "kernel", "dense kernel"],
)
def test_a_graph_computes_what_is_read_of_all_that_is_watched(read, expected):
    @tf.function
    def step(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            x, kernel, vector, matrix = inputs
            z = ft.conv2d_normalized(x, kernel, vector, mean=vector, variance=vector, activation="relu")
            y = ft.dense(z, matrix, activation="tanh")
        return tape.gradient(y, inputs[read])

    found = ops_read([step.get_concrete_function(IMAGE, KERNEL, VECTOR, MATRIX).outputs[0]])
    assert found == sorted({*expected, "Dense"})


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [3, 9], ids=["scaled gradients", "scaled kernels"])
def test_gradients_of_gradients_through_a_normalization(size, data_format, activation):
    """In graphs; what is smaller is scaled, the gradient of the results or the kernel."""
    rng = np.random.default_rng(0)
    first = data_format == "channels_first"
    x = tf.constant(rng.standard_normal((1, 2, size, size) if first else (1, size, size, 2)))
    kernel, *vectors = (tf.constant(rng.standard_normal(shape)) for shape in ((3, 3, 2, 4), 4, 4, 4))
    mean, gamma, beta = vectors
    conv = {"activation": activation} | ({"data_format": data_format} if first else {})

    def second(function):
        def gradients_of_dx(*inputs):
            with tf.GradientTape() as outer:
                outer.watch(inputs)
                x, kernel, mean, variance, gamma, beta = inputs
                with tf.GradientTape() as inner:
                    inner.watch(inputs)
                    y = function(x, kernel, None, mean=mean, variance=variance, gamma=gamma, beta=beta, **conv)
                    value = tf.reduce_sum(tf.sin(y))
                dx = inner.gradient(value, x)
            return outer.gradient(tf.reduce_sum(dx**3), inputs)

        return tf.function(gradients_of_dx)(x, kernel, mean, tf.exp(mean), gamma, beta)

    for actual, expected in zip(second(ft.conv2d_normalized), second(normalized_apart), strict=True):
        close(actual, expected)


def small_network():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            LAYERS.Conv2D(4, 3),
            LAYERS.BatchNormalization(),
            LAYERS.ReLU(),
            LAYERS.Conv2D(4, 3, activation="relu"),
            LAYERS.MaxPooling2D(2),
            LAYERS.Flatten(),
            LAYERS.Dense(3, "tanh"),
        ]
    )


@pytest.mark.parametrize("patch", [False, True], ids=["accelerate", "patch_keras"])
def test_no_layer_is_computed_twice_for_the_gradients_of_inference(patch):
    if patch:
        with fk.patched():
            model = small_network()
    else:
        model = fk.accelerate(small_network())

    def saliency(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=False)
        return tape.gradient(y, x)

    def kinds(function):
        graph = tf.function(function).get_concrete_function(tf.TensorSpec((1, 16, 16, 3))).graph
        return [op.type.removeprefix("Fastconv") for op in graph.get_operations() if op.type.startswith("Fastconv")]

    def forward(found):
        return sorted(kind for kind in found if "Grad" not in kind and kind != "Activation")

    with fk.patched():
        assert forward(kinds(saliency)) == ["Conv2D", "Conv2DNormalized", "Dense", "Pool2D"]
        assert forward(kinds(lambda x: model(x, training=False))) == ["Conv2DNormalized", "Conv2DPool2D", "Dense"]


def test_a_frozen_normalization_is_computed_with_its_convolution_in_training():
    model = small_network()
    model.trainable = False
    x = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype("float32")
    expected = model(x, training=True)
    fk.accelerate(model)
    np.testing.assert_allclose(model(x, training=True), expected, atol=1e-5)
    graph = tf.function(lambda x: model(x, training=True)).get_concrete_function(tf.TensorSpec((2, 16, 16, 3))).graph
    assert "FastconvConv2DNormalized" in {op.type for op in graph.get_operations()}


FORWARD = {
    "convolution": (
        lambda x: ft.conv2d(x, KERNEL, VECTOR, activation="tanh"),
        lambda x: tf.tanh(stock_conv2d(x, KERNEL) + VECTOR),
    ),
    "normalized": (
        lambda x: ft.conv2d_normalized(x, KERNEL, mean=VECTOR, variance=VECTOR, added=x, padding="same"),
        lambda x: normalized_apart(x, KERNEL, None, VECTOR, VECTOR, added=x, padding="same"),
    ),
    "dense": (lambda x: ft.dense(x, MATRIX, activation="tanh"), lambda x: tf.tanh(x @ MATRIX)),
    "pooling": (lambda x: ft.avg_pool2d(x, 2), lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID")),
    "softmax": (ft.softmax, tf.nn.softmax),
}


@pytest.mark.parametrize("ours, stock", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_forward_mode(ours, stock, graph):
    def along(function):
        with tf.autodiff.ForwardAccumulator(IMAGE, tf.cos(IMAGE)) as accumulator:
            y = function(IMAGE)
        return accumulator.jvp(y)

    close((tf.function(along, autograph=False) if graph else along)(ours), along(stock))
