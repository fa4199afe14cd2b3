"""Train the LeNet of `python -m fastconv demo`: on MNIST's images, shifted, turned, slanted, thinned, thickened.

It writes an .fcn file with weights in float16 and prints its accuracy on the test images.
`python -m fastconv demo_lenet.py` trains on fastconv's layers.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

import fastconv

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

from data import DataError, find_data, load

BATCH_SIZE, LEARNING_RATE = 128, 2e-3


def varied(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (n, 28, 28, 1) under a random affine map each; lines of a part of them thicker or thinner."""
    lines = images[..., 0]
    kind = rng.random(len(images))
    thick, thin = kind < 0.25, kind > 0.85
    lines = lines.copy()
    lines[thick] = np.maximum(lines[thick], np.roll(lines[thick], rng.integers(0, 2) * 2 - 1, 1 + rng.integers(0, 2)))
    lines[thin] = np.minimum(lines[thin], np.roll(lines[thin], rng.integers(0, 2) * 2 - 1, 1 + rng.integers(0, 2)))
    n = len(images)
    angle, slant = rng.normal(0, 0.12, n), rng.normal(0, 0.12, n)
    scale = np.exp(rng.normal(0, 0.08, (2, n)))
    shift = rng.normal(0, 0.8, (2, n))
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = np.meshgrid(np.arange(28) - 13.5, np.arange(28) - 13.5, indexing="ij")
    u, v = (array.reshape(1, -1) for array in (y, x))
    rows = (cos[:, None] * u - sin[:, None] * v) * scale[0][:, None] + shift[0][:, None] + 13.5
    columns = (sin[:, None] * u + (cos + slant)[:, None] * v) * scale[1][:, None] + shift[1][:, None] + 13.5
    return sampled(lines, rows.astype(np.float32), columns.astype(np.float32))[..., None]


def sampled(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) at places (n, 784), by bilinear interpolation; 0 outside of them."""
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    rows, columns = (np.clip(places + 1, 0, 29) for places in (rows, columns))
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    n = np.arange(len(images))[:, None]
    upper = padded[n, top, left] * (1 - right) + padded[n, top, left + 1] * right
    lower = padded[n, top + 1, left] * (1 - right) + padded[n, top + 1, left + 1] * right
    return (upper * (1 - down) + lower * down).reshape(images.shape).astype(np.float32)


def train(data: dict[str, np.ndarray], epochs: int, seed: int):
    """A LeNet-5, its learning rate falling to 0 along a cosine."""
    import keras
    import lenet5

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = lenet5.build()
    steps = epochs * -(-len(data["x_train"]) // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    for epoch in range(epochs):
        print(f"epoch {epoch + 1} of {epochs}")
        model.fit(varied(data["x_train"], rng), data["y_train"], batch_size=BATCH_SIZE, verbose=2)
    return model


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="MNIST.NPZ", help="images to train on (default: as of mnist_lenet.py)")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("lenet.fcn"), help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        data = load(find_data(options.data))
    except DataError as error:
        parser.error(str(error))
    model = train(data, options.epochs, options.seed)
    fastconv.from_keras(model).astype("float16").save(options.output)
    right = fastconv.load(options.output).predict(data["x_test"]).argmax(-1) == data["y_test"]
    size = options.output.stat().st_size
    print(f"{options.output}: {size} bytes, {right.mean():.2%} of {len(right)} test images right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
