"""Drawn models of stock layers and of fastconv's, next to each other: what they compute, and how they train.

`FASTCONV_EXAMPLES=500 KERAS_BACKEND=torch pytest --hypothesis-seed=1 python_tests/keras_drawn.py` draws 500 others.
test_keras_backends.py runs this file on each backend.
"""

import keras
import numpy as np
import pytest
from drawn import examples
from drawn_models import Whole, batch, build, recipes
from hypothesis import given
from keras_gradients import BACKEND, gradients, second_gradients, values

import fastconv.keras as fk

# Compiling takes JAX seconds for each.
COUNT = {"jax": 2}.get(BACKEND, 8)
ORDERS = {"numpy": {False: 1}, "jax": {False: 2, True: 1}}.get(BACKEND, {False: 2, True: 2})


def stock(recipe):
    return build(recipe, keras.layers)


def accelerated(recipe):
    return fk.accelerate(stock(recipe))


def patched(recipe):
    with fk.patched():
        return build(recipe, keras.layers)


def course(model, recipe):
    """What a model computes: values, gradients of two orders, in inference and in training, and a step of training."""
    x, targets = batch(recipe, model)
    found = {}
    for training, order in ORDERS.items():
        whole = Whole(model, recipe, training)
        found[f"gradients, {training=}"] = gradients(whole, x)
        if order == 2:
            found[f"second gradients, {training=}"] = second_gradients(whole, x)
    if BACKEND == "numpy":
        return found
    model.compile(keras.optimizers.SGD(0.05), "mse")
    inputs = np.split(x, len(model.inputs), 1 if recipe.channels_first else -1)
    inputs = inputs if len(inputs) > 1 else x
    found["loss"] = [np.asarray(model.train_on_batch(inputs, targets), "float64")]
    found["variables"] = values(*(v.value for v in model.variables if v.dtype == "float32"))
    return found


def assert_alike(actual, expected):
    assert actual.keys() == expected.keys()
    for what, values_expected in expected.items():
        # Two passes back divide twice by the small variances of few numbers.
        tolerance = 1e-3 if what.startswith("second") else 2e-4
        for i, (a, e) in enumerate(zip(actual[what], values_expected, strict=True)):
            scale = max(1.0, np.abs(e).max(initial=0))
            np.testing.assert_allclose(a, e, atol=tolerance * scale, rtol=0, err_msg=f"{what} {i}")


# What stock Keras says of some models that are drawn.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@examples(COUNT)
@given(recipe=recipes)
def test_drawn_models_are_as_stock_keras_has_them(recipe):
    expected = course(stock(recipe), recipe)
    for kind in (accelerated, patched):
        assert_alike(course(kind(recipe), recipe), expected)
