"""fastconv's operations as TensorFlow ops: in eager mode, in `tf.function`, in saved models, with gradients."""
from . import gradients as _gradients  # noqa: F401
from .ops import activation, avg_pool2d, conv2d, max_pool2d, softmax

__all__ = ["activation", "avg_pool2d", "conv2d", "max_pool2d", "softmax"]
