"""The operations of a convolutional network on NumPy arrays, in Keras' words."""

from . import (
    activations,
    convolution,
    convolution_grad,
    dense_layer,
    fused,
    pooling,
    prepared,
    rectifiers,
    softmaxes,
    transpose,
)
from .activations import *  # noqa: F403
from .convolution import *  # noqa: F403
from .convolution_grad import *  # noqa: F403
from .dense_layer import *  # noqa: F403
from .fused import *  # noqa: F403
from .pooling import *  # noqa: F403
from .prepared import *  # noqa: F403
from .rectifiers import *  # noqa: F403
from .softmaxes import *  # noqa: F403
from .transpose import *  # noqa: F403

__all__ = [
    *activations.__all__,
    *convolution.__all__,
    *convolution_grad.__all__,
    *dense_layer.__all__,
    *fused.__all__,
    *pooling.__all__,
    *prepared.__all__,
    *rectifiers.__all__,
    *softmaxes.__all__,
    *transpose.__all__,
]
