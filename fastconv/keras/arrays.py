"""What Keras holds of arrays given to `fit`, `evaluate` and `predict`, as batches that need no data set."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = ["array_batches"]


def array_batches(adapter: Any) -> Any:
    """`ArrayBatches` of an adapter of dense arrays; ``None`` for any other, or one that shuffles within batches."""
    from keras.src.trainers.data_adapters import array_slicing
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    if type(adapter) is not ArrayDataAdapter or adapter._shuffle not in (True, False):
        return None
    import tensorflow as tf

    from ..tensorflow.array_batches import ArrayBatches

    arrays = array_slicing.convert_to_sliceable(adapter._inputs, target_backend="tensorflow")
    if not all(isinstance(leaf, (np.ndarray, tf.Tensor)) and len(leaf) for leaf in tf.nest.flatten(arrays)):
        return None
    return ArrayBatches(
        keras.tree.lists_to_tuples(arrays), adapter.batch_size, adapter._shuffle, adapter.get_tf_dataset
    )
