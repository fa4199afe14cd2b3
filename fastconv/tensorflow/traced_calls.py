"""Calls of a `tf.function` on one array, of a shape that it has seen, at a third of what the usual way to it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from .threads import eager_context

__all__ = ["TracedCalls"]

_MOST = 64  # shapes of which a trace is kept
_READING = {"Placeholder", "ReadVariableOp"}


class _Trace(NamedTuple):
    concrete: Any  # kept, or TensorFlow forgets the function of this name
    name: bytes
    captured: list[tf.Tensor]
    outputs: int
    is_single: bool  # it gives one tensor, in no structure
    keeps_nothing: bool  # of what it is given

    def __call__(self, x: Any) -> Any:
        here = eager_context()
        if type(x) is np.ndarray:
            x = ops.EagerTensor(x, here.device_name, None) if self.keeps_nothing else tf.constant(x)
        outputs = here.call_function(self.name, [x, *self.captured], self.outputs)
        return outputs[0] if self.is_single else self.concrete.function_type.pack_output(outputs)


class TracedCalls:
    """``calls(x)`` is ``function(*arguments(x))``, found by the shape and the data type of `x` alone.

    TensorFlow looks at every argument anew, binds it to the function's signature, derives the key of a trace and
    gathers the options of a call: 0.2 ms, and five times that where a network's weights have displaced Python's own
    data from the caches. An array is copied first only if the function may keep it, in a variable or a queue; what
    comes out may be the array itself.

    Parameters
    ----------
    function : tf.function
        Of any structure that holds one tensor.
    arguments : callable
        Puts the tensor into that structure.

    Examples
    --------
    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from fastconv.tensorflow.traced_calls import TracedCalls
    >>> calls = TracedCalls(tf.function(lambda pair: {"sum": pair[0] + 1}), lambda x: ([x],))
    >>> [calls(np.array([1, 2]))["sum"].numpy() for _ in range(2)]
    [array([2, 3]), array([2, 3])]
    """

    def __init__(self, function: Callable[..., Any], arguments: Callable[[Any], tuple[Any, ...]]) -> None:
        self._function, self._arguments = function, arguments
        self._traces: dict[tuple[Any, ...], _Trace | None] = {}

    def __call__(self, x: Any) -> Any:
        signature = _signature(x)
        if signature is None or not _is_plain():
            return self._function(*self._arguments(x))
        trace = self._traces.get(signature)
        if trace is None:
            outputs = self._function(*self._arguments(x))
            if signature not in self._traces and len(self._traces) < _MOST:
                self._traces[signature] = _trace(self._function, self._arguments(x), x)
            return outputs
        try:
            return trace(x)
        except tf.errors.OpError:
            return self._function(*self._arguments(x))  # says in which layer it went wrong


def _signature(x: Any) -> tuple[Any, ...] | None:
    return (type(x), x.shape, x.dtype) if type(x) is np.ndarray or isinstance(x, tf.Tensor) else None


def _is_plain() -> bool:
    """Whether a trace depends on its arguments alone."""
    return (
        tf.executing_eagerly()
        and not tf.config.functions_run_eagerly()
        and not ops.get_default_graph()._distribution_strategy_stack
    )


def _trace(function: Any, arguments: tuple[Any, ...], x: Any) -> _Trace | None:
    """What is called for these arguments; ``None`` if it takes anything but one tensor or gives what is no number."""
    concrete = function.get_concrete_function(*arguments)
    captured = list(concrete.captured_inputs)
    kind = concrete.function_type
    given = tf.constant(x)
    taken = concrete.inputs[: len(concrete.inputs) - len(captured)]
    if len(taken) != 1 or taken[0].dtype != given.dtype or not taken[0].shape.is_compatible_with(given.shape):
        return None
    if not kind.flat_outputs or any(spec.dtype in (tf.resource, tf.variant) for spec in kind.flat_outputs):
        return None
    if concrete.graph.deferred_external_captures:  # asked for at every call
        return None
    keeps_nothing = all(op.type in _READING or not op.op_def.is_stateful for op in concrete.graph.get_operations())
    is_single = isinstance(concrete.structured_outputs, tf.TensorSpec | tf.Tensor)
    return _Trace(concrete, concrete.name, captured, len(kind.flat_outputs), is_single, keeps_nothing)
