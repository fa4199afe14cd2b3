"""Which numbers dropout drops, as Keras' own layers draw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..network import Node
from . import _ops

__all__ = ["LayersMasks"]


class LayersMasks:
    """Masks that the backend draws from the seeds of layers, which count on as in Keras' own steps.

    Parameters
    ----------
    layers : dict of str to keras.layers.Layer
        By their names.
    """

    def __init__(self, layers: dict[Any, Any]) -> None:
        self._layers = layers
        self._draws: dict[Any, Callable[..., Any]] = {}  # by layers' names and shapes

    def are_drawn(self, node: Node) -> bool:
        """Whether a step draws numbers for a node."""
        return node.op == "Dropout" and bool(node.attributes["rate"])

    def generator(self, node: Node) -> Any:
        """What a node's numbers are drawn from."""
        return self._layers[node.name.rpartition("/")[2]].seed_generator

    def draw(self, node: Node, dropped: np.ndarray) -> None:
        """Write which numbers a Dropout node drops."""
        key = node.name.rpartition("/")[2], dropped.shape
        if key not in self._draws:
            self._draws[key] = _DRAWS.get(_ops.BACKEND, _drawn)(self._layers[key[0]], dropped.shape)
        dropped[...] = self._draws[key]()


def _drawn(layer: Any, shape: tuple[int, ...]) -> Callable[..., Any]:
    """What draws a layer's next mask by the backend's own dropout."""
    ones = keras.ops.ones(shape, "float32")

    def draw() -> Any:
        return keras.ops.convert_to_numpy(keras.random.dropout(ones, layer.rate, seed=layer.seed_generator)) == 0

    return draw


def _drawn_on_tensorflow(layer: Any, shape: tuple[int, ...]) -> Callable[..., Any]:
    import tensorflow as tf

    @tf.function(autograph=False)
    def draw() -> Any:
        return keras.random.dropout(tf.ones(shape), layer.rate, seed=layer.seed_generator) == 0

    return lambda: np.asarray(memoryview(draw()))


def _drawn_on_numpy(layer: Any, shape: tuple[int, ...]) -> Callable[..., Any]:
    def draw() -> Any:
        generator = np.random.default_rng(np.asarray(layer.seed_generator.next()))
        return ~(generator.uniform(size=shape) < 1 - layer.rate)

    return draw


_DRAWS = {"numpy": _drawn_on_numpy, "tensorflow": _drawn_on_tensorflow}
