"""Fast 2-D convolution, pooling and activations on the CPU, with SciPy's and Keras' calls.

Importing fastconv loads NumPy and the C core, nothing heavier. ``fastconv.keras`` brings in Keras, and so do
``fastconv.accelerate``, ``restore``, ``patched``, ``patch_keras`` and ``unpatch_keras``, which are its functions.
``fastconv.load`` and ``from_keras`` are those of ``fastconv.network``, which needs neither; ``from_torch`` is that of
``fastconv.torch``; ``patch_scipy``, ``patch_cv2`` and what undoes them are those of ``fastconv.drop_in``.
"""

from __future__ import annotations

import sys
from typing import Any

from . import _core, cpu

cpu.choose_isa()

from .config import (  # noqa: E402
    get_float32_precision,
    get_include,
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
from .planning import *  # noqa: E402, F403
from .planning import __all__ as _planning_names  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "get_float32_precision",
    "get_include",
    "get_num_threads",
    "release_memory",
    "set_float32_precision",
    "set_num_threads",
    "show_config",
    "threads",
    *_image_names,
    *_nn_names,
    *_planning_names,
]

# Without OpenMP nothing else tells threadpoolctl of the threads; versions before 3.2 cannot be told.
if _core.openmp_version() == "none" and hasattr(sys.modules.get("threadpoolctl"), "register"):
    from . import threadpool  # noqa: F401

# Of fastconv.keras, which is imported when one of them is first asked for.
_KERAS_NAMES = ("accelerate", "patch_keras", "patched", "restore", "unpatch_keras")
# Of fastconv.network, likewise.
_NETWORK_NAMES = ("from_keras", "from_onnx", "load")
# Of fastconv.drop_in.
_DROP_IN_NAMES = ("patch_cv2", "patch_scipy", "unpatch_cv2", "unpatch_scipy")
# Of fastconv.torch, likewise.
_TORCH_NAMES = ("from_torch",)


def __getattr__(name: str) -> Any:
    if name in _KERAS_NAMES:
        from . import keras

        return getattr(keras, name)
    if name in _NETWORK_NAMES:
        from . import network

        return getattr(network, name)
    if name in _DROP_IN_NAMES:
        from . import drop_in

        return getattr(drop_in, name)
    if name in _TORCH_NAMES:
        from . import torch

        return getattr(torch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_KERAS_NAMES, *_NETWORK_NAMES, *_DROP_IN_NAMES, *_TORCH_NAMES})
