"""A process of the keras suite: ``python keras_server.py stock|jit|fastconv``, its backend in KERAS_BACKEND.

Each line of the standard input is a command in JSON, each line that goes back an answer: ``build`` makes a network,
writes the file with what is checked and runs it once, ``run`` runs it, ``drop`` lets it go.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np

SCRIPTS = str(Path(__file__).parents[1] / "examples" / "networks")
GRADIENT_IMAGES = 64
# A learning rate so high that rounding the weights does not show in what a step subtracts from them.
RATE = 1024.0
CALLS = 8  # of fit, each on a batch of another size
SAMPLED = 2**16  # numbers of each weight's gradient that are compared


def weights(model) -> list[np.ndarray]:
    """The same for every backend: Keras' default initializers, from NumPy's generator, and small biases."""
    rng = np.random.default_rng(20)
    found = []
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.name
        if len(shape) > 1:
            receptive = int(np.prod(shape[:-2]))
            limit = np.sqrt(6 / (receptive * (shape[-2] + shape[-1])))
            found.append(rng.random(shape, dtype=np.float32) * np.float32(2 * limit) - np.float32(limit))
        else:
            middle = 1.0 if name in ("gamma", "moving_variance") else 0.0
            found.append((middle + 0.05 * rng.standard_normal(shape)).astype(np.float32))
    return found


def images(model, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten patterns, each image one of them with noise, so that there is something to learn; the labels it wants."""
    rng = np.random.default_rng(20)
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    labels = rng.integers(0, 10, count)
    patterns = rng.random((10, *shape), dtype=np.float32)
    x = 0.7 * patterns[labels] + 0.3 * rng.random((count, *shape), dtype=np.float32)
    return x, labels if str(model.loss).startswith("sparse") else np.eye(classes, dtype=np.float32)[labels]


def reference(op: str, settings: dict) -> np.ndarray:
    """The answer of stock layers in float64."""
    import keras

    before = keras.config.floatx()
    _set_dtype("float64")
    try:
        return Network("reference", op, settings).answer()
    finally:
        _set_dtype(before)


def _set_dtype(name: str) -> None:
    import keras

    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)


def channels_last(layer):
    """The layer itself, or one that turns its images: stock TensorFlow has no channels first in float64 on a CPU."""
    import keras

    config = layer.get_config()
    if config.get("data_format") != "channels_first":
        return layer
    inner = type(layer).from_config(config | {"data_format": "channels_last"})
    return keras.Sequential([keras.layers.Permute((2, 3, 1)), inner, keras.layers.Permute((3, 1, 2))])


class Network:
    """One case: the model, its images, and how it is run."""

    def __init__(self, kind: str, op: str, settings: dict):
        self.kind, self.op = kind, op
        self.batch = int(settings["batch"])
        if SCRIPTS not in sys.path:
            sys.path.insert(0, SCRIPTS)
        script = importlib.import_module(settings["net"])
        options = {key: int(settings[key]) for key in ("groups", "dropout", "size") if key in settings}
        self._make = lambda: script.build(**options)
        self.model = self.build()
        if op == "fine_tune":
            for layer in self.model.layers[:-1]:
                layer.trainable = False
            self.model.compile(self.model.optimizer, self.model.loss)
        self._sizes, self._image_gradient = np.random.default_rng(20), None
        self.x, self.y = images(self.model, int(settings.get("images", self.batch)))

    def build(self, optimizer=None):
        """The model that the script builds, or with another optimizer."""
        import keras

        model = self._make()
        if self.kind == "reference":
            given = model
            model = keras.models.clone_model(given, clone_function=channels_last)
            model.compile(given.optimizer, given.loss)
        model.set_weights(weights(model))
        if optimizer:
            model.compile(optimizer, model.loss)
        if self.kind == "jit":
            model.jit_compile = True
        return model

    def run(self, images: int | None = None):
        """All images, or the first so many."""
        model, x, y = self.model, self.x[:images], self.y[:images]
        if self.op == "fit":
            return model.fit(x, y, batch_size=self.batch, epochs=1, verbose=0)
        if self.op == "fit_sizes":
            for size in self._sizes.integers(8, len(x) + 1, CALLS):
                model.fit(x[:size], y[:size], batch_size=int(size), verbose=0)
            return None
        if self.op in ("train_step", "fine_tune"):
            return model.train_on_batch(x, y)
        if self.op == "image_grad":
            self._image_gradient = self._image_gradient or image_gradient(model)
            return self._image_gradient(x)
        if self.op == "predict_one":
            return [model.predict(x[i : i + 1], verbose=0) for i in range(len(x))]
        if self.op == "evaluate":
            return model.evaluate(x, y, batch_size=self.batch, verbose=0)
        return model.predict_on_batch(x) if self.op == "forward" else model.predict(x, batch_size=self.batch, verbose=0)

    def answer(self) -> np.ndarray:
        """What is compared: predictions, a loss, or the gradients that training is made of.

        Of batch normalisation the loss before the step, as rounding changes the gradients by percents, and so it does
        those of images, for which the predictions stand.
        """
        normalised = any(type(layer).__name__ == "BatchNormalization" for layer in self.model.layers)
        if self.op in ("fit", "fit_sizes") or (self.op == "train_step" and not normalised):
            return self._gradients()
        if self.op in ("image_grad", "predict_one"):
            return np.asarray(self.model.predict_on_batch(self.x))
        result = self.run()
        return np.asarray(result) if self.op in ("predict", "forward") else np.ravel(result)[:1]

    def _gradients(self) -> np.ndarray:
        """By all weights in one vector, from what a step of plain gradient descent subtracts from them."""
        import keras

        model = self.build(keras.optimizers.SGD(RATE))
        before = [keras.ops.convert_to_numpy(variable).copy() for variable in model.trainable_variables]
        model.train_on_batch(self.x[:GRADIENT_IMAGES], self.y[:GRADIENT_IMAGES])
        after = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
        parts = [np.ravel(one - two) / RATE for one, two in zip(before, after, strict=True)]
        return np.concatenate([part[:: -(-part.size // SAMPLED)] for part in parts])


def image_gradient(model):
    """A function that gives the gradient of the first class's score in images, in inference, compiled as usual."""
    import keras

    makers = {"tensorflow": _tensorflow_gradient, "torch": _torch_gradient, "jax": _jax_gradient}
    return makers[keras.backend.backend()](model)


def _tensorflow_gradient(model):
    import tensorflow as tf

    @tf.function
    def take(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(model(x, training=False)[:, 0])
        return tape.gradient(score, x)

    return lambda x: take(tf.constant(x)).numpy()


def _torch_gradient(model):
    import torch

    def take(x):
        x = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(model(x, training=False)[:, 0].sum(), x)[0].numpy()

    return take


def _jax_gradient(model):
    import jax

    states = [
        [variable.value for variable in part] for part in (model.trainable_variables, model.non_trainable_variables)
    ]

    def score(x, states):
        return model.stateless_call(*states, x, training=False)[0][:, 0].sum()

    take = jax.jit(jax.grad(score))
    return lambda x: np.asarray(take(x, states))


def layers_of(kind: str):
    """A context in which scripts build the networks of this kind."""
    if kind != "fastconv":
        return contextlib.nullcontext()
    import fastconv.keras

    fastconv.set_float32_precision(os.environ["BENCH_PRECISION"])
    return fastconv.keras.patched()


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"


def serve(kind: str, reply) -> None:
    """Answer commands until there are no more."""
    network = None
    with layers_of(kind):
        reply({"ready": True})
        for line in sys.stdin:
            command = json.loads(line)
            try:
                if command["do"] == "run":
                    network.run()
                else:
                    network = None  # a case's memory is free before the next one's is taken
                    gc.collect()
                if command["do"] == "build":
                    network = Network(kind, command["op"], command["settings"])
                    np.save(command["file"], network.answer())
                    network.run(2 * network.batch)  # compiles
            except Exception as error:
                reply({"error": first_line(error)})  # this row is lost, not the process
            else:
                reply({})


def main() -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is none

    def reply(content: dict) -> None:
        print(json.dumps(content), file=replies, flush=True)

    try:
        serve(sys.argv[1], reply)
    except Exception as error:
        reply({"fatal": first_line(error)})


if __name__ == "__main__":
    main()
