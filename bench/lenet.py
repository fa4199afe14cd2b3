"""LeNet-5 for the keras suite: the same network on any module's layers, its answers and the reference for them."""
from __future__ import annotations

import numpy as np
from cases import Problem

GRADIENT_IMAGES = 64


def build(layers, dtype: str = "float32", **compile_options):
    """A compiled model; `layers` has Conv2D and MaxPooling2D. The weights are the same for every call."""
    import keras
    keras.utils.set_random_seed(20)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, activation="relu", padding="same", dtype=dtype),
        layers.MaxPooling2D(2, dtype=dtype),
        layers.Conv2D(16, 5, activation="relu", dtype=dtype),
        layers.MaxPooling2D(2, dtype=dtype),
        keras.layers.Flatten(dtype=dtype),
        keras.layers.Dense(120, activation="relu", dtype=dtype),
        keras.layers.Dense(84, activation="relu", dtype=dtype),
        keras.layers.Dense(10, activation="softmax", dtype=dtype),
    ])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", **compile_options)
    return model


def runs(model, problem: Problem):
    """(what to time, its result -> the array to check): an epoch of fit, or predict, over all images."""
    x, labels, batch = problem.arrays["x"], problem.arrays["labels"], problem.options["batch"]
    if problem.op == "predict":
        return lambda: model.predict(x, batch_size=batch, verbose=0), np.asarray
    gradients = _gradients(model, problem)
    return lambda: model.fit(x, labels, batch_size=batch, epochs=1, verbose=0), lambda _: gradients


def reference(problem: Problem) -> np.ndarray:
    """The answer of stock layers in float64, from the weights that `build` starts with."""
    import keras
    model = build(keras.layers, "float64", jit_compile=False)
    model.set_weights(build(keras.layers).get_weights())
    if problem.op == "fit":
        return _gradients(model, problem)
    return model.predict(problem.arrays["x"], batch_size=problem.options["batch"], verbose=0)


def _gradients(model, problem: Problem) -> np.ndarray:
    """The gradients of all weights over the first images, in one vector: what an epoch is made of."""
    import keras
    import tensorflow as tf
    x, labels = (problem.arrays[name][:GRADIENT_IMAGES] for name in ("x", "labels"))
    with tf.GradientTape() as tape:
        loss = keras.losses.sparse_categorical_crossentropy(labels, model(x, training=True))
        loss = keras.ops.mean(loss)
    parts = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    return np.concatenate([np.ravel(part) for part in parts])
