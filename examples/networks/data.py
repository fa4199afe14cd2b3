"""MNIST for the networks here: the file to read, its images and labels, and the options that the scripts share."""

from __future__ import annotations

import argparse
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

SHIPPED = Path(__file__).resolve().parents[1] / "mnist_small.npz"
NAMES = ("x_train", "y_train", "x_test", "y_test")


class DataError(Exception):
    """The data file is missing or is not MNIST; the message is for the user."""


def find_data(given: str | None = None) -> Path:
    """The file to train on: the one given, FASTCONV_MNIST, Keras' own copy, or the few thousand images shipped here."""
    if given or os.environ.get("FASTCONV_MNIST"):
        return Path(given or os.environ["FASTCONV_MNIST"]).expanduser()
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    cached = home / "datasets" / "mnist.npz"
    return cached if cached.is_file() else SHIPPED


def load(path: Path) -> dict[str, np.ndarray]:
    """Images as float32 (n, 28, 28, 1) in 0..1 and labels as integers, from a file like Keras' mnist.npz."""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with file:
            missing = [name for name in NAMES if name not in file.files]
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file.files) or 'nothing'}")
            data = {name: file[name] for name in NAMES}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give --data a file like Keras' mnist.npz") from None
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as an .npz file of arrays: {error}") from None
    for part in ("train", "test"):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        if x.ndim != 3 or x.shape[1:] != (28, 28) or x.dtype != np.uint8 or not len(x):
            raise DataError(f"x_{part} of {path} must be uint8 images of shape (n, 28, 28); found {x.dtype} {x.shape}")
        if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
            raise DataError(f"y_{part} of {path} must be {len(x)} integers from 0 to 9; found {y.dtype} {y.shape}")
        data[f"x_{part}"] = x[..., None].astype(np.float32) / 255
        data[f"y_{part}"] = y.astype(np.int64)
    return data


def options(description: str, epochs: int, **flags: str) -> argparse.Namespace:
    """The command line of a script: --epochs, --images, --data, and switches of its own with their help."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=epochs, help="(default: %(default)s)")
    parser.add_argument("--images", type=int, help="train on the first so many only")
    parser.add_argument(
        "--data",
        metavar="MNIST.NPZ",
        help="default: FASTCONV_MNIST, Keras' cached copy, or the 6000 images shipped with the examples",
    )
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser.parse_args()


def load_mnist(data: str | None = None, images: int | None = None):
    """(x_train, y_train), (x_test, y_test) like keras.datasets.mnist.load_data(): images as float32 (n, 28, 28, 1)."""
    try:
        found = load(find_data(data))
    except DataError as error:
        sys.exit(str(error))
    x_train, y_train, x_test, y_test = (found[name] for name in NAMES)
    return (x_train[:images], y_train[:images]), (x_test, y_test)
