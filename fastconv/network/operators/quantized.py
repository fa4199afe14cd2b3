"""Steps of networks in 8 bits whose numbers stay integers; `passes.integers` writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _args, _core
from ...nn.convolution import Keywords
from .convolution import prepared_kernel, window_keywords
from .geometry import as_image, data_format, from_image
from .integer_products import require_bytes
from .registry import Step, Tensor, operator

__all__ = ["LARGEST_SCALE", "lookup_bytes", "quantized_add", "quantized_conv", "quantized_dense"]

LARGEST_SCALE = float(np.finfo(np.float32).max) / 256  # below which what integers of 8 bits stand for is finite


def _checked(node: Any, *tensors: Tensor, whole: tuple[str, ...] = ()) -> np.dtype:
    """The dtype of a node's result; an error unless it reads and gives 8-bit integers, and holds such numbers.

    The attribute ``reads``, if it is given, names the dtypes that the inputs must have.
    """
    words = node.attributes
    dtype: np.dtype = np.dtype(words["dtype"])
    require_bytes(*tensors, Tensor((), dtype))
    for tensor, name in zip(tensors, words.get("reads", ()), strict=False):
        if tensor.dtype != np.dtype(name):
            raise TypeError(f"the input must be {name}; received {tensor.dtype}")
    for name in whole:
        _require_whole(words[name], np.iinfo(tensors[0].dtype if name == "x_zero" else dtype), name)
    if "low" in whole and words["low"] > words["high"]:
        raise ValueError(f"low must not be above high; received {words['low']} and {words['high']}")
    return dtype


def _require_whole(number: Any, info: Any, name: str) -> None:
    if type(number) is not int or not info.min <= number <= info.max:
        raise ValueError(f"{name} must be an integer from {info.min} to {info.max}; received {number!r}")


def _layer(node: Any, x: Tensor, y: Tensor, keywords: Keywords, geometry: Any, shapes: Any, weights: Any) -> Step:
    """The step of a layer, whose x and kernel have these shapes as images have them."""
    words, (x_shape, k_shape), (kernel, bias) = node.attributes, shapes, weights
    factors = np.asarray(words["factors"], np.float32)
    if factors.shape not in ((1,), k_shape[3:]) or not np.isfinite(factors).all():
        raise ValueError(f"the factors must be finite, one or one for each output; received {factors.shape}")
    if kernel.dtype not in _args.BYTES or (bias is not None and bias.dtype != np.int32):
        raise TypeError("the kernel must be of 8-bit integers and the bias int32")
    kept = node.prepared if x.value is None else {}
    prepared = prepared_kernel(node, kept, keywords, x_shape, k_shape, x.dtype, kernel, bias)
    factors = np.ascontiguousarray(np.broadcast_to(factors, k_shape[3:]))
    bounds = words["y_zero"], words["low"], words["high"]
    x_zero, parts = (words["x_zero"], x_shape[0]) if node.op == "QuantizedConv" else (0, x_shape[2])
    call = _core.conv2d_quantized_call(prepared, geometry, factors, x_zero, *bounds, parts)
    flops = 2.0 * y.size * kernel.size / max(kernel.shape[-1], 1)
    return Step((y,), call, reads=(0,), calls=(call,), algorithm="integer", flops=flops)


@operator("QuantizedConv")
def quantized_conv(node: Any, x: Any, kernel: Any, bias: Any) -> Step:
    """A convolution of 8-bit integers: exact sums plus bias, times ``factors`` of output channels, rounded once, plus
    ``y_zero``, cut to [``low``, ``high``], in ``dtype``.

    Kernel and bias are constant; the bias makes up for ``x_zero``, which padded cells hold. Other attributes: Conv's.
    """
    dtype = _checked(node, x, whole=("x_zero", "y_zero", "low", "high"))
    words, layout, rank = node.attributes, data_format(node.attributes), x.ndim - 2
    keywords = window_keywords(words, x, kernel, layout, rank)
    shapes = as_image(x.shape, layout), (1,) * (2 - rank) + kernel.shape
    geometry, y_shape = keywords.geometry(x.dtype, *shapes, kernel.dtype, may_be_empty=True)
    y = Tensor(from_image(y_shape, layout, rank), dtype)
    return _layer(node, x, y, keywords, geometry, shapes, (kernel, bias))


@operator("QuantizedDense")
def quantized_dense(node: Any, x: Any, kernel: Any, bias: Any) -> Step:
    """``x @ kernel`` of 8-bit integers, finished as of QuantizedConv."""
    if kernel.ndim != 2 or not x.ndim or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"an input of shape {x.shape} has no product with a kernel of shape {kernel.shape}")
    keywords = Keywords(1, "valid", 1, 1, "channels_last")
    y = Tensor((*x.shape[:-1], kernel.shape[1]), _checked(node, x, whole=("y_zero", "low", "high")))
    rows = y.size // kernel.shape[1] if kernel.shape[1] else 0
    shapes = (1, 1, rows, kernel.shape[0]), (1, 1, *kernel.shape)
    geometry, _ = keywords.geometry(x.dtype, *shapes, kernel.dtype, may_be_empty=True)
    return _layer(node, x, y, keywords, geometry, shapes, (kernel, bias))


@operator("QuantizedAdd")
def quantized_add(node: Any, a: Any, b: Any) -> Step:
    """The sum of what 8-bit integers stand for, as such integers.

    ``a``, ``b`` and ``y`` are (scale, zero point) of each; y has the dtype ``dtype`` and is cut to [``low``, ``high``].
    """
    words = node.attributes
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), _checked(node, a, b, whole=("low", "high")))
    for name, tensor in (("a", a), ("b", b), ("y", y)):
        number, zero = words[name]
        _require_whole(zero, np.iinfo(tensor.dtype), f"the zero point of {name}")
        if not 0 < np.float32(number) < LARGEST_SCALE:
            raise ValueError(f"the scale of {name} must be above 0 and below {LARGEST_SCALE}; received {number}")
    scales = [(tensor.dtype.kind == "i", *words[name]) for name, tensor in (("a", a), ("b", b), ("y", y))]
    call = _core.add_quantized_call(scales, words["low"], words["high"], y.size)
    if a.shape == b.shape:
        return Step((y,), call, algorithm="add")

    def run(*arrays: Any) -> None:
        call(*(np.ascontiguousarray(np.broadcast_to(array, y.shape)) for array in arrays[:2]), arrays[2])

    return Step((y,), run, algorithm="add")


@operator("LookupBytes")
def lookup_bytes(node: Any, x: Any) -> Step:
    """``table[x]`` of 8-bit integers: a number of ``dtype`` for each of 256, in the order of their bits."""
    y = Tensor(x.shape, _checked(node, x))
    table = np.frombuffer(node.attributes["table"], np.uint8)
    if table.size != 256:
        raise ValueError(f"the table must have 256 bytes; received {table.size}")
    return Step((y,), _core.lookup_call(table, x.size), algorithm="table")
