"""`predict_on_batch` of an array straight through what TensorFlow made of the model; `group_steps` puts it in place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["direct_predict_on_batch", "keep_direct"]

_DIRECT = "_fastconv_takes_an_array"  # of a model's function for predictions


def keep_direct(function: Callable[..., Any], single: Callable[..., Any]) -> None:
    """Give a model's `function` for predictions a way to `single`, Keras' own, if that one is TensorFlow's."""
    if hasattr(single, "get_concrete_function"):
        from ..tensorflow.traced_calls import TracedCalls

        setattr(function, _DIRECT, TracedCalls(single, lambda x: ([(x,)],)))


def direct_predict_on_batch(stock: Callable[..., Any]) -> Callable[..., Any]:
    """`predict_on_batch` that goes this way where there is one, and otherwise is `stock`."""
    import tensorflow as tf
    from keras.src.backend.tensorflow.trainer import convert_to_np_if_not_ragged

    @functools.wraps(stock)
    def predict_on_batch(self: Any, x: Any) -> Any:
        self.make_predict_function()
        direct = getattr(self.predict_function, _DIRECT, None)
        if direct is None:
            return stock(self, x)
        outputs = direct(x)
        if isinstance(outputs, tf.Tensor):
            return outputs.numpy()
        return keras.tree.map_structure(convert_to_np_if_not_ragged, outputs)

    return predict_on_batch
