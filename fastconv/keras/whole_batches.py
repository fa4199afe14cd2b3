"""Batches as a whole step reads them: NumPy arrays out of what Keras hands its functions on TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow as tf

from ..network.training import UntrainableError
from ..tensorflow.array_batches import ArrayPass

__all__ = ["Batch", "batches_of"]


class Batch(NamedTuple):
    """A batch; `places` are its rows of `x` where x is all samples."""

    x: Any
    y: np.ndarray
    weights: np.ndarray | None
    rows: int
    places: np.ndarray | slice | None = None


def batches_of(iterator: Any) -> Any:
    """What gives the batches of an iterator: its `spec` tells their shapes and dtypes, `take` gives the next ones.

    Where `may_end` is set, Keras begins a step before it knows whether there is a batch.
    """
    if isinstance(iterator, ArrayPass):
        return _OfArrays(iterator)
    return _OfDataset(iterator) if isinstance(iterator, tf.data.Iterator) else _OfOne(iterator)


class _OfArrays:
    """Arrays in memory, out of which batches are cut."""

    may_end = False

    def __init__(self, batches: ArrayPass) -> None:
        self._batches, self.spec = batches, batches.element_spec

    def again(self, data: Any) -> Any:
        """What Keras' function is to be called with in the place of data."""
        return data

    def take(self, count: int, dtypes: list[np.dtype]) -> Iterator[Batch]:
        """The next batches, up to so many."""
        first, count = self._batches.take(count)
        if not count:
            return
        arrays, *order = self._batches.sources
        x, y, weights = _parts(tf.nest.map_structure(_array, arrays))
        rows, size = len(y), self._batches.size
        chosen: Any = _array(order[0]) if order else None
        in_place = [leaf.dtype for leaf in tf.nest.flatten(x)] == dtypes
        for begin in range(first * size, min((first + count) * size, rows), size):
            places = slice(begin, min(begin + size, rows)) if chosen is None else chosen[begin : begin + size]
            part = x if in_place else tf.nest.map_structure(lambda leaf, places=places: leaf[places], x)
            truth = y[places]
            cut = None if weights is None else weights[places]
            yield Batch(part, truth, cut, len(truth), places if in_place else None)


class _OfDataset:
    """TensorFlow's iterator of a data set, which has the next batches made meanwhile."""

    may_end = True

    def __init__(self, iterator: Any) -> None:
        self._iterator, self.spec = iterator, iterator.element_spec

    def again(self, data: Any) -> Any:
        return data

    def take(self, count: int, dtypes: Any) -> Iterator[Batch]:
        for _ in range(count):
            data = next(self._iterator, None)
            if data is None:
                return
            yield _batch(data)


class _OfOne:
    """Batches that are arrays already, of which Keras asks for one."""

    may_end = False

    def __init__(self, iterator: Any) -> None:
        self._data = next(iterator)
        leaves = tf.nest.flatten(self._data)
        if not all(leaf is None or isinstance(leaf, (np.ndarray, tf.Tensor)) for leaf in leaves):
            self.spec = None
            return
        self.spec = tf.nest.map_structure(
            lambda leaf: None if leaf is None else tf.TensorSpec(leaf.shape, leaf.dtype), self._data
        )

    def again(self, data: Any) -> Any:
        return iter([self._data])

    def take(self, count: int, dtypes: Any) -> Iterator[Batch]:
        yield _batch(self._data)


def _batch(data: Any) -> Batch:
    x, y, weights = _parts(tf.nest.map_structure(_array, data))
    return Batch(x, y, weights, len(y))


def _parts(data: Any) -> tuple[Any, ...]:
    """(x, y, sample weights) of what an iterator gives, as Keras takes it apart."""
    data = data if isinstance(data, tuple) else (data,)
    return (*data, None, None)[:3]


def _array(tensor: Any) -> Any:
    """A tensor's numbers, where they lie."""
    return np.asarray(memoryview(cast(Any, tensor))) if isinstance(tensor, tf.Tensor) else tensor


def parts_of_spec(spec: Any) -> tuple[list[Any], Any, Any]:
    """The specs of (inputs in their order, what is true, weights).

    Raises
    ------
    UntrainableError
        If batches are no dense arrays in Keras' usual structures.
    """
    leaves = [leaf for leaf in tf.nest.flatten(spec) if leaf is not None]
    if spec is None or not all(type(leaf) is tf.TensorSpec for leaf in leaves):
        raise UntrainableError("data that are not dense arrays")
    x, y, weights = _parts(spec)
    inputs = list(x) if isinstance(x, (list, tuple)) else [x]
    single = all(isinstance(leaf, tf.TensorSpec) for leaf in (*inputs, y)) and isinstance(weights, tf.TensorSpec | None)
    if not single:
        raise UntrainableError(f"data of the structure {tf.nest.map_structure(lambda leaf: '.', spec)}")
    if any(leaf.shape.rank is None for leaf in leaves):
        raise UntrainableError("data of unknown rank")
    return inputs, y, weights
