"""conv2d_transpose: the gradient of conv2d with respect to its input as a layer."""

from __future__ import annotations

from math import prod

import numpy as np

import fastconv

from . import activation_reference, conv_geometry, draw
from .check import Open, Refused, Want, arithmetic, least
from .conv2d_grads import FINITE, input_grad_norm
from .conv_reference import input_gradient, wide
from .execution import back, four, verify
from .geometry import windows

KEYWORDS = "strides", "padding", "dilation_rate", "data_format", "activation", "output_padding"
MOST = 10_000  # rows and columns of a result


def draw_case(d: draw.Draw) -> dict:
    """x is the smaller side; padding is a word, and there are no groups."""
    while True:
        geometry = conv_geometry.draw(d)
        if geometry["groups"] == 1 and isinstance(geometry["padding"], str) and not _is_wide(geometry):
            break
    dtype = d.choice(draw.FLOATS)
    k_h, k_w, _, c_out = geometry["kernel_shape"]
    *_, c = conv_geometry.nhwc(geometry["x_shape"], geometry["data_format"])
    return (
        {name: geometry[name] for name in ("strides", "padding", "dilation_rate", "data_format")}
        | {
            "x": d.array(geometry["x_shape"], dtype),
            "kernel": d.array([k_h, k_w, c_out, c], dtype, FINITE),
            "bias": d.array([c_out], dtype, ("normal",)) if d.chance(0.4) else None,
            "activation": d.choice(("relu", "tanh")) if d.chance(0.2) else None,
            "output_padding": d.choice((None, None, 0, 1)),
        }
        | d.surroundings()
    )


def _is_wide(geometry) -> bool:
    """Whether the result is too large to compute and too small to be refused."""
    _, *size, _ = conv_geometry.nhwc(geometry["x_shape"], geometry["data_format"])
    axes = zip(size, geometry["kernel_shape"], geometry["strides"], geometry["dilation_rate"], strict=False)
    sizes = [abs(transposed_size(*axis, geometry["padding"], None)) for axis in axes]
    return max(sizes) > MOST and prod(sizes) < conv_geometry.LARGE


def transposed_size(size: int, window: int, stride: int, dilation: int, padding: str, extra: int | None) -> int:
    """Keras' rule."""
    reach = (window - 1) * dilation + 1
    if padding == "same":
        return size * stride if extra is None else (size - 1) * stride + reach % 2 + extra
    return (size - 1) * stride + reach + (max(stride - reach, 0) if extra is None else extra)


def run(case: dict) -> None:
    layout, extra = case["data_format"], case["output_padding"]

    def call(x, kernel, bias, out=None):
        return fastconv.conv2d_transpose(x, kernel, bias, **{name: case[name] for name in KEYWORDS}, out=out)

    def reference(x, kernel, bias):
        axes = zip(
            conv_geometry.nhwc(case["x"]["shape"], layout)[1:3],
            kernel.shape,
            case["strides"],
            case["dilation_rate"],
            strict=False,
        )
        numbers = [*case["strides"], *case["dilation_rate"], *kernel.shape[:2]]
        if min(numbers) < 1 or max(numbers) >= 2**63 or (extra is not None and extra >= min(case["strides"])):
            raise Refused("a size out of its range")
        size = [transposed_size(*axis, case["padding"], extra) for axis in axes]
        n, h, w, c = conv_geometry.nhwc(x.shape, layout)
        if kernel.shape[3] != c:
            raise Refused("channels that do not fit")
        if min(h, w, *size) < 1 or max(size) > MOST:
            raise Open(MemoryError)
        where = windows(size, kernel.shape[:2], case["strides"], case["dilation_rate"], case["padding"])
        if where.outputs != (h, w):
            raise Open(MemoryError)
        dtype = x.dtype
        x, kernel, bias = wide(four(x, layout), kernel, bias)
        y, magnitude = input_gradient(x, kernel, where, 1, (n, *size, kernel.shape[2]))
        bound = 32 * arithmetic(dtype) * magnitude + input_grad_norm(x, kernel, dtype)
        if dtype.itemsize == 2:  # rounded before the bias is added
            bound = bound + 2.0**-8 * abs(np.where(np.isfinite(y), y, 0))
        if bias is not None:
            y, bound = (
                y + bias,
                bound + 32 * arithmetic(dtype) * abs(bias) + (2.0**-8 * abs(bias) if dtype.itemsize == 2 else 0),
            )
        y, bound = activation_reference.after(case["activation"], y, bound, arithmetic(dtype))
        return Want(back(y, layout), dtype, back(bound + 256 * least(dtype), layout))

    errors = conv_geometry.errors(case | {"kernel_shape": case["kernel"]["shape"]})
    verify(case, call, ("x", "kernel", "bias"), reference, errors=errors)
