"""Numbers held as integers: ``real = (integer - zero) * scale``, and the way there and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _args, _core
from .elementwise import quiet
from .registry import Step, Tensor, operator

__all__ = ["along", "dequantize_linear", "dynamic_quantize_linear", "quantize", "quantize_linear"]

_INTEGERS = tuple(map(np.dtype, ("uint8", "int8", "uint16", "int16")))
_FLOAT = np.dtype(np.float32)


def along(parameter: np.ndarray, shape: tuple[int, ...], axis: int, block: int = 0) -> np.ndarray:
    """Scales or zero points in a shape that is broadcast to an array of that shape.

    Examples
    --------
    >>> along(np.array([1, 2, 3]), (5, 3, 4), 1).shape
    (1, 3, 1)
    >>> along(np.array([[1, 2]]), (1, 4), 1, 2)
    array([[1, 1, 2, 2]])
    """
    if block:
        return np.repeat(parameter, block, axis)[(slice(None),) * axis + (slice(0, shape[axis]),)]
    if parameter.size == 1 and parameter.ndim <= 1:
        return parameter.reshape(())
    return parameter.reshape((1,) * axis + (-1,) + (1,) * (len(shape) - axis - 1))


def quantize(x: np.ndarray, scale: Any, zero: Any, out: np.ndarray) -> None:
    """``x / scale``, rounded once with ties to even, plus `zero`; cut to out's range. NaN gives its least number."""
    bounds, zero = np.iinfo(out.dtype), np.asarray(zero, np.float32)
    y = np.rint(np.asarray(x / scale, np.float32))
    np.copyto(out, np.fmin(np.fmax(y, bounds.min - zero), bounds.max - zero) + zero, casting="unsafe")


def _axis(node: Any, x: Tensor, scale: Tensor, zero: Tensor | None) -> tuple[int, int]:
    """The axis of a node's scales and the length of a block of numbers that share one, 0 for the whole axis."""
    block, axis = node.attributes.get("block", 0), node.attributes.get("axis", 1)
    if zero is not None and zero.shape != scale.shape and not zero.size == scale.size == 1:
        raise ValueError(f"the zero points must have the scales' shape {scale.shape}; received {zero.shape}")
    if scale.size == 1 and scale.ndim <= 1 and not block:
        return 0, 0
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"no axis {axis} in an array of {x.ndim} axes")
    axis %= x.ndim
    if not block and scale.shape != (x.shape[axis],):
        raise ValueError(f"the scales must have shape {(x.shape[axis],)}; received {scale.shape}")
    if block and (block < 0 or scale.shape != (*x.shape[:axis], -(-x.shape[axis] // block), *x.shape[axis + 1 :])):
        raise ValueError(f"scales of shape {scale.shape} do not fit blocks of {block} of an array of shape {x.shape}")
    return axis, min(block, x.shape[axis])


def _one_scale(scale: Tensor, zero: Tensor | None, dtype: np.dtype) -> tuple[bool, float, int] | None:
    """Whether 8-bit integers are signed, and their one constant scale and zero point; None where they are no such."""
    if dtype not in _args.BYTES or scale.size != 1 or scale.dtype != _FLOAT or scale.value is None:
        return None
    if zero is not None and zero.value is None:
        return None
    number = scale.value.item()
    return (dtype.kind == "i", number, 0 if zero is None else zero.value.item()) if 0 < number < np.inf else None


@operator("QuantizeLinear")
def quantize_linear(node: Any, x: Any, scale: Any, zero: Any = None) -> Any:
    """x as integers: ``x / scale + zero``, rounded once with ties to even, and saturated.

    One scale and zero point, or one for each place along the attribute ``axis``, or for each ``block`` of places. The
    result has the zero points' dtype, or that of the attribute ``dtype``, by default uint8.
    """
    dtype = np.dtype(node.attributes.get("dtype") or "uint8") if zero is None else zero.dtype
    if dtype not in _INTEGERS or x.dtype.kind not in "fi" or scale.dtype.kind != "f":
        raise TypeError(f"no integers of {dtype} are made of {x.dtype} by scales of {scale.dtype}")
    axis, block = _axis(node, x, scale, zero)
    found = _one_scale(scale, zero, dtype) if x.dtype == _FLOAT and not block else None
    if found is not None:
        return Step((Tensor(x.shape, dtype),), _core.quantize_call(*found, x.size), reads=(0,), algorithm="quantize")

    def run(x: Any, scale: Any, *zero_and_y: Any) -> None:
        y = zero_and_y[-1]
        zero = along(zero_and_y[0], x.shape, axis, block) if len(zero_and_y) == 2 else 0
        quantize(x.astype(scale.dtype, copy=False), along(scale, x.shape, axis, block), zero, y)

    return Step((Tensor(x.shape, dtype),), quiet(run), algorithm="quantize")


@operator("DequantizeLinear")
def dequantize_linear(node: Any, x: Any, scale: Any, zero: Any = None) -> Any:
    """``(x - zero) * scale`` of integers, in the scales' dtype or that of the attribute ``dtype``.

    Scales and zero points as of QuantizeLinear.
    """
    dtype = np.dtype(node.attributes.get("dtype") or scale.dtype)
    if x.dtype.kind not in "iu" or scale.dtype.kind != "f" or dtype.kind != "f":
        raise TypeError(f"integers and scales are needed; received {x.dtype} and {scale.dtype}")
    if zero is not None and zero.dtype != x.dtype:
        raise TypeError(f"the zero points must have the dtype {x.dtype}; received {zero.dtype}")
    axis, block = _axis(node, x, scale, zero)
    found = _one_scale(scale, zero, x.dtype) if dtype == _FLOAT and not block else None
    if found is not None:
        call = _core.dequantize_call(*found, x.size)
        return Step((Tensor(x.shape, dtype),), call, reads=(0,), algorithm="dequantize")

    def run(x: Any, scale: Any, *zero_and_y: Any) -> None:
        y = zero_and_y[-1]
        steps = x.astype(np.int32)
        if len(zero_and_y) == 2:
            steps -= along(zero_and_y[0], x.shape, axis, block).astype(np.int32)
        wide = np.multiply(steps, along(scale, x.shape, axis, block), dtype=np.promote_types(scale.dtype, _FLOAT))
        np.copyto(y, wide, casting="same_kind")

    return Step((Tensor(x.shape, dtype),), quiet(run), algorithm="dequantize")


@operator("DynamicQuantizeLinear")
def dynamic_quantize_linear(node: Any, x: Any) -> Any:
    """x as uint8 on a scale that just holds its numbers and 0; that scale, and its zero point."""
    if x.dtype != _FLOAT:
        raise TypeError(f"the input must be float32; received {x.dtype}")

    def run(x: Any, y: Any, scale: Any, zero: Any) -> None:
        low, high = np.float32(min(x.min(initial=0), 0)), np.float32(max(x.max(initial=0), 0))
        step = np.float32(1) if low == high else (high - low) / np.float32(255)
        zero[...] = np.rint(np.clip(-low / step, 0, 255))
        scale[...] = step
        quantize(x, step, zero, y)

    byte = np.dtype(np.uint8)
    outputs = Tensor(x.shape, byte), Tensor((), _FLOAT), Tensor((), byte)
    return Step(outputs, quiet(run), algorithm="quantize")
