"""Teach a network that Keras has saved to tell the pictures of a folder apart: only its new last layer is trained.

`python finetune.py mobilenet.keras pictures` takes a folder for each class, pictures/cat/1.png, pictures/dog/1.png.
Any backend of Keras does, also without a framework: KERAS_BACKEND=numpy. A network to begin with is, for example,
`keras.applications.MobileNetV2(include_top=True).save("mobilenet.keras")`; its pictures are in [-1, 1].
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

import fastconv

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_pictures(folder: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The pictures of a folder of folders in [-1, 1], their classes, and the names of these."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    pictures, labels = [], []
    for label, name in enumerate(names):
        for path in sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in SUFFIXES):
            picture = Image.open(path).convert("RGB" if shape[2] == 3 else "L").resize((shape[1], shape[0]))
            pictures.append(np.asarray(picture, np.float32).reshape(shape) / 127.5 - 1)
            labels.append(label)
    if len(set(labels)) < 2:
        raise ValueError(f"{folder} must have two folders or more with pictures ({', '.join(SUFFIXES)})")
    return np.stack(pictures), np.array(labels), names


def with_new_head(network: Any, classes: int) -> Any:
    """A model of the network's frozen layers but the last, and a layer of so many classes after them."""
    network.trainable = False
    features = keras.layers.Dropout(0.2)(network.layers[-1].input)
    return keras.Model(network.inputs, keras.layers.Dense(classes, activation="softmax", name="head")(features))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="a .keras or .h5 file whose last layer gives classes")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--save", type=Path, default=Path("finetuned.keras"))
    options = parser.parse_args(arguments)
    fastconv.patch_keras()
    try:
        network = keras.models.load_model(options.network, compile=False)
        pictures, labels, names = read_pictures(options.folder, network.input_shape[1:])
    except (OSError, ValueError) as error:
        parser.error(str(error))
    keras.utils.set_random_seed(0)
    order = np.random.default_rng(0).permutation(len(labels))
    held_back = max(1, len(order) // 5)
    test, train = order[:held_back], order[held_back:]

    model = with_new_head(network, len(names))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures[train], labels[train], batch_size=16, epochs=options.epochs, verbose=2)
    right = np.argmax(model.predict(pictures[test], verbose=0), axis=1) == labels[test]
    print(f"{len(train)} pictures of {', '.join(names)}; {np.mean(right):.0%} of {len(test)} others right")
    model.save(options.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
