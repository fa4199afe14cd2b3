"""Stock Keras layers on TensorFlow: compiled as by default, and without XLA."""
from __future__ import annotations

import keras
import lenet

from peers import Candidate


def setup(threads):
    """TensorFlow's thread count is in the environment."""


def candidate(problem, variant):
    options = {"jit_compile": False} if variant == "nojit" else {}
    return Candidate(*lenet.runs(lenet.build(keras.layers, **options), problem))
