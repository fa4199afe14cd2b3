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
PART = 1000  # images that are varied together


def varied(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (n, 28, 28, 1) under a random affine map each; lines of a part of them thicker or thinner."""
    parts = (images[begin : begin + PART, ..., 0] for begin in range(0, len(images), PART))
    return np.concatenate([moved(with_other_lines(part, rng), rng) for part in parts])[..., None]


def with_other_lines(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images of which a quarter has thicker lines, and some have thinner ones."""
    images, kind = images.copy(), rng.random(len(images))
    by, axis = rng.choice([-1, 1]), rng.integers(1, 3)
    for chosen, choose in ((kind < 0.25, np.maximum), (kind > 0.85, np.minimum)):
        images[chosen] = choose(images[chosen], np.roll(images[chosen], by, axis))
    return images


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images turned, slanted, scaled and shifted, each another way; 0 comes in from outside."""
    n = len(images)
    angle, slant, down, right = rng.normal(0, [[0.12], [0.12], [0.8], [0.8]], (4, n)).astype(np.float32)[..., None]
    height, width = np.exp(rng.normal(0, 0.08, (2, n, 1))).astype(np.float32)
    y, x = (array.reshape(1, -1) for array in np.mgrid[-13.5:14, -13.5:14].astype(np.float32))
    rows = (np.cos(angle) * y - np.sin(angle) * x) * height + down + 13.5
    columns = (np.sin(angle) * y + (np.cos(angle) + slant) * x) * width + right + 13.5
    return sampled(images, rows, columns)


def sampled(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) at places (n, 784), by bilinear interpolation; 0 outside of them."""
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    side = padded.shape[1]
    rows, columns = (np.clip(places + 1, 0, side - 2) for places in (rows, columns))
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = rows - top.astype(np.float32), columns - left.astype(np.float32)
    first = np.arange(len(images), dtype=np.int32)[:, None] * side**2 + top * side + left
    values = padded.ravel()
    upper = values[first] * (1 - right) + values[first + 1] * right
    lower = values[first + side] * (1 - right) + values[first + side + 1] * right
    return (upper * (1 - down) + lower * down).reshape(images.shape)


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
    parser.add_argument("--epochs", type=int, default=8)
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
