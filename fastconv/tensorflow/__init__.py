"""fastconv's operations as TensorFlow ops: in eager mode, in `tf.function`, in saved models, with gradients."""

from . import threads as _threads
from .added import conv2d_added
from .dense_layer import dense
from .elementwise import activation, relu, softmax
from .normalized import conv2d_normalized
from .ops import avg_pool2d, conv2d, conv2d_pool2d, conv2d_transpose, max_pool2d, refusal
from .tapes import is_recorded

__all__ = [
    "activation",
    "avg_pool2d",
    "conv2d",
    "conv2d_added",
    "conv2d_normalized",
    "conv2d_pool2d",
    "conv2d_transpose",
    "dense",
    "is_recorded",
    "max_pool2d",
    "refusal",
    "relu",
    "softmax",
]

_threads.run_one_op_at_a_time()
_threads.take_over_intra_op_setting()
