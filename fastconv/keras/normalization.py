"""BatchNormalization in inference."""

from __future__ import annotations

from typing import Any

import keras

from . import _ops, base, chain

__all__ = ["BatchNormalization"]

_OPS: Any = keras.ops  # some have inferred results that may be None


@keras.saving.register_keras_serializable(package="fastconv")
class BatchNormalization(base.Fast, keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, in inference on TensorFlow and torch on fastconv's kernels.

    Images of float32 or float64 are normalized by a depthwise convolution of single pixels, with the activation that
    follows in a graph. In training, of other inputs and on other backends it computes as the stock layer does.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.BatchNormalization(epsilon=0.0)
    >>> np.asarray(layer(np.full((1, 1, 1, 2), 3.0, "float32")))
    array([[[[3., 3.]]]], dtype=float32)
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        in_training = training and self.trainable
        if in_training or mask is not None or not self._takes(inputs) or not self._serves(inputs, 4):
            return super().call(inputs, training=training, mask=mask)
        run = chain.current_run(self)
        activation, alpha = (run and run.take_activation(self)) or ("linear", 0.0)
        scale, shift = self._scale_and_shift(inputs)
        return _ops.conv2d(
            inputs,
            keras.ops.reshape(scale, (1, 1, 1, -1)),
            shift,
            groups=scale.shape[0],
            data_format="channels_first" if self.axis % 4 == 1 else "channels_last",
            activation=activation,
            alpha=alpha,
        )

    def _takes(self, x: Any) -> bool:
        """Whether x is an image of what the layer computes in, with the channels on either side of the pixels."""
        return (
            _ops.conv2d_normalized is not None
            and base.rank_of(x) == 4
            and self.axis % 4 in (1, 3)
            and 0 not in x.shape
            and keras.backend.standardize_dtype(x.dtype) == self.compute_dtype
            and self.compute_dtype in ("float32", "float64")
        )

    def _scale_and_shift(self, x: Any) -> Any:
        """Of each channel, so that the result is ``x * scale + shift``."""
        mean, variance = (_OPS.cast(moment, x.dtype) for moment in (self.moving_mean, self.moving_variance))
        scale = _OPS.rsqrt(variance + self.epsilon)
        if self.scale:
            scale = scale * _OPS.cast(self.gamma, x.dtype)
        shift = -mean * scale
        return scale, shift + _OPS.cast(self.beta, x.dtype) if self.center else shift
