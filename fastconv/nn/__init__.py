"""The operations of a convolutional network on NumPy arrays, in Keras' words."""
from . import activations, conv2d, pooling
from .activations import *  # noqa: F403
from .conv2d import *  # noqa: F403
from .pooling import *  # noqa: F403

__all__ = [*activations.__all__, *conv2d.__all__, *pooling.__all__]
