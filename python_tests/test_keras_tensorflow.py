"""Keras layers on TensorFlow: logits, compiling with XLA, export, recomputation, unknown shapes."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import fastconv.keras as fk
from fastconv.keras import base


def network(layers):
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2DTranspose(4, 3, strides=2),
            layers.ReLU(),
            layers.DepthwiseConv2D(3),
            layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def digits(count=4):
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, 12, 12, 1)).astype("float32"), rng.integers(0, 3, count)


def test_losses_still_find_the_logits():
    logits = tf.constant([[200.0, 0.0]])
    for layer in (fk.Activation("softmax"), fk.Softmax(), fk.Dense(2, "softmax", kernel_initializer="identity")):
        loss = keras.losses.sparse_categorical_crossentropy(tf.constant([1]), layer(logits))
        np.testing.assert_allclose(loss, [200.0])
    x = tf.constant(200.0, shape=(1, 1, 1, 1))
    for layer in (fk.Activation("sigmoid"), fk.Conv2D(1, 1, activation="sigmoid", kernel_initializer="ones")):
        np.testing.assert_allclose(np.ravel(keras.losses.binary_crossentropy(0 * x, layer(x))), [200.0])


def test_exported_model_runs_in_a_fresh_process(tmp_path):
    x, _ = digits()
    model = network(fk)
    model.export(tmp_path / "export", verbose=False)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, tensorflow as tf, fastconv.keras\n"
        "folder = sys.argv[1]\n"
        "model = tf.saved_model.load(folder + '/export')\n"
        "np.save(folder + '/y.npy', model.serve(np.load(folder + '/x.npy')))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fk.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, cwd=tmp_path, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), atol=1e-6)


def test_compiling_with_xla_is_off_where_nobody_asks_and_said_where_somebody_does():
    x, labels = digits()
    model = network(fk)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.jit_compile is False
    with pytest.warns(UserWarning, match="Model doesn't support `jit_compile=True`"):
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    assert model.jit_compile is False
    assert np.isfinite(model.fit(x, labels, verbose=0).history["loss"])


def test_accelerate_turns_xla_off(caplog):
    x, labels = digits()
    model = network(keras.layers)
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=True)
    expected = model.evaluate(x, labels, verbose=0)
    fk.accelerate(model)
    assert model.jit_compile is False and "XLA has no kernels of fastconv's" in caplog.text
    np.testing.assert_allclose(model.evaluate(x, labels, verbose=0), expected, rtol=1e-5)


def test_inside_a_function_that_xla_compiles_keras_computes(caplog, monkeypatch):
    monkeypatch.setattr(base, "_told", set())
    x, _ = digits()
    model = keras.Sequential([keras.Input((12, 12, 1)), fk.Conv2D(4, 3, activation="relu"), fk.MaxPooling2D(2)])
    with caplog.at_level(logging.WARNING, "fastconv"):
        y = tf.function(lambda t: model(t), jit_compile=True)(x)
    np.testing.assert_allclose(y, model(x), atol=1e-5)
    assert len(caplog.records) == 2 and "XLA" in caplog.text


@pytest.mark.parametrize("graph", [False, True])
def test_gradient_checkpointing(graph):
    """The same gradients when the outputs in between are computed again."""
    x, _ = digits()
    model = fk.accelerate(network(keras.layers))
    weights = [w.value for w in model.trainable_weights]

    def take(call):
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(tf.sin(call(x)))
            return tape.gradient(loss, [x, *weights])

        return (tf.function(run) if graph else run)(tf.constant(x))

    for a, e in zip(take(tf.recompute_grad(model)), take(model), strict=True):
        np.testing.assert_allclose(a, e, atol=1e-6)


def test_shapes_known_only_when_the_graph_runs():
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 9, 8, 3)), "float32")
    for kind, arguments in (
        ("Conv2D", dict(filters=4, kernel_size=3)),
        ("GlobalAveragePooling2D", {}),
        ("Conv2DTranspose", dict(filters=4, kernel_size=3, strides=2)),
        ("MaxPooling2D", {}),
        ("GlobalMaxPooling2D", {}),
        ("SeparableConv2D", dict(filters=4, kernel_size=3)),
    ):
        layer = getattr(fk, kind)(**arguments)
        expected = layer(x)
        traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 3))])
        np.testing.assert_allclose(traced(x), expected, atol=1e-6)
