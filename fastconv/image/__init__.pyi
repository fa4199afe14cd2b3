"""What checkers of types know of `fastconv.image`; python_tests/test_types.py holds it to the functions."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

_T = TypeVar("_T", bound=np.generic)
_Array: TypeAlias = NDArray[Any]
_Mode: TypeAlias = Literal["full", "same", "valid"]
_BorderSynonym: TypeAlias = Literal[
    "mirror",
    "symmetric",
    "symm",
    "grid-mirror",
    "edge",
    "replicate",
    "extend",
    "periodic",
    "circular",
    "grid-wrap",
    "fill",
    "pad",
    "zeros",
    "grid-constant",
]
_Boundary: TypeAlias = Literal["fill", "wrap", "symm"] | _BorderSynonym
_Border: TypeAlias = Literal["reflect101", "reflect", "nearest", "wrap", "constant"] | _BorderSynonym | SupportsIndex
_Ints: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Floats: TypeAlias = SupportsFloat | Sequence[SupportsFloat]

__all__ = [
    "box_blur",
    "convolve1d",
    "convolve2d",
    "correlate1d",
    "correlate2d",
    "filter2d",
    "filter_bank",
    "gaussian_blur",
    "gaussian_laplace",
    "laplacian",
    "match_template",
    "plan_convolve2d",
    "prewitt",
    "scharr",
    "sep_filter2d",
    "sharpen",
    "sobel",
    "unsharp_mask",
]

@overload
def convolve2d(
    in1: NDArray[_T],
    in2: NDArray[_T],
    mode: _Mode = "full",
    boundary: _Boundary = "fill",
    fillvalue: ArrayLike = 0,
    *,
    axes: Sequence[SupportsIndex] | None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: _Mode = "full",
    boundary: _Boundary = "fill",
    fillvalue: ArrayLike = 0,
    *,
    axes: Sequence[SupportsIndex] | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def correlate2d(
    in1: NDArray[_T],
    in2: NDArray[_T],
    mode: _Mode = "full",
    boundary: _Boundary = "fill",
    fillvalue: ArrayLike = 0,
    *,
    axes: Sequence[SupportsIndex] | None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: _Mode = "full",
    boundary: _Boundary = "fill",
    fillvalue: ArrayLike = 0,
    *,
    axes: Sequence[SupportsIndex] | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def filter2d(
    image: NDArray[_T],
    kernel: ArrayLike,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    anchor: Sequence[SupportsIndex] | None = None,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: None = None,
    delta: complex = 0,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def filter2d(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    anchor: Sequence[SupportsIndex] | None = None,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def filter_bank(
    images: ArrayLike,
    kernels: ArrayLike,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def gaussian_blur(
    image: NDArray[_T],
    sigma: _Floats | None,
    *,
    truncate: SupportsFloat = 4.0,
    ksize: _Ints | None = None,
    radius: _Ints | None = None,
    order: Literal[0] = 0,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def gaussian_blur(
    image: ArrayLike,
    sigma: _Floats | None,
    *,
    truncate: SupportsFloat = 4.0,
    ksize: _Ints | None = None,
    radius: _Ints | None = None,
    order: _Ints = 0,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def box_blur(
    image: NDArray[_T],
    size: _Ints,
    *,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def box_blur(
    image: ArrayLike,
    size: _Ints,
    *,
    mask: ArrayLike | None = None,
    nan: Literal["propagate", "ignore"] = "propagate",
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def sharpen(
    image: NDArray[_T],
    amount: SupportsFloat = 1.0,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def sharpen(
    image: ArrayLike,
    amount: SupportsFloat = 1.0,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
@overload
def unsharp_mask(
    image: NDArray[_T],
    sigma: _Floats | None,
    amount: SupportsFloat = 1.0,
    threshold: SupportsFloat = 0,
    *,
    truncate: SupportsFloat = 4.0,
    ksize: _Ints | None = None,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: None = None,
    out: NDArray[_T] | None = None,
    algorithm: str = "auto",
) -> NDArray[_T]: ...
@overload
def unsharp_mask(
    image: ArrayLike,
    sigma: _Floats | None,
    amount: SupportsFloat = 1.0,
    threshold: SupportsFloat = 0,
    *,
    truncate: SupportsFloat = 4.0,
    ksize: _Ints | None = None,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def sobel(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    ksize: SupportsIndex = 3,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def scharr(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def prewitt(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def laplacian(
    image: ArrayLike,
    *,
    diagonals: bool = False,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def gaussian_laplace(
    image: ArrayLike,
    sigma: _Floats,
    *,
    truncate: SupportsFloat = 4.0,
    radius: _Ints | None = None,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def correlate1d(
    image: ArrayLike,
    weights: ArrayLike,
    axis: SupportsIndex = -1,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    anchor: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def convolve1d(
    image: ArrayLike,
    weights: ArrayLike,
    axis: SupportsIndex = -1,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    anchor: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def sep_filter2d(
    image: ArrayLike,
    kernel_x: ArrayLike,
    kernel_y: ArrayLike,
    *,
    border: _Border = "reflect101",
    value: ArrayLike = 0,
    anchor: Sequence[SupportsIndex] | None = None,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: _Array | None = None,
    algorithm: str = "auto",
) -> _Array: ...
def match_template(image: ArrayLike, template: ArrayLike, *, out: _Array | None = None) -> _Array: ...
def plan_convolve2d(
    shape: Sequence[SupportsIndex],
    in2: ArrayLike,
    mode: _Mode = "full",
    boundary: _Boundary = "fill",
    *,
    dtype: DTypeLike | None = None,
) -> dict[str, Any]: ...
