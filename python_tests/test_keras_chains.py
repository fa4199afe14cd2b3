"""Convolutions that put in the zeros before them and compute the addition after them, on any backend of Keras."""

import keras
import numpy as np
import pytest
from keras_gradients import gradients, values

import fastconv.keras as fk
from fastconv.keras import _ops

LAYERS = keras.layers
ZEROS = ((0, 1), (2, 0))


def padded(kind, *arguments, data_format="channels_last", **keywords):
    def build(x):
        y = kind(*arguments, **keywords)(LAYERS.ZeroPadding2D(ZEROS, data_format=data_format)(x))
        return LAYERS.ReLU()(LAYERS.BatchNormalization()(y))

    return build


def two_readers(x):
    y = LAYERS.ZeroPadding2D(1)(x)
    return LAYERS.Add()([LAYERS.Conv2D(3, 3)(y), LAYERS.DepthwiseConv2D(3, depth_multiplier=1)(y)])


def twice(x):
    zeros = LAYERS.ZeroPadding2D(1)
    return LAYERS.Conv2D(3, 3)(zeros(LAYERS.Conv2D(3, 3)(zeros(x))))


def residual(x, place):
    """As in ResNet's second version: sums whose summands no normalization ends."""
    y = LAYERS.Conv2D(3, 3, padding="same", use_bias=False)(x)
    z = LAYERS.Conv2D(3, 1)(LAYERS.ReLU()(LAYERS.Conv2D(5, 1)(y)))
    return LAYERS.MaxPooling2D(2)(LAYERS.Activation("tanh")(LAYERS.Add()([y, z] if place else [z, y])))


def of_one_image(x):
    """A sum that repeats the first image for all of them; no shape of Keras says so."""
    y = LAYERS.Conv2D(3, 3, padding="same")(x / 2)
    return LAYERS.Add()([LAYERS.Conv2D(3, 1)(y[:1, :, :, :]), y])


def by_keyword(x):
    y = LAYERS.ReLU()(inputs=LAYERS.Conv2D(3, 3)(inputs=LAYERS.ZeroPadding2D(1)(inputs=x)))
    z = LAYERS.BatchNormalization()(inputs=LAYERS.Conv2D(3, 1)(inputs=y))
    return LAYERS.MaxPooling2D()(inputs=LAYERS.Add()(inputs=[y, z]))


BUILDS = {
    "by keyword": by_keyword,
    "convolution": padded(LAYERS.Conv2D, 4, 3),
    "strides": padded(LAYERS.DepthwiseConv2D, 3, strides=2, depth_multiplier=2),
    "not valid": padded(LAYERS.Conv2D, 4, 3, padding="same"),
    "other axes": padded(LAYERS.Conv2D, 4, 3, data_format="channels_first"),
    "two readers": two_readers,
    "twice": twice,
    "sum, of one image": of_one_image,
    "sum, first": lambda x: residual(x, 0),
    "sum, second": lambda x: residual(x, 1),
    "sum, activated before": lambda x: LAYERS.Add()([LAYERS.ReLU()(x), LAYERS.Conv2D(3, 1, activation="relu")(x)]),
}
IMAGES = np.random.default_rng(1).standard_normal((2, 9, 8, 3)).astype("float32")


def network(build):
    keras.utils.set_random_seed(0)
    x = keras.Input((9, 8, 3))
    model = keras.Model(x, build(x))
    rng = np.random.default_rng(0)
    for variable in model.variables:
        low, high = (0.5, 2) if "variance" in variable.path else (-0.5, 0.5)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


def close(found, expected):
    for actual, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, value, atol=2e-5 * max(1, np.abs(value).max()))


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_values_and_gradients(build):
    model = network(build)
    weights = model.get_weights()
    inference, training = gradients(model, IMAGES), values(model(IMAGES, training=True), *model.variables)
    model.set_weights(weights)
    fk.accelerate(model)
    close(gradients(model, IMAGES), inference)
    close(values(model(IMAGES, training=True), *model.variables), training)


def test_zeros_for_a_convolution_that_keras_computes(monkeypatch):
    model = network(padded(LAYERS.Conv2D, 4, 3))
    expected = values(model(IMAGES))
    fk.accelerate(model)
    monkeypatch.setattr(_ops, "refusal", lambda x: "a test")
    close(values(model(IMAGES)), expected)


def test_shapes_of_symbolic_calls_count_the_zeros():
    x = keras.Input((None, None, 3))
    model = fk.accelerate(keras.Model(x, LAYERS.Conv2D(4, 3)(LAYERS.ZeroPadding2D(ZEROS)(x))))
    assert model(keras.Input((9, 8, 3))).shape == (None, 8, 8, 4)
    assert model(IMAGES).shape == (2, 8, 8, 4)
