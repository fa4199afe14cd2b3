"""Loads the handlers, introduces them to the C core and registers them with XLA."""

from __future__ import annotations

import ctypes
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from .. import _core

try:
    import jax
    import jax.ffi
except ImportError as error:
    raise ImportError("fastconv.jax needs JAX: pip install 'fastconv[jax]'") from error

_HANDLERS = (
    "conv2d",
    "conv2d_input_grad",
    "conv2d_kernel_grad",
    "conv2d_grads",
    "dense",
    "dense_grads",
    "pool2d",
    "pool2d_grad",
    "max_pool2d_grad_grad",
    "activation",
    "activation_grad",
    "relu",
    "relu_grad",
    "softmax",
    "softmax_grad",
)


def _library_path() -> Path:
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_ffi{suffix}")
        if path.exists():
            return path
    raise ImportError(f"fastconv was built without its JAX handlers: no _ffi library in {Path(__file__).parent}")


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_library_path()))
    connect = library.fastconv_jax_connect
    connect.argtypes = [ctypes.c_void_p]
    connect.restype = ctypes.c_char_p
    problem = connect(_core.api_address())
    if problem:
        raise ImportError(f"fastconv's JAX handlers cannot be used with JAX {jax.__version__}: {problem.decode()}")
    for name in _HANDLERS:
        handler = jax.ffi.pycapsule(getattr(library, f"fastconv_jax_{name}"))
        jax.ffi.register_ffi_target(f"fastconv_{name}", handler, platform="cpu")
    return library


library = _load()
