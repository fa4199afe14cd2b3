# ruff: noqa: F403, F405
"""What checkers of types know of `fastconv`; python_tests/test_types.py holds it to the module."""

from contextlib import AbstractContextManager
from typing import Any

from . import cpu as cpu
from .config import get_float32_precision as get_float32_precision
from .config import get_include as get_include
from .config import get_num_threads as get_num_threads
from .config import release_memory as release_memory
from .config import set_float32_precision as set_float32_precision
from .config import set_num_threads as set_num_threads
from .config import show_config as show_config
from .config import threads as threads
from .image import *
from .network import Limits, Net
from .network.loading import from_keras as from_keras
from .network.loading import from_onnx as from_onnx
from .network.loading import load as load
from .nn import *
from .planning import *

__version__: str
__all__ = [
    "Conv2DGrads",
    "DenseGrads",
    "avg_pool2d",
    "avg_pool2d_grad",
    "box_blur",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_grads",
    "conv2d_input_grad",
    "conv2d_kernel_grad",
    "conv2d_pool2d",
    "conv2d_transpose",
    "convolve1d",
    "convolve2d",
    "correlate1d",
    "correlate2d",
    "dense",
    "dense_grads",
    "elu",
    "elu_grad",
    "exponential",
    "exponential_grad",
    "filter2d",
    "filter_bank",
    "forget_plans",
    "gaussian_blur",
    "gaussian_laplace",
    "gelu",
    "gelu_grad",
    "get_float32_precision",
    "get_include",
    "get_num_threads",
    "get_planning",
    "hard_sigmoid",
    "hard_sigmoid_grad",
    "hard_silu",
    "hard_silu_grad",
    "laplacian",
    "leaky_relu",
    "leaky_relu_grad",
    "load_plans",
    "match_template",
    "max_pool2d",
    "max_pool2d_grad",
    "mish",
    "mish_grad",
    "plan_conv2d",
    "plan_convolve2d",
    "prepare_conv2d",
    "prewitt",
    "release_memory",
    "relu",
    "relu6",
    "relu6_grad",
    "relu_grad",
    "save_plans",
    "scharr",
    "selu",
    "selu_grad",
    "sep_filter2d",
    "set_float32_precision",
    "set_num_threads",
    "set_planning",
    "sharpen",
    "show_config",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "sobel",
    "softmax",
    "softmax_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
    "tanh",
    "tanh_grad",
    "threads",
    "unsharp_mask",
]

def accelerate(model: Any) -> Any: ...
def restore(model: Any) -> Any: ...
def patch_keras() -> None: ...
def patched() -> AbstractContextManager[None]: ...
def unpatch_keras() -> None: ...
def patch_scipy() -> None: ...
def unpatch_scipy() -> None: ...
def patch_cv2() -> None: ...
def unpatch_cv2() -> None: ...
def from_torch(model: Any, example: Any, *, limits: Limits | None = None) -> Net: ...
