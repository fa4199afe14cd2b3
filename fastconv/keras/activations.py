"""Activation layers."""

from __future__ import annotations

from typing import Any

import keras

from ..nn.rectifiers import rectifier
from . import base

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class _Elementwise(base.Fast):
    """The call of the layers that know a (name, alpha), before Keras' in the order of classes."""

    def call(self, inputs: Any) -> Any:
        return self._computed(inputs) if self._serves(inputs) else super().call(inputs)

    def _computed(self, inputs: Any) -> Any:
        return base.activate(inputs, *self.known())


@keras.saving.register_keras_serializable(package="fastconv")
class Activation(_Elementwise, keras.layers.Activation):
    """`keras.layers.Activation` on fastconv's kernels; activations that are not Keras' own run as they are.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> np.asarray(fastconv.keras.Activation("relu")(np.array([-1.0, 2.0], "float32")))
    array([0., 2.], dtype=float32)
    """

    def known(self) -> Any:
        """(name, alpha) of what the layer computes, None where the ops have no name for it."""
        return base.known_activation(self.activation)

    def call(self, inputs: Any) -> Any:
        arguments = base.relu_arguments(self.activation)
        if (self.activation is keras.activations.softmax or arguments) and self._serves(inputs):
            return base.relu(inputs, *arguments) if arguments else base.softmax(inputs)
        # Somebody's own function is no fallback.
        return super().call(inputs) if self.known() else self.activation(inputs)


@keras.saving.register_keras_serializable(package="fastconv")
class ReLU(_Elementwise, keras.layers.ReLU):
    """`keras.layers.ReLU` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> np.asarray(fastconv.keras.ReLU(negative_slope=0.5)(np.array([-1.0, 2.0], "float32")))
    array([-0.5,  2. ], dtype=float32)
    """

    def known(self) -> Any:
        """(name, alpha) of what the layer computes, None where the arguments make it none that has a name."""
        name, alpha = rectifier(self.negative_slope, self.max_value, self.threshold)
        return (name, alpha) if name else None

    def _computed(self, inputs: Any) -> Any:
        return base.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@keras.saving.register_keras_serializable(package="fastconv")
class LeakyReLU(_Elementwise, keras.layers.LeakyReLU):
    """`keras.layers.LeakyReLU` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> np.asarray(fastconv.keras.LeakyReLU(0.5)(np.array([-1.0, 2.0], "float32")))
    array([-0.5,  2. ], dtype=float32)
    """

    def known(self) -> Any:
        return "leaky_relu", float(self.negative_slope)


@keras.saving.register_keras_serializable(package="fastconv")
class PReLU(base.Fast, keras.layers.PReLU):
    """`keras.layers.PReLU` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.PReLU(alpha_initializer="ones")
    >>> np.asarray(layer(np.array([[-1.0, 2.0]], "float32")))
    array([[-1.,  2.]], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        if not self._serves(inputs):
            return super().call(inputs)
        positive, negative = (base.activate(x, "relu", 0.0) for x in (inputs, -inputs))
        return positive - keras.ops.convert_to_tensor(self.alpha) * negative


@keras.saving.register_keras_serializable(package="fastconv")
class ELU(_Elementwise, keras.layers.ELU):
    """`keras.layers.ELU` on fastconv's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> np.asarray(fastconv.keras.ELU()(np.array([0.0, 2.0], "float32")))
    array([0., 2.], dtype=float32)
    """

    def known(self) -> Any:
        return "elu", float(self.alpha)


@keras.saving.register_keras_serializable(package="fastconv")
class Softmax(base.Fast, keras.layers.Softmax):
    """`keras.layers.Softmax` on fastconv's kernels, but with a mask.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> np.asarray(fastconv.keras.Softmax()(np.zeros((1, 4), "float32")))
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        if mask is not None:
            base.fall_back(self, "no kernel for masks")
        elif self._serves(inputs):
            return base.softmax(inputs, axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis)
        return super().call(inputs, mask)
