"""Optimizers' fused update steps against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import fastconv.keras as fk
from fastconv.keras import optimizers
from fastconv.tensorflow.updates import update

K = keras.optimizers
OPTIMIZERS = {
    "SGD": K.SGD,
    "momentum": lambda: K.SGD(0.1, momentum=0.9),
    "Nesterov": lambda: K.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": K.Adam,
    "AdamW": K.AdamW,
    "AMSGrad": lambda: K.Adam(amsgrad=True),
    "clipped, averaged": lambda: K.Adam(clipnorm=0.1, use_ema=True),
    "accumulated": lambda: K.Adam(gradient_accumulation_steps=2),
    "scheduled": lambda: K.Adam(K.schedules.ExponentialDecay(0.01, 10, 0.9)),
    "RMSprop": K.RMSprop,
    "RMSprop, momentum": lambda: K.RMSprop(momentum=0.5),
    "RMSprop, centered": lambda: K.RMSprop(centered=True),
    "Adadelta": K.Adadelta,
}


def train(make):
    """The course of the loss, and all variables afterwards."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(9, activation="tanh"), keras.layers.Dense(3)])
    model.compile(make(), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 7), np.float32), rng.random((32, 3), np.float32)
    course = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history["loss"]
    return [course, *model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]


@pytest.mark.parametrize("largest", [0, 1 << 16], ids=["an op each", "one op"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_fused_step_is_the_stock_step(make, largest, monkeypatch):
    monkeypatch.setattr(optimizers, "_SMALL", largest)
    stock = train(make)
    fk.fuse_optimizers()
    try:
        fused = train(make)
    finally:
        fk.unfuse_optimizers()
    for a, e in zip(fused, stock, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5)


def test_patching_fuses_and_undoes_it_exactly():
    before = {
        (kind, name): vars(kind).get(name)
        for kind in (K.SGD, K.Adam, K.RMSprop, K.Adadelta)
        for name in ("update_step", "_backend_update_step")
    }
    with fk.patched():
        assert all(
            vars(kind)["update_step"] is not method for (kind, name), method in before.items() if name == "update_step"
        )
        fk.fuse_optimizers()
    assert {key: vars(key[0]).get(key[1]) for key in before} == before


def test_sparse_gradients_keep_the_stock_step():
    fk.fuse_optimizers()
    try:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((2,), dtype="int32"),
                keras.layers.Embedding(5, 3),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        model.compile("adam", "mse")
        before = model.get_weights()[0]
        model.fit(np.array([[0, 1], [1, 0]]), np.ones((2, 1)), verbose=0)
        changed = (model.get_weights()[0] != before).any(axis=1)
    finally:
        fk.unfuse_optimizers()
    assert changed.tolist() == [True, True, False, False, False]


def test_steps_of_a_subclass_are_its_own():
    class Halving(K.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / 2, variable, learning_rate)

    fk.fuse_optimizers()
    try:
        variables = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
        Halving(1.0).apply([tf.constant([2.0, 4.0]), tf.constant([6.0])], variables)
    finally:
        fk.unfuse_optimizers()
    assert [variable.numpy().tolist() for variable in variables] == [[0, 0], [0]]


@pytest.mark.parametrize("make", [lambda: K.SGD(1.0), lambda: K.Adam(0.1)], ids=["SGD", "Adam"])
def test_variables_of_tensorflow(make):
    def train():
        variables = [tf.Variable([1.0, 2.0]), tf.Variable([3.0])]
        optimizer = make()
        optimizer.build(variables)
        for _ in range(3):
            optimizer.apply([tf.constant([0.5, 1.0]), tf.constant([0.25])], variables)
        return np.concatenate([variable.numpy() for variable in variables])

    stock = train()
    fk.fuse_optimizers()
    try:
        fused = train()
    finally:
        fk.unfuse_optimizers()
    np.testing.assert_allclose(fused, stock, rtol=1e-4, atol=1e-5)  # as above: Keras rounds beta ** step


def test_wrong_shapes_and_rules_are_told():
    variable = tf.Variable([1.0, 2.0])
    for gradient, slots, rule, numbers, said in (
        ([1.0], [], "sgd", [0.1], "shapes"),
        ([1.0, 1.0], [], "sgd", [0.1, 0.2], "hyper"),
        ([1.0, 1.0], [], "adam", [0.1] * 5, "slots"),
        ([1.0, 1.0], [], "unheard-of", [0.1], "rule"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=said):
            update(rule, [variable], [tf.constant(gradient)], slots, numbers)
    assert variable.numpy().tolist() == [1, 2]
