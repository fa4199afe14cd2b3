"""Drawn models on TensorFlow: gradients of stock layers and of fastconv's, in eager mode and in graphs.

``FASTCONV_EXAMPLES=500 pytest python_tests/test_keras_drawn.py --hypothesis-seed=1`` draws others.
"""

import pytest
import tensorflow as tf
from drawn import examples
from drawn_models import Whole, batch, recipes
from hypothesis import given
from keras_drawn import accelerated, assert_alike, course, patched, stock
from keras_gradients import values


def image_gradient(model, recipe):
    """As saliency maps and Grad-CAM take it: in a graph, that of the input alone, of all that a tape watches."""
    whole = Whole(model, recipe, training=False)

    @tf.function
    def take(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(tf.sin(whole(x)))
        return tape.gradient(score, x)

    x, _ = batch(recipe, model)
    return {"image": values(take(tf.constant(x)))}


# What stock Keras says of some models that are drawn.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@examples(6)
@given(recipe=recipes)
def test_drawn_models_are_as_stock_keras_has_them(recipe):
    model = stock(recipe)
    expected = image_gradient(model, recipe) | course(model, recipe)
    for kind in (accelerated, patched):
        model = kind(recipe)
        assert_alike(image_gradient(model, recipe) | course(model, recipe), expected)
