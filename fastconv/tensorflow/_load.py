"""Loads the op library into TensorFlow and hands it the C core's entry points."""

from __future__ import annotations

import ctypes
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core

if TYPE_CHECKING:
    from types import ModuleType

try:
    import tensorflow as tf
except ImportError as error:
    raise ImportError("fastconv.tensorflow needs TensorFlow: pip install 'fastconv[keras]'") from error


def _library_path() -> Path:
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_ops{suffix}")
        if path.exists():
            return path
    raise ImportError(f"fastconv was built without its TensorFlow ops: no _ops library in {Path(__file__).parent}")


def _load() -> tuple[ModuleType, Any]:
    path = str(_library_path())
    ops = tf.load_op_library(path)
    library = ctypes.CDLL(path)
    connect = library.fastconv_tf_connect
    connect.argtypes = [ctypes.c_void_p]
    connect.restype = ctypes.c_char_p
    problem = connect(_core.api_address())
    if problem:
        raise ImportError(
            f"fastconv's TensorFlow ops cannot be used with TensorFlow {tf.__version__}: {problem.decode()}"
        )
    return ops, library.fastconv_tf_limit_threads


raw, limit_threads = _load()
