"""Batch normalization in the training of networks: gradients and statistics against Keras on TensorFlow."""

import keras
import numpy as np
import pytest
from keras import layers as L
from training_references import assert_gradients, computing_in_float64

import fastconv
from fastconv.network.training import Trainer, loss_of, optimizer_of

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow gives the references")


@pytest.fixture
def in_float64():
    with computing_in_float64():
        yield


def assert_trained_alike(model, x, y, batch_size, tolerance):
    """Three epochs of `Net.fit` leave what as many of Keras' `fit` do."""
    net, words = fastconv.from_keras(model), {"epochs": 3, "batch_size": batch_size, "shuffle": False}
    net.fit(x, y, loss="mse", optimizer="sgd", **words)
    model.compile(keras.optimizers.SGD(), "mse")
    model.fit(x, y, verbose=0, **words)
    np.testing.assert_allclose(net(x), model.predict(x, verbose=0), rtol=0, atol=tolerance)


def test_statistics_move_as_those_of_keras():
    model = keras.Sequential([keras.Input((5,)), L.BatchNormalization(momentum=0.8), L.Dense(1)])
    x = np.random.default_rng(6).standard_normal((24, 5)).astype(np.float32) * 3 + 1
    assert_trained_alike(model, x, x.sum(1, keepdims=True), 8, 1e-4)


@pytest.mark.parametrize(("shape", "axis"), [((6,), -1), ((7, 4), -1), ((5, 6, 3), 1), ((5, 6, 3), 2), ((9, 5), 1)])
def test_normalization_along_any_axis(in_float64, shape, axis):
    norm = L.BatchNormalization(axis=axis, gamma_initializer="uniform", beta_initializer="uniform")
    model = keras.Sequential([keras.Input(shape), L.Dense(shape[-1]), norm, L.Activation("tanh"), L.Flatten()])
    rng = np.random.default_rng(7)
    x = rng.standard_normal((4, *shape)) + 2
    y = rng.standard_normal((4, int(np.prod(shape))))
    assert_gradients(model, x, y, "mean_squared_error", keras.losses.MeanSquaredError())


def residual(kind):
    """Blocks whose normalization is followed by a rectifier, or by a sum and a rectifier."""

    def normalized(x, filters, size=3):
        norm = L.BatchNormalization(gamma_initializer="uniform", beta_initializer="uniform")
        return norm(L.Conv2D(filters, size, padding="same", use_bias=False)(x))

    inputs = keras.Input((8, 6, 3))
    x = L.ReLU()(normalized(inputs, 5))
    y = normalized(x, 5)
    if kind == "broadcast":
        y = normalized(L.GlobalAveragePooling2D(keepdims=True)(y), 5, 1)
    other = {"both": normalized(x, 5, 1), "itself": y}.get(kind, x)
    x = L.Activation("relu")(L.Add()([other, y] if kind == "second" else [y, other]))
    x = L.ReLU()(L.Add()([x, L.BatchNormalization()(x)]))
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(x)))


@pytest.mark.parametrize("kind", ["first", "second", "both", "itself", "broadcast"])
def test_gradients_of_sums_that_a_normalization_computes(in_float64, kind):
    rng = np.random.default_rng(9)
    x, y = rng.standard_normal((5, 8, 6, 3)), rng.standard_normal((5, 2))
    assert_gradients(residual(kind), x, y, "mean_squared_error", keras.losses.MeanSquaredError())


def test_a_step_with_such_sums_is_that_of_the_layers_apart(in_float64):
    rng = np.random.default_rng(10)
    x, y = rng.standard_normal((6, 8, 6, 3)), rng.standard_normal((6, 2))
    assert_trained_alike(residual("both"), x, y, 3, 1e-9)


def test_gradients_of_a_frozen_base_whose_normalizations_are_fused_stop_there():
    graph = fastconv.from_keras(residual("both")).graph
    x, y = np.random.default_rng(11).standard_normal((4, 8, 6, 3)).astype(np.float32), np.zeros((4, 2), np.float32)
    every = Trainer(graph, loss_of("mse"), optimizer_of("sgd"))
    wanted = {name: slope.copy() for name, slope in every.gradients([x], y).items()}
    # The statistics of the base move, its weights do not: what is above has the same gradients.
    last, state = list(wanted)[-2:], list(every.parameters.state)
    head = Trainer(graph, loss_of("mse"), optimizer_of("sgd"), weights=last, state=state)
    for name, slope in head.gradients([x], y).items():
        np.testing.assert_array_equal(slope, wanted[name])


def test_normalization_of_numbers_far_from_0_keeps_its_digits():
    model = keras.Sequential([keras.Input((40, 40, 2)), L.BatchNormalization(momentum=0.0), L.Conv2D(1, 1)])
    x = (1000 + np.random.default_rng(8).standard_normal((8, 40, 40, 2))).astype(np.float32)
    trainer = Trainer(fastconv.from_keras(model).graph, loss_of("mse"), optimizer_of("sgd"))
    trainer.step([x], np.zeros((8, 40, 40, 1)))
    mean, variance = (array for name, array in trainer.parameters.state.items())
    np.testing.assert_allclose(mean, x.mean((0, 1, 2), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2), dtype=np.float64), rtol=1e-5)
