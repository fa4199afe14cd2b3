"""fastconv's operations on torch tensors: with autograd, in `torch.compile`, under autocast and `torch.func`."""
try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("fastconv.torch needs PyTorch: pip install 'fastconv[torch]'") from error

from ._arguments import refusal
from .ops import (
    activation,
    avg_pool2d,
    conv2d,
    conv2d_pool2d,
    conv2d_transpose,
    dense,
    max_pool2d,
    relu,
    softmax,
)

__all__ = ["activation", "avg_pool2d", "conv2d", "conv2d_pool2d", "conv2d_transpose", "dense", "max_pool2d", "refusal",
           "relu", "softmax"]
