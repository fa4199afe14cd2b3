"""fastconv's operations on torch tensors: with autograd, in `torch.compile`, under autocast and `torch.func`."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("fastconv.torch needs PyTorch: pip install 'fastconv[torch]'") from error

from . import nn
from ._arguments import refusal
from .acceleration import accelerate, refresh, report, restore
from .activations import activation, relu, softmax
from .exported import from_torch
from .normalized import conv2d_added, conv2d_normalized
from .ops import avg_pool2d, conv2d, conv2d_pool2d, conv2d_transpose, dense, max_pool2d

__all__ = [
    "accelerate",
    "activation",
    "avg_pool2d",
    "conv2d",
    "conv2d_added",
    "conv2d_normalized",
    "conv2d_pool2d",
    "conv2d_transpose",
    "dense",
    "from_torch",
    "max_pool2d",
    "nn",
    "refresh",
    "refusal",
    "relu",
    "report",
    "restore",
    "softmax",
]
