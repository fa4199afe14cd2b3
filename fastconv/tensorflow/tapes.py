"""Whether what is computed may be differentiated."""

from __future__ import annotations

from tensorflow.python.eager import record

__all__ = ["is_recorded"]


def is_recorded() -> bool:
    """Whether a tape or an accumulator of this thread is open.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from fastconv.tensorflow.tapes import is_recorded
    >>> with tf.GradientTape():
    ...     is_recorded()
    True
    """
    result: bool = record.could_possibly_record()
    return result
