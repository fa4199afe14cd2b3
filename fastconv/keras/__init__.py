"""Keras layers on fastconv's kernels, and patching that puts them in the place of Keras' own.

They are Keras' layers with another `call`: the same arguments, weights, names and configs, on Keras' backends
TensorFlow, torch, JAX and NumPy.
"""

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise ImportError("fastconv.keras needs Keras and TensorFlow: pip install 'fastconv[keras]'") from error

from . import (
    acceleration,
    activations,
    convolution,
    dense,
    depthwise,
    normalization,
    optimizers,
    patch,
    pooling,
    steps,
    transpose,
    whole_steps,
)
from .acceleration import *  # noqa: F403
from .activations import *  # noqa: F403
from .convolution import *  # noqa: F403
from .dense import *  # noqa: F403
from .depthwise import *  # noqa: F403
from .normalization import *  # noqa: F403
from .optimizers import *  # noqa: F403
from .patch import *  # noqa: F403
from .pooling import *  # noqa: F403
from .steps import *  # noqa: F403
from .transpose import *  # noqa: F403
from .whole_steps import *  # noqa: F403

__all__ = sorted(
    name
    for module in (
        acceleration,
        activations,
        convolution,
        dense,
        depthwise,
        normalization,
        optimizers,
        patch,
        pooling,
        steps,
        transpose,
        whole_steps,
    )
    for name in module.__all__
)
