"""``keras.datasets.mnist.load_data()`` where MNIST cannot be downloaded."""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

import numpy as np

__all__ = ["read_mnist_from"]

_HINT = "fastconv: where it cannot be downloaded, --data FILE or FASTCONV_MNIST=FILE names an mnist.npz that is there"


def read_mnist_from(file: str | None) -> None:
    """Let Keras' loader read this file; without one, let its error say how a file is named."""
    module: Any = importlib.import_module("keras.src.datasets.mnist")
    stock = module.load_data

    @functools.wraps(stock)
    def load_data(path: str = "mnist.npz") -> Any:
        if file:
            with np.load(os.path.expanduser(file), allow_pickle=False) as arrays:
                train, test = ((arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test"))
                return train, test
        try:
            return stock(path)
        except Exception as error:
            error.add_note(_HINT)
            raise

    module.load_data = load_data
