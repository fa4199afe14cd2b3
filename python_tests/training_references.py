"""Gradients of networks and of Keras' models on TensorFlow, side by side."""

from contextlib import contextmanager

import keras
import numpy as np
import pytest

import fastconv
from fastconv.network.training import Trainer, optimizer_of
from fastconv.network.training.losses import Loss

tf = pytest.importorskip("tensorflow")


@contextmanager
def computing_in_float64():
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def wanted_gradients(model, x, y, loss, weights=None):
    """Keras' own, on TensorFlow."""

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True), sample_weight=weights)
        return value, tape.gradient(value, [variable.value for variable in model.trainable_variables])

    value, found = gradients()
    return float(value), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]


def assert_gradients(model, x, y, name, loss, weights=None, words=None, tolerance=1e-10):
    trainer = Trainer(fastconv.from_keras(model).graph, Loss(name, words or {}), optimizer_of("sgd"))
    value, wanted = wanted_gradients(model, x, y, loss, weights)
    found = trainer.gradients([x], y, weights)
    scale = max(np.abs(gradient).max() for gradient in wanted)
    assert len(found) == len(wanted) and scale > 0
    for variable, gradient, right in zip(model.trainable_variables, found.values(), wanted, strict=True):
        error = np.abs(gradient.reshape(right.shape) - right).max() / scale
        assert error <= tolerance, f"{variable.path}: {error}"
    if "BatchNormalization" not in {type(layer).__name__ for layer in model.layers}:
        assert trainer.test([x], y, weights)[0] == pytest.approx(value, rel=1e-10)
