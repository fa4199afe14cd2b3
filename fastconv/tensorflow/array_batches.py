"""Batches of whole arrays in memory, cut out where they are used instead of passing through a data set."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["ArrayBatches", "ArrayPass", "cut_batch"]


class ArrayBatches:
    """Arrays of the same first axis, of which every iteration gives a pass in batches of `size` rows.

    Parameters
    ----------
    arrays : array_like or structure of them
        NumPy arrays and dense tensors, each of shape (n, ...).
    size : int
        Rows of a batch; the last one may have fewer.
    shuffled : bool
        Whether each pass takes the rows in an order of its own, the one that Keras' data set of arrays draws.
    make_dataset : callable
        Gives a `tf.data.Dataset` of the same batches, for what needs one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.tensorflow.array_batches import ArrayBatches
    >>> batches = ArrayBatches((np.zeros((5, 3)), np.zeros(5)), 2, False, None)
    >>> [x.shape[0] for x, y in batches]
    [2, 2, 1]
    """

    def __init__(self, arrays: Any, size: int, shuffled: bool, make_dataset: Callable[..., Any] | None) -> None:
        with tf.device("CPU"):
            self.arrays = tf.nest.map_structure(tf.convert_to_tensor, arrays)
        self.size = size
        self.make_dataset: Any = make_dataset
        rows = int(tf.nest.flatten(self.arrays)[0].shape[0])
        self.count = -(-rows // size)
        self._orders = _orders(rows) if shuffled else None
        held = None if rows % size else size
        self.element_spec = tf.nest.map_structure(lambda x: tf.TensorSpec([held, *x.shape[1:]], x.dtype), self.arrays)

    def __iter__(self) -> ArrayPass:
        return ArrayPass(self)

    def draw(self) -> tuple[Any, ...]:
        """The arrays, and a new order of their rows where there is one."""
        return (self.arrays,) if self._orders is None else (self.arrays, next(iter(self._orders)))


class ArrayPass:
    """One pass over `ArrayBatches`; its rows' order is drawn when it is first needed."""

    def __init__(self, batches: ArrayBatches) -> None:
        self.size, self.element_spec = batches.size, batches.element_spec
        self._batches, self._taken = batches, 0
        self._iterator: Any = None

    @functools.cached_property
    def sources(self) -> tuple[Any, ...]:
        return self._batches.draw()

    def __iter__(self) -> ArrayPass:
        return self

    def __next__(self) -> Any:
        number, count = self.take(1)
        if not count:
            raise StopIteration
        return cut_batch(self.sources, self.size, number, self.element_spec)

    def take(self, count: int) -> tuple[int, int]:
        """The number of the next batch, and how many of the `count` wanted from there on there are."""
        first = self._taken
        self._taken = min(first + count, self._batches.count)
        return first, self._taken - first

    def of_dataset(self) -> Any:
        """TensorFlow's iterator of the same batches, always the same one."""
        if self._iterator is None:
            self._iterator = iter(self._batches.make_dataset())
        return self._iterator


def cut_batch(sources: tuple[Any, ...], size: int | tf.Tensor, number: int | tf.Tensor, spec: Any) -> Any:
    """Batch `number`, as `spec` says, of arrays or of ``(arrays, order)``."""
    arrays, *order = sources
    rows = tf.shape(tf.nest.flatten(arrays)[0], tf.int64)[0]
    start = tf.cast(number, tf.int64) * tf.cast(size, tf.int64)
    end = tf.minimum(start + tf.cast(size, tf.int64), rows)

    def cut(x: Any, spec: Any) -> Any:
        batch = tf.gather(x, order[0][start:end]) if order else x[start:end]
        return tf.ensure_shape(batch, spec.shape)

    return tf.nest.map_structure(cut, arrays, spec)


def _orders(rows: int) -> tf.data.Dataset:
    # Drawn as Keras draws it, in a data set's function: the same seed then gives the same order.
    def permutation(_: Any) -> Any:
        return tf.random.shuffle(tf.range(rows, dtype=tf.int64))

    return tf.data.Dataset.range(1).map(permutation)
