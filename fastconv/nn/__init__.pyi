"""What checkers of types know of `fastconv.nn`; python_tests/test_types.py holds it to the functions."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

# The dtype of an array of floats is kept; that of bfloat16, of which NumPy knows nothing, is Any's.
_F = TypeVar("_F", bound=np.inexact[Any])
_Array: TypeAlias = NDArray[Any]
_Bytes: TypeAlias = NDArray[np.int8] | NDArray[np.uint8]
_Ints: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Padding: TypeAlias = (
    Literal["valid", "same", "VALID", "SAME"]
    | SupportsIndex
    | Sequence[SupportsIndex]
    | Sequence[Sequence[SupportsIndex]]
)
_Layout: TypeAlias = Literal["channels_last", "channels_first"]
_Axis: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Gradient: TypeAlias = Literal["dx", "dkernel", "dbias"]
_Activation: TypeAlias = Literal[
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "exponential",
    "softplus",
    "softsign",
    "silu",
    "swish",
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "mish",
]

__all__ = [
    "Conv2DGrads",
    "DenseGrads",
    "avg_pool2d",
    "avg_pool2d_grad",
    "conv2d",
    "conv2d_bias_grad",
    "conv2d_grads",
    "conv2d_input_grad",
    "conv2d_kernel_grad",
    "conv2d_pool2d",
    "conv2d_transpose",
    "dense",
    "dense_grads",
    "elu",
    "elu_grad",
    "exponential",
    "exponential_grad",
    "gelu",
    "gelu_grad",
    "hard_sigmoid",
    "hard_sigmoid_grad",
    "hard_silu",
    "hard_silu_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "mish",
    "mish_grad",
    "plan_conv2d",
    "prepare_conv2d",
    "relu",
    "relu6",
    "relu6_grad",
    "relu_grad",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
    "tanh",
    "tanh_grad",
]

@overload
def exponential(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def exponential(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def exponential_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def exponential_grad(
    x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None
) -> _Array: ...
@overload
def hard_sigmoid(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def hard_sigmoid(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def hard_sigmoid_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def hard_sigmoid_grad(
    x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None
) -> _Array: ...
@overload
def hard_silu(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def hard_silu(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def hard_silu_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def hard_silu_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def mish(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def mish(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def mish_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def mish_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def relu6(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def relu6(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def relu6_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def relu6_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def selu(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def selu(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def selu_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def selu_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def sigmoid(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def sigmoid(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def sigmoid_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def sigmoid_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def silu(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def silu(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def silu_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def silu_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def softplus(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def softplus(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def softplus_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def softplus_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def softsign(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def softsign(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def softsign_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def softsign_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def tanh(x: NDArray[_F], *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def tanh(x: ArrayLike, *, out: _Array | None = None) -> _Array: ...
@overload
def tanh_grad(
    x: NDArray[_F], dy: NDArray[_F], *, y: NDArray[_F] | None = None, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def tanh_grad(x: ArrayLike, dy: ArrayLike, *, y: ArrayLike | None = None, out: _Array | None = None) -> _Array: ...
@overload
def leaky_relu(
    x: NDArray[_F], negative_slope: SupportsFloat = 0.2, *, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def leaky_relu(x: ArrayLike, negative_slope: SupportsFloat = 0.2, *, out: _Array | None = None) -> _Array: ...
@overload
def leaky_relu_grad(
    x: NDArray[_F], dy: NDArray[_F], negative_slope: SupportsFloat = 0.2, *, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def leaky_relu_grad(
    x: ArrayLike, dy: ArrayLike, negative_slope: SupportsFloat = 0.2, *, out: _Array | None = None
) -> _Array: ...
@overload
def elu(x: NDArray[_F], alpha: SupportsFloat = 1.0, *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def elu(x: ArrayLike, alpha: SupportsFloat = 1.0, *, out: _Array | None = None) -> _Array: ...
@overload
def elu_grad(
    x: NDArray[_F], dy: NDArray[_F], alpha: SupportsFloat = 1.0, *, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def elu_grad(x: ArrayLike, dy: ArrayLike, alpha: SupportsFloat = 1.0, *, out: _Array | None = None) -> _Array: ...
@overload
def gelu(x: NDArray[_F], approximate: bool = False, *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def gelu(x: ArrayLike, approximate: bool = False, *, out: _Array | None = None) -> _Array: ...
@overload
def gelu_grad(
    x: NDArray[_F], dy: NDArray[_F], approximate: bool = False, *, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def gelu_grad(x: ArrayLike, dy: ArrayLike, approximate: bool = False, *, out: _Array | None = None) -> _Array: ...
@overload
def relu(
    x: NDArray[_F],
    negative_slope: SupportsFloat = 0.0,
    max_value: SupportsFloat | None = None,
    threshold: SupportsFloat = 0.0,
    *,
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def relu(
    x: ArrayLike,
    negative_slope: SupportsFloat = 0.0,
    max_value: SupportsFloat | None = None,
    threshold: SupportsFloat = 0.0,
    *,
    out: _Array | None = None,
) -> _Array: ...
@overload
def relu_grad(
    x: NDArray[_F],
    dy: NDArray[_F],
    negative_slope: SupportsFloat = 0.0,
    max_value: SupportsFloat | None = None,
    threshold: SupportsFloat = 0.0,
    *,
    y: NDArray[_F] | None = None,
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def relu_grad(
    x: ArrayLike,
    dy: ArrayLike,
    negative_slope: SupportsFloat = 0.0,
    max_value: SupportsFloat | None = None,
    threshold: SupportsFloat = 0.0,
    *,
    y: ArrayLike | None = None,
    out: _Array | None = None,
) -> _Array: ...
@overload
def softmax(x: NDArray[_F], axis: _Axis = -1, *, out: NDArray[_F] | None = None) -> NDArray[_F]: ...
@overload
def softmax(x: ArrayLike, axis: _Axis = -1, *, out: _Array | None = None) -> _Array: ...
@overload
def softmax_grad(
    y: NDArray[_F], dy: NDArray[_F], axis: _Axis = -1, *, out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def softmax_grad(y: ArrayLike, dy: ArrayLike, axis: _Axis = -1, *, out: _Array | None = None) -> _Array: ...
@overload
def conv2d(
    x: NDArray[_F],
    kernel: NDArray[_F],
    bias: NDArray[_F] | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def conv2d(
    x: _Bytes,
    kernel: _Bytes,
    bias: NDArray[np.int32] | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: NDArray[np.int32] | None = None,
) -> NDArray[np.int32]: ...
@overload
def conv2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: _Array | None = None,
) -> _Array: ...
@overload
def conv2d_pool2d(
    x: NDArray[_F],
    kernel: NDArray[_F],
    bias: NDArray[_F] | None = None,
    *,
    pool: Literal["max", "avg"] = "max",
    pool_size: _Ints = 2,
    pool_strides: _Ints | None = None,
    pool_padding: _Padding = "valid",
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def conv2d_pool2d(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    pool: Literal["max", "avg"] = "max",
    pool_size: _Ints = 2,
    pool_strides: _Ints | None = None,
    pool_padding: _Padding = "valid",
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    out: _Array | None = None,
) -> _Array: ...
@overload
def conv2d_transpose(
    x: NDArray[_F],
    kernel: NDArray[_F],
    bias: NDArray[_F] | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    output_padding: _Ints | None = None,
    dilation_rate: _Ints = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def conv2d_transpose(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    output_padding: _Ints | None = None,
    dilation_rate: _Ints = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    out: _Array | None = None,
) -> _Array: ...
@overload
def dense(
    x: NDArray[_F],
    kernel: NDArray[_F],
    bias: NDArray[_F] | None = None,
    *,
    activation: _Activation | None = None,
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def dense(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: _Activation | None = None,
    out: _Array | None = None,
) -> _Array: ...
@overload
def conv2d_input_grad(
    dy: NDArray[_F],
    kernel: NDArray[_F],
    x_shape: Sequence[SupportsIndex],
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def conv2d_input_grad(
    dy: ArrayLike,
    kernel: ArrayLike,
    x_shape: Sequence[SupportsIndex],
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: _Array | None = None,
) -> _Array: ...
@overload
def conv2d_kernel_grad(
    x: NDArray[_F],
    dy: NDArray[_F],
    kernel_shape: Sequence[SupportsIndex],
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def conv2d_kernel_grad(
    x: ArrayLike,
    dy: ArrayLike,
    kernel_shape: Sequence[SupportsIndex],
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
    out: _Array | None = None,
) -> _Array: ...
@overload
def conv2d_bias_grad(
    dy: NDArray[_F], *, data_format: _Layout = "channels_last", out: NDArray[_F] | None = None
) -> NDArray[_F]: ...
@overload
def conv2d_bias_grad(dy: ArrayLike, *, data_format: _Layout = "channels_last", out: _Array | None = None) -> _Array: ...

class Conv2DGrads(NamedTuple):
    dx: _Array | None
    dkernel: _Array | None
    dbias: _Array | None

class DenseGrads(NamedTuple):
    dx: _Array | None
    dkernel: _Array | None
    dbias: _Array | None

def conv2d_grads(
    x: ArrayLike,
    kernel: ArrayLike,
    y: ArrayLike | None,
    dy: ArrayLike,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    wanted: Iterable[_Gradient] = ("dx", "dkernel", "dbias"),
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
) -> Conv2DGrads: ...
def dense_grads(
    x: ArrayLike,
    kernel: ArrayLike,
    y: ArrayLike | None,
    dy: ArrayLike,
    *,
    activation: _Activation | None = None,
    wanted: Iterable[_Gradient] = ("dx", "dkernel", "dbias"),
) -> DenseGrads: ...
@overload
def max_pool2d(
    x: NDArray[_F],
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def max_pool2d(
    x: ArrayLike,
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: _Array | None = None,
) -> _Array: ...
@overload
def avg_pool2d(
    x: NDArray[_F],
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def avg_pool2d(
    x: ArrayLike,
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: _Array | None = None,
) -> _Array: ...
@overload
def max_pool2d_grad(
    x: NDArray[_F],
    dy: NDArray[_F],
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    ties: Literal["first", "all"] = "first",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def max_pool2d_grad(
    x: ArrayLike,
    dy: ArrayLike,
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    ties: Literal["first", "all"] = "first",
    out: _Array | None = None,
) -> _Array: ...
@overload
def avg_pool2d_grad(
    dy: NDArray[_F],
    x_shape: Sequence[SupportsIndex],
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: NDArray[_F] | None = None,
) -> NDArray[_F]: ...
@overload
def avg_pool2d_grad(
    dy: ArrayLike,
    x_shape: Sequence[SupportsIndex],
    pool_size: _Ints = 2,
    *,
    strides: _Ints | None = None,
    padding: _Padding = "valid",
    data_format: _Layout = "channels_last",
    out: _Array | None = None,
) -> _Array: ...

class PreparedConv2D:
    @overload
    def __call__(self, x: NDArray[_F], out: NDArray[_F] | None = None) -> NDArray[_F]: ...
    @overload
    def __call__(self, x: ArrayLike, out: _Array | None = None) -> _Array: ...

def prepare_conv2d(
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
    kernel_format: Literal["HWIO", "OIHW"] = "HWIO",
) -> PreparedConv2D: ...
def plan_conv2d(
    x_shape: Sequence[SupportsIndex],
    kernel_shape: Sequence[SupportsIndex],
    *,
    dtype: DTypeLike = "float32",
    strides: _Ints = 1,
    padding: _Padding = "valid",
    dilation_rate: _Ints = 1,
    groups: SupportsIndex = 1,
    data_format: _Layout = "channels_last",
    activation: _Activation | None = None,
    algorithm: str = "auto",
) -> dict[str, Any]: ...
