"""Many steps, each on a batch of an iterator or of arrays, as one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .array_batches import ArrayPass, cut_batch

__all__ = ["StepLoop"]

_INPUTS = tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec


class StepLoop:
    """``loop(iterator, count)`` runs a step on each of the next `count` batches.

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
    StopIteration, tf.errors.OutOfRangeError
        If the batches end before. A step is begun before its batch is there, as Keras begins it.

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

    def __init__(self, step: Callable[..., Any], jit_compile: bool, join: bool) -> None:
        # Keras has steps traced as they stand, without autograph.
        plain = tf.autograph.experimental.do_not_convert(lambda batch: step(batch))
        self._step = tf.function(plain, reduce_retracing=True, jit_compile=jit_compile)
        self._run = tf.function(self._steps, reduce_retracing=True, autograph=False)
        self._collector = _Joined if join else _Last
        self._known: dict[str, bool] = {}
        self._on_arrays: dict[str, list[tuple[Any, Callable[..., Any]]]] = {}

    def can_run(self, iterator: Any) -> bool:
        """Whether the step takes and gives what a loop can hold."""
        spec = iterator.element_spec
        key = str(spec)
        if key not in self._known:
            self._known[key] = all(isinstance(leaf, _INPUTS) for leaf in tf.nest.flatten(spec)) and all(
                isinstance(leaf, tf.Tensor) and self._collector.takes(leaf.shape)
                for leaf in tf.nest.flatten(self._outputs(spec))
            )
        return self._known[key]

    def __call__(self, iterator: Any, count: int) -> Any:
        if isinstance(iterator, ArrayPass):
            return self._run_on_arrays(iterator, count)
        return self._run(iterator, tf.constant(count))

    def _run_on_arrays(self, batches: ArrayPass, count: int) -> Any:
        first, count = batches.take(count)
        if not count:
            raise StopIteration
        return self._loop_for(batches)(*map(tf.constant, (first, count, batches.size)), *batches.sources)

    def _outputs(self, spec: Any) -> Any:
        return self._step.get_concrete_function(spec).structured_outputs

    def _steps(self, iterator: Any, count: Any) -> Any:
        return self._looped(count, lambda done: iterator.get_next(), iterator.element_spec)

    def _looped(self, count: Any, batch: Callable[..., Any], spec: Any) -> Any:
        """What `count` steps give, each on ``batch(number)``."""
        collector = self._collector(self._outputs(spec))

        def run(done: Any, collected: Any) -> Any:
            return done + 1, collector.add(collected, done, self._step(batch(done)))

        _, collected = tf.while_loop(
            lambda done, _: done < count, run, (tf.constant(0), collector.start()), parallel_iterations=1
        )
        return collector.result(collected)

    def _loop_for(self, batches: ArrayPass) -> Callable[..., Any]:
        """A loop that is there already, or one for these batches and those of the last new shape."""
        spec, has_order = batches.element_spec, len(batches.sources) > 1
        kind = tf.nest.map_structure(lambda leaf: (leaf.dtype.name, leaf.shape.rank), spec)
        known = self._on_arrays.setdefault(f"{kind}, {has_order}", [])
        for other, loop in known:
            if all(map(tf.TensorSpec.is_subtype_of, tf.nest.flatten(spec), tf.nest.flatten(other))):
                return loop
        if known:
            spec = tf.nest.map_structure(
                lambda leaf, other: leaf.most_specific_common_supertype([other]), spec, known[-1][0]
            )
        known.append((spec, self._loop_on_arrays(spec, has_order)))
        return known[-1][1]

    def _loop_on_arrays(self, spec: Any, has_order: bool) -> Callable[..., Any]:
        """The loop for arrays of any length."""

        def steps(first: Any, count: Any, size: Any, *sources: Any) -> Any:
            return self._looped(count, lambda done: cut_batch(sources, size, first + done, spec), spec)

        arrays = tf.nest.map_structure(lambda leaf: tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype), spec)
        order = [tf.TensorSpec([None], tf.int64)] if has_order else []
        result: Callable[..., Any] = tf.function(
            steps, input_signature=[*[tf.TensorSpec([], tf.int32)] * 3, arrays, *order], autograph=False
        )
        return result


class _Last:
    """What the last step gives."""

    def __init__(self, outputs: Any) -> None:
        self._outputs = outputs

    @staticmethod
    def takes(shape: Any) -> bool:
        result: bool = shape.is_fully_defined()
        return result

    def start(self) -> Any:
        return tf.nest.map_structure(lambda leaf: tf.zeros(leaf.shape, leaf.dtype), self._outputs)

    def add(self, collected: Any, index: Any, outputs: Any) -> Any:
        return outputs

    def result(self, collected: Any) -> Any:
        return collected


class _Joined:
    """What all steps give, one after the other along the first axis."""

    def __init__(self, outputs: Any) -> None:
        self._outputs = outputs

    @staticmethod
    def takes(shape: Any) -> bool:
        return bool(shape.rank) and shape[1:].is_fully_defined()

    def start(self) -> Any:
        return [
            tf.TensorArray(leaf.dtype, size=0, dynamic_size=True, infer_shape=False, element_shape=leaf.shape)
            for leaf in tf.nest.flatten(self._outputs)
        ]

    def add(self, collected: Any, index: Any, outputs: Any) -> Any:
        return [array.write(index, leaf) for array, leaf in zip(collected, tf.nest.flatten(outputs), strict=True)]

    def result(self, collected: Any) -> Any:
        return tf.nest.pack_sequence_as(self._outputs, [array.concat() for array in collected])
