"""Dense, which follows the convolutions of a network."""

from __future__ import annotations

from typing import Any

import keras

from . import _ops, base

__all__ = ["Dense"]


@keras.saving.register_keras_serializable(package="fastconv")
class Dense(base.Fast, keras.layers.Dense):
    """`keras.layers.Dense` on fastconv's kernels: matrix product, bias and activation in one pass where possible.

    Quantized, and where a backend has no such operation of fastconv's, it computes as the stock layer does.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.Dense(4, activation="relu")
    >>> tuple(layer(np.zeros((1, 8), "float32")).shape)
    (1, 4)
    """

    def call(self, inputs: Any, training: Any = None) -> Any:
        if _ops.dense is None:
            return super().call(inputs, training=training)
        kernel = base.weight(self.kernel, inputs)
        if not self._serves(inputs, None, kernel):
            return super().call(inputs, training=training)
        fused, unfused = base.split_activation(self.activation)
        bias = None if self.bias is None else base.weight(self.bias, inputs)
        y = _ops.dense(inputs, kernel, bias, activation=fused[0], alpha=fused[1])
        return y if unfused is None else unfused(y)
