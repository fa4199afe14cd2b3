"""A model that stock Keras trains on TensorFlow, trained the same way on NumPy in a process without TensorFlow."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers as L

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow gives the references")

PROGRAM = """
import json, sys
sys.modules["tensorflow"] = sys.modules["torch"] = None
import keras, numpy as np
import fastconv.keras
fastconv.keras.patch_keras()
assert keras.backend.backend() == "numpy"
model, data = keras.models.load_model("start.keras"), np.load("data.npz")
history = model.fit(data["x"], data["y"], batch_size=16, epochs=2, shuffle=False, verbose=0,
                    validation_data=(data["x"], data["y"]))
model.save_weights("end.weights.h5")
print(json.dumps(history.history))
"""


def test_histories_and_weights_are_alike(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 1))
    x = L.MaxPooling2D(2)(L.Conv2D(6, 5, padding="same", activation="relu")(inputs))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 3, use_bias=False)(x)))
    model = keras.Model(inputs, L.Dense(10, activation="softmax")(L.Flatten()(x)))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    images, labels = rng.random((72, 12, 12, 1), np.float32), rng.integers(0, 10, 72)
    np.savez(tmp_path / "data.npz", x=images, y=labels)
    model.save(tmp_path / "start.keras")
    environment = os.environ | {"KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    words = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0, "validation_data": (images, labels)}
    wanted = model.fit(images, labels, **words).history
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5)
    weights = model.get_weights()
    model.load_weights(tmp_path / "end.weights.h5")
    for theirs, ours in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
