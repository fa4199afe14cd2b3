"""Many steps, each on a batch of an iterator or of arrays, as one function."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .array_batches import ArrayPass, cut_batch

__all__ = ["StepLoop"]

_INPUTS = tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec


class StepLoop:
    """``loop(iterator, count)`` runs a step on each of the next `count` batches, or on those that are left.

    Parameters
    ----------
    step : callable
        Of one batch; gives tensors in any structure.
    jit_compile : bool
        Whether XLA compiles the step.
    join : bool
        Whether the loop gives what all steps give, joined along the first axis; else what the last one gives.

    Raises
    ------
    StopIteration
        If the iterator has no batch left.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from fastconv.tensorflow.step_loop import StepLoop
    >>> batches = iter(tf.data.Dataset.range(7).batch(2))
    >>> loop = StepLoop(lambda batch: batch + 10, jit_compile=False, join=True)
    >>> loop.can_run(batches)
    True
    >>> loop(batches, 3).numpy()
    array([10, 11, 12, 13, 14, 15])
    """

    def __init__(self, step: Callable, jit_compile: bool, join: bool):
        # Keras has steps traced as they stand, without autograph.
        plain = tf.autograph.experimental.do_not_convert(lambda batch: step(batch))
        self._step = tf.function(plain, reduce_retracing=True, jit_compile=jit_compile)
        self._run = tf.function(self._steps, reduce_retracing=True, autograph=False)
        self._collector = _Joined if join else _Last
        self._known: dict[str, bool] = {}
        self._on_arrays: dict[tuple[str, int], Callable] = {}

    def can_run(self, iterator) -> bool:
        """Whether the step takes and gives what a loop can hold."""
        spec = iterator.element_spec
        key = str(spec)
        if key not in self._known:
            self._known[key] = all(isinstance(leaf, _INPUTS) for leaf in tf.nest.flatten(spec)) and all(
                isinstance(leaf, tf.Tensor) and self._collector.takes(leaf.shape)
                for leaf in tf.nest.flatten(self._outputs(spec)))
        return self._known[key]

    def __call__(self, iterator, count: int):
        if isinstance(iterator, ArrayPass):
            return self._run_on_arrays(iterator, count)
        done, outputs = self._run(iterator, tf.constant(count))
        if not int(done):
            raise StopIteration
        return outputs

    def _run_on_arrays(self, batches: ArrayPass, count: int):
        first, count = batches.take(count)
        if not count:
            raise StopIteration
        key = str(batches.element_spec), len(batches.sources)
        if key not in self._on_arrays:
            self._on_arrays[key] = self._loop_on_arrays(batches)
        return self._on_arrays[key](*map(tf.constant, (first, count, batches.size)), *batches.sources)

    def _outputs(self, spec) -> Any:
        return self._step.get_concrete_function(spec).structured_outputs

    def _steps(self, iterator, count):
        spec = iterator.element_spec
        collector = self._collector(self._outputs(spec))

        def is_due(done, batch, _):
            return (done < count) & batch.has_value()

        def run(done, batch, collected):
            collected = collector.add(collected, done, self._step(batch.get_value()))
            done += 1
            batch = tf.cond(done < count, iterator.get_next_as_optional, lambda: tf.experimental.Optional.empty(spec))
            return done, batch, collected

        done, _, collected = tf.while_loop(
            is_due, run, (tf.constant(0), iterator.get_next_as_optional(), collector.start()), parallel_iterations=1)
        return done, collector.result(collected)

    def _loop_on_arrays(self, batches: ArrayPass) -> Callable:
        """The loop for arrays of any length."""
        spec = batches.element_spec
        collector = self._collector(self._outputs(spec))

        def steps(first, count, size, *sources):
            def run(done, collected):
                batch = cut_batch(sources, size, first + done, spec)
                return done + 1, collector.add(collected, done, self._step(batch))

            _, collected = tf.while_loop(
                lambda done, _: done < count, run, (tf.constant(0), collector.start()), parallel_iterations=1)
            return collector.result(collected)

        whole = tf.nest.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), batches.sources)
        return tf.function(steps, input_signature=[tf.TensorSpec([], tf.int32)] * 3 + list(whole), autograph=False)


class _Last:
    """What the last step gives."""

    def __init__(self, outputs):
        self._outputs = outputs

    @staticmethod
    def takes(shape) -> bool:
        return shape.is_fully_defined()

    def start(self):
        return tf.nest.map_structure(lambda leaf: tf.zeros(leaf.shape, leaf.dtype), self._outputs)

    def add(self, collected, index, outputs):
        return outputs

    def result(self, collected):
        return collected


class _Joined:
    """What all steps give, one after the other along the first axis."""

    def __init__(self, outputs):
        self._outputs = outputs

    @staticmethod
    def takes(shape) -> bool:
        return bool(shape.rank) and shape[1:].is_fully_defined()

    def start(self):
        return [tf.TensorArray(leaf.dtype, size=0, dynamic_size=True, infer_shape=False, element_shape=leaf.shape)
                for leaf in tf.nest.flatten(self._outputs)]

    def add(self, collected, index, outputs):
        return [array.write(index, leaf) for array, leaf in zip(collected, tf.nest.flatten(outputs), strict=True)]

    def result(self, collected):
        return tf.nest.pack_sequence_as(self._outputs, [array.concat() for array in collected])
