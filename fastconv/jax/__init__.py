"""fastconv's operations for JAX on the CPU: eager, jitted, mapped, and differentiable to any order in both modes."""

from ._checks import refusal
from .activations import activation, relu, softmax
from .convolution import conv2d, conv2d_transpose
from .dense_layer import dense
from .pooling import avg_pool2d, max_pool2d

__all__ = [
    "activation",
    "avg_pool2d",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "max_pool2d",
    "refusal",
    "relu",
    "softmax",
]
