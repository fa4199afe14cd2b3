"""Fast 2-D convolution, pooling and activations on the CPU, with SciPy's and Keras' calls.

Importing fastconv loads NumPy and the C core, nothing heavier; ``fastconv.keras`` brings in TensorFlow.
"""
from . import cpu

cpu.choose_isa()

from .config import (  # noqa: E402
    get_float32_precision,
    get_num_threads,
    release_memory,
    set_float32_precision,
    set_num_threads,
    show_config,
    threads,
)
from .image import *  # noqa: E402, F403
from .image import __all__ as _image_names  # noqa: E402
from .nn import *  # noqa: E402, F403
from .nn import __all__ as _nn_names  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "get_float32_precision",
    "get_num_threads",
    "release_memory",
    "set_float32_precision",
    "set_num_threads",
    "show_config",
    "threads",
    *_image_names,
    *_nn_names,
]
