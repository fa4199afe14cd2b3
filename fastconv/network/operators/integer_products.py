"""Convolutions and products of matrices of 8-bit integers, exact modulo 2^32, and such results as 8-bit integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import _args
from ...nn.convolution import Keywords
from .convolution import window_keywords
from .elementwise import quiet
from .geometry import as_image, data_format, from_image, with_sizes
from .quantization import quantize
from .registry import Step, Tensor, operator

__all__ = ["conv_integer", "matmul_integer", "qlinear_conv", "qlinear_matmul"]

_INT32, _FLOAT = np.dtype(np.int32), np.dtype(np.float32)


def require_bytes(*tensors: Tensor) -> None:
    """Raise a TypeError unless all are of int8 or uint8."""
    if any(tensor.dtype not in _args.BYTES for tensor in tensors):
        raise TypeError(f"int8 or uint8 are needed; received {[tensor.dtype.name for tensor in tensors]}")


class Windows:
    """The exact sums of windows of images that are padded with their zero point.

    Parameters
    ----------
    node : Node
        With the attributes of Conv.
    x, kernel : Tensor
        Of 8-bit integers.
    """

    def __init__(self, node: Any, x: Tensor, kernel: Tensor) -> None:
        require_bytes(x, kernel)
        self.layout, rank = data_format(node.attributes), x.ndim - 2
        if rank not in (1, 2) or kernel.ndim != x.ndim:
            raise ValueError(f"images of shape {x.shape} do not fit a kernel of shape {kernel.shape}")
        self._keywords = window_keywords(node.attributes, x, kernel, self.layout, rank)
        self._grown, self._pads = take_pads(self._keywords, x.shape)
        self._k_shape = (1,) * (2 - rank) + kernel.shape
        self._convolution, y_shape = self._geometry(x.dtype, self._k_shape, kernel.dtype)
        self.y = Tensor(from_image(y_shape, self.layout, rank), _INT32)
        self._taps = math.prod(kernel.shape[:-1])
        self.flops = 2.0 * self.y.size * self._taps

    def _geometry(self, dtype: np.dtype, k_shape: tuple[int, ...], kernel_dtype: np.dtype) -> tuple[Any, ...]:
        shape = as_image(self._grown, self.layout)
        return self._keywords.geometry(dtype, shape, k_shape, kernel_dtype, may_be_empty=True)

    def sums(self, x: Any, kernel: Any, x_zero: Any, w_zero: Any, y: Any) -> None:
        """y: the sums of ``(x - x_zero) * (kernel - w_zero)``; w_zero is one number or one for each output channel."""
        x_zero = np.int32(0 if x_zero is None else x_zero.reshape(()))
        if any(map(any, self._pads)):
            x = np.pad(x, self._pads, constant_values=x_zero)
        self._convolution.forward(x, kernel, None, y)
        taps = tuple(range(kernel.ndim - 1))
        y -= self._of_channels(x_zero * kernel.sum(taps, dtype=np.int32))
        if w_zero is None or not w_zero.any():
            return
        w_zero = w_zero.astype(np.int32).reshape(-1)
        ones = np.ones((*self._k_shape[:3], self._keywords.groups), np.int8)
        geometry, shape = self._geometry(x.dtype, ones.shape, ones.dtype)
        found = np.empty(shape, np.int32)
        geometry.forward(x, ones, None, found)
        found -= x_zero * np.int32(self._taps)
        axis = 3 if self.layout == "channels_last" else 1
        y -= np.repeat(found, kernel.shape[-1] // self._keywords.groups, axis).reshape(y.shape) * self._of_channels(
            w_zero
        )

    def _of_channels(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers of output channels, or a single one, in a shape that is broadcast to the result."""
        return of_channels(numbers, self.layout, self.y.ndim)


def take_pads(keywords: Keywords, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Take the pads off a convolution: the shape of padded images, and the pads for `numpy.pad`."""
    pairs: Any = keywords.padding
    keywords.padding = "valid"
    pads = with_sizes((0, 0), pairs[4 - len(shape) :], (0, 0), keywords.data_format)
    return tuple(size + sum(pair) for size, pair in zip(shape, pads, strict=True)), pads


def of_channels(numbers: np.ndarray, layout: str, ndim: int) -> np.ndarray:
    """Numbers of channels, or a single one, in a shape that is broadcast to images of so many axes."""
    return numbers.reshape(-1) if layout == "channels_last" else numbers.reshape(-1, *(1,) * (ndim - 2))


def _require_numbers(parameters: dict[str, Tensor | None], most: int) -> None:
    """Raise a ValueError unless scales and zero points are single numbers, or, where `most` is not 1, so many."""
    for name, tensor in parameters.items():
        if tensor is not None and tensor.size not in (1, most):
            raise ValueError(f"the {name} must be one number or {most}; received shape {tensor.shape}")


@operator("ConvInteger")
def conv_integer(node: Any, x: Any, kernel: Any, x_zero: Any = None, w_zero: Any = None) -> Any:
    """The convolution of ``x - x_zero`` with ``kernel - w_zero``, of 8-bit integers, in int32 modulo 2^32.

    The attributes and the kernel's order are those of Conv; padded cells hold x_zero. `w_zero` is one number, or one
    for each output channel.
    """
    windows = Windows(node, x, kernel)
    _require_numbers({"zero point of x": x_zero}, 1)
    _require_numbers({"zero points of the kernel": w_zero}, kernel.shape[-1])

    def run(x: Any, kernel: Any, *zeros_and_y: Any) -> None:
        *zeros, y = zeros_and_y
        x_zero, w_zero = [*zeros, None, None][:2]
        windows.sums(x, kernel, x_zero, w_zero, y)

    return Step((windows.y,), run, algorithm="integer", flops=windows.flops)


@operator("QLinearConv")
def qlinear_conv(
    node: Any,
    x: Any,
    x_scale: Any,
    x_zero: Any,
    kernel: Any,
    w_scale: Any,
    w_zero: Any,
    y_scale: Any,
    y_zero: Any,
    bias: Any = None,
) -> Any:
    """A convolution of 8-bit integers whose exact sums plus bias, times ``x_scale * w_scale / y_scale``, are rounded
    once.

    Attributes as of ConvInteger. A bias is int32, on the scale of the sums; scales and zero points of the kernel are
    one number or one for each output channel.
    """
    windows, outputs = Windows(node, x, kernel), kernel.shape[-1]
    require_bytes(y_zero)
    _require_numbers({"scale of x": x_scale, "zero point of x": x_zero, "scale of y": y_scale, "zero of y": y_zero}, 1)
    _require_numbers({"scales of the kernel": w_scale, "zero points of the kernel": w_zero}, outputs)
    if bias is not None and (bias.dtype, bias.shape) != (_INT32, (outputs,)):
        raise ValueError(f"the bias must be int32 of shape {(outputs,)}; received {bias.dtype} of {bias.shape}")

    def run(
        x: Any,
        x_scale: Any,
        x_zero: Any,
        kernel: Any,
        w_scale: Any,
        w_zero: Any,
        y_scale: Any,
        y_zero: Any,
        *bias_and_y: Any,
    ) -> None:
        y = bias_and_y[-1]
        sums = np.empty(y.shape, np.int32)
        windows.sums(x, kernel, x_zero, w_zero, sums)
        if len(bias_and_y) == 2 and bias_and_y[0] is not None:
            sums += of_channels(bias_and_y[0], windows.layout, sums.ndim)
        factor = of_channels(x_scale.reshape(()) * w_scale / y_scale.reshape(()), windows.layout, sums.ndim)
        requantize(sums, factor, y_zero, y)

    return Step((Tensor(windows.y.shape, y_zero.dtype),), quiet(run), algorithm="integer", flops=windows.flops)


def requantize(sums: np.ndarray, factor: Any, zero: Any, y: np.ndarray) -> None:
    """y: the sums times a factor in float32, rounded with ties to even, plus a zero point, and saturated."""
    quantize(sums.astype(np.float32) * np.asarray(factor, np.float32), np.float32(1), zero, y)


def _of_rows(numbers: np.ndarray, rows: int) -> np.ndarray:
    """Numbers of the rows of matrices, or a single one, in a shape that is broadcast to them."""
    return numbers.reshape(-1, 1) if numbers.ndim == 1 and numbers.size == rows else numbers


def matrix_sums(a: Any, b: Any, a_zero: Any, b_zero: Any) -> np.ndarray:
    """The products of ``a - a_zero`` and ``b - b_zero`` as `numpy.matmul` has them, of 8-bit integers, in int32.

    Examples
    --------
    >>> matrix_sums(np.array([[3, 4]], np.uint8), np.array([[-1], [2]], np.int8), np.uint8(1), None)
    array([[4]], dtype=int32)
    """
    wide = [a.reshape(1, -1) if a.ndim == 1 else a, b.reshape(-1, 1) if b.ndim == 1 else b]
    stack = np.broadcast_shapes(*(x.shape[:-2] for x in wide))
    rows, inner, columns = wide[0].shape[-2], wide[0].shape[-1], wide[1].shape[-1]
    sums = np.empty((*stack, rows, columns), np.int32)
    if b.ndim <= 2:
        _product(np.ascontiguousarray(wide[0]), wide[1], sums)
    else:
        first, second = (np.broadcast_to(x, (*stack, *x.shape[-2:])) for x in wide)
        for place in np.ndindex(stack):
            _product(np.ascontiguousarray(first[place]), np.ascontiguousarray(second[place]), sums[place])
    if a_zero is not None and np.any(a_zero):
        a_zero = _of_rows(np.asarray(a_zero).astype(np.int32), rows)
        sums -= a_zero * wide[1].sum(-2, dtype=np.int32, keepdims=True)
    if b_zero is not None and np.any(b_zero):
        b_zero = np.asarray(b_zero).astype(np.int32)
        sums -= b_zero * wide[0].sum(-1, dtype=np.int32, keepdims=True)
        sums += np.int32(inner) * b_zero * (0 if a_zero is None else np.asarray(a_zero, np.int32))
    shape = stack + (() if a.ndim == 1 else (rows,)) + (() if b.ndim == 1 else (columns,))
    return sums.reshape(shape)


def _product(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """y: a (..., inner) times b (inner, columns), as a convolution of one cell."""
    if not y.size or not b.size:
        y[...] = 0
        return
    b = np.ascontiguousarray(b)
    keywords = Keywords(1, "valid", 1, 1, "channels_last")
    shape = (1, 1, a.size // a.shape[-1], a.shape[-1])
    geometry, _ = keywords.geometry(a.dtype, shape, (1, 1, *b.shape), b.dtype)
    geometry.forward(a, b, None, y)


def _matrix_shape(a: Tensor, b: Tensor) -> tuple[int, ...]:
    require_bytes(a, b)
    shape: tuple[int, ...] = np.matmul(np.broadcast_to(np.int8(0), a.shape), np.broadcast_to(np.int8(0), b.shape)).shape
    return shape


@operator("MatMulInteger")
def matmul_integer(node: Any, a: Any, b: Any, a_zero: Any = None, b_zero: Any = None) -> Any:
    """``numpy.matmul(a - a_zero, b - b_zero)`` of 8-bit integers, in int32 modulo 2^32.

    Zero points are one number, or one for each row of a, and for each column of b.
    """
    y = Tensor(_matrix_shape(a, b), _INT32)

    def run(a: Any, b: Any, *zeros_and_y: Any) -> None:
        *zeros, y = zeros_and_y
        np.copyto(y, matrix_sums(a, b, *zeros, *[None] * (2 - len(zeros))))

    return Step((y,), run, algorithm="integer", flops=2.0 * y.size * a.shape[-1])


@operator("QLinearMatMul")
def qlinear_matmul(
    node: Any,
    a: Any,
    a_scale: Any,
    a_zero: Any,
    b: Any,
    b_scale: Any,
    b_zero: Any,
    y_scale: Any = None,
    y_zero: Any = None,
    bias: Any = None,
) -> Any:
    """A product of matrices of 8-bit integers, plus an int32 bias of the columns on the scale of the sums.

    Its exact sums are multiplied by ``alpha * a_scale * b_scale / y_scale`` and rounded once; without `y_scale` they
    are multiplied by ``alpha * a_scale * b_scale``. The attribute ``alpha`` is 1 by default.
    """
    shape, alpha = _matrix_shape(a, b), node.attributes.get("alpha", 1.0)
    if y_scale is not None:
        require_bytes(y_zero)

    def run(a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, *others: Any) -> None:
        *given, y = others
        y_scale, y_zero, bias = (*given, None, None, None)[:3]
        sums = matrix_sums(a, b, a_zero, b_zero)
        if bias is not None:
            sums = sums + bias
        factor = np.float32(alpha) * _of_rows(a_scale, a.shape[-2] if min(a.ndim, b.ndim) > 1 else 0) * b_scale
        if y_scale is None:
            np.multiply(sums, factor, out=y, dtype=np.float32, casting="same_kind")
        else:
            requantize(sums, factor / y_scale, y_zero, y)

    y = Tensor(shape, _FLOAT if y_scale is None else y_zero.dtype)
    return Step((y,), quiet(run), algorithm="integer", flops=2.0 * y.size * a.shape[-1])
