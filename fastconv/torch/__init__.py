"""fastconv's operations on torch tensors: with autograd, in `torch.compile`, under autocast and `torch.func`."""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("fastconv.torch needs PyTorch: pip install 'fastconv[torch]'") from error

from ._arguments import refusal
from .activations import activation, relu, softmax
from .ops import avg_pool2d, conv2d, conv2d_pool2d, conv2d_transpose, dense, max_pool2d

__all__ = [
    "activation",
    "avg_pool2d",
    "conv2d",
    "conv2d_pool2d",
    "conv2d_transpose",
    "dense",
    "max_pool2d",
    "refusal",
    "relu",
    "softmax",
]
