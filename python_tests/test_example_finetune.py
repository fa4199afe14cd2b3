"""The example that trains the last layer of a saved network on a folder of pictures."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "finetune.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small network, and pictures of bright and dark noise."""
    folder, rng, L = tmp_path_factory.mktemp("finetune"), np.random.default_rng(0), keras.layers
    keras.utils.set_random_seed(0)
    inputs = keras.Input((24, 20, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, strides=2, use_bias=False)(inputs)))
    x = L.ReLU()(L.DepthwiseConv2D(3)(x))
    keras.Model(inputs, L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(x))).save(folder / "base.keras")
    for name, least in (("bright", 120), ("dark", 0)):
        (folder / "pictures" / name).mkdir(parents=True)
        for i in range(20):
            noise = rng.integers(least, least + 120, (30, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / "pictures" / name / f"{i}.png")
    return folder


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLE), "base.keras", *arguments],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


def test_the_head_alone_learns_without_a_framework(folder):
    done = run(folder, "pictures", "--epochs", "30")
    assert done.returncode == 0, done.stderr
    assert "32 pictures of bright, dark; 100% of 8 others right" in done.stdout
    before, after = (keras.models.load_model(folder / name) for name in ("base.keras", "finetuned.keras"))
    assert after.output_shape == (None, 2)
    for old, new in zip(before.get_weights()[:-2], after.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_folder_without_classes_is_named(folder):
    done = run(folder, "pictures/bright")
    assert done.returncode == 2 and "pictures/bright must have two folders or more" in done.stderr
