"""Conv2D."""
from __future__ import annotations

import keras

from ..tensorflow import ops
from . import base

__all__ = ["Conv2D"]


@keras.saving.register_keras_serializable(package="fastconv")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` on fastconv's kernels: convolution, bias and activation in one pass where possible.

    Arguments, weights, names and config are the stock layer's. Both data formats and groups run natively.
    float16, bfloat16, float32 and float64 are computed by fastconv, anything else by Keras.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.Conv2D(4, 3, activation="relu")
    >>> layer(np.zeros((1, 8, 8, 3), "float32")).shape
    TensorShape([1, 6, 6, 4])
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_jit = False

    def call(self, inputs):
        # A subclass may compute the convolution in its own way, between Keras' steps.
        if type(self).convolution_op is not Conv2D.convolution_op or not self._served(inputs, self.kernel):
            return super().call(inputs)
        fused, unfused = self._split_activation()
        bias = keras.ops.convert_to_tensor(self.bias) if self.use_bias else None
        y = self._convolve(inputs, self.kernel, bias, *fused)
        return y if unfused is None else unfused(y)

    def convolution_op(self, inputs, kernel):
        if not self._served(inputs, kernel):
            return super().convolution_op(inputs, kernel)
        return self._convolve(inputs, kernel, None, "linear", 0.0)

    def _served(self, inputs, kernel) -> bool:
        if not base.serves(self, inputs, rank=4):
            return False
        kernel = keras.ops.convert_to_tensor(kernel)
        if kernel.dtype != inputs.dtype:
            base.fall_back(self, f"the input is {inputs.dtype.name}, the kernel {kernel.dtype.name}")
            return False
        return True

    def _split_activation(self):
        """((name, alpha) to compute with the convolution, function to apply after it or None)."""
        known = base.known_activation(self.activation)
        if self.activation is None or known == ("linear", 0.0):
            return ("linear", 0.0), None
        if known is None:
            return ("linear", 0.0), self.activation
        # The gradient of a fused activation is had from the output; sigmoid's logits may be wanted by a loss.
        if known[0] != "sigmoid" and ops.has_output_gradient(*known):
            return known, None
        return ("linear", 0.0), lambda y: base.activate(y, *known)

    def _convolve(self, inputs, kernel, bias, activation, alpha):
        y = ops.conv2d(
            inputs, keras.ops.convert_to_tensor(kernel), bias, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, groups=self.groups, data_format=self.data_format, activation=activation,
            alpha=alpha)
        if 0 in y.shape and 0 not in inputs.shape:
            raise ValueError(
                f"The convolution has an empty output: input shape {inputs.shape}, output shape {y.shape}. The input "
                "is too small for this kernel size, strides, dilation rate and padding.")
        return y
