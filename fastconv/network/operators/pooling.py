"""Pooling of images with one or two spatial axes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ... import _args, _core
from ...nn.pooling import Geometry
from .geometry import as_image, channels, data_format, explicit_pads, from_image, per_axis, spatial, with_sizes
from .registry import Step, Tensor, operator

__all__ = ["global_pool", "pool", "pool_geometry"]


@operator("MaxPool", "AveragePool")
def pool(node: Any, x: Any) -> Any:
    """Maximum or mean of each window; padded cells never win and are not counted.

    Attributes: ``data_format``, ``window``, ``strides`` (the window by default), ``pads``, ``dilations``;
    ``ceil_mode``: a last window may reach beyond the pads, if it begins before them; ``count_include_pad``: padded
    cells count, as 0.
    """
    layout, rank, words = data_format(node.attributes), x.ndim - 2, node.attributes
    sizes, window, strides, dilations, pads, reached = _windows(node, x)
    average = node.op == "AveragePool"
    in_core = _args.dtype_id(x.dtype) in _args.FLOAT_IDS or (x.dtype in _args.BYTES and not average)
    if set(dilations) != {1} or not in_core:
        step = _gathered(x, layout, window, strides, dilations, reached, average)
    else:
        geometry = pool_geometry(node, x)
        y = Tensor(from_image(geometry.output_shape, layout, rank), x.dtype)
        step = Step((y,), _core.pool2d_call(geometry.core), algorithm="pool")
    if average and words.get("count_include_pad") and any(map(any, pads)):
        return _counting_pads(step, layout, sizes, window, strides, dilations, pads)
    return step


def _windows(node: Any, x: Any) -> tuple[Any, ...]:
    """Sizes of the images, windows, strides, dilations, pads, and the pads that the last windows reach."""
    layout, rank, words = data_format(node.attributes), x.ndim - 2, node.attributes
    sizes = spatial(x.shape, layout)
    window = per_axis(words, "window", rank)
    strides, dilations = tuple(words.get("strides") or window), per_axis(words, "dilations", rank)
    pads = explicit_pads(words.get("pads", "valid"), sizes, window, strides, dilations)
    reached = tuple(map(_rounded_up, sizes, window, strides, dilations, pads)) if words.get("ceil_mode") else pads
    return sizes, window, strides, dilations, pads, reached


def pool_geometry(node: Any, x: Any) -> Geometry:
    """The core's geometry of windows that are not dilated; their padded cells are not counted."""
    layout, ones = data_format(node.attributes), (1,) * (4 - x.ndim)
    _, window, strides, _, _, reached = _windows(node, x)
    padding = ((0, 0),) * (4 - x.ndim) + reached
    average = node.op == "AveragePool"
    return Geometry(average, as_image(x.shape, layout), x.dtype, ones + window, ones + strides, padding, layout)


def _rounded_up(size: int, taps: int, stride: int, dilation: int, pad: tuple[int, int]) -> tuple[int, int]:
    """The pads for which every window fits that begins before the pad behind.

    Examples
    --------
    >>> _rounded_up(4, 3, 2, 1, (0, 0))
    (0, 1)
    """
    before, after = pad
    reach = (taps - 1) * dilation + 1
    count = -(-(size + before + after - reach) // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return before, max(after, (count - 1) * stride + reach - size - before)


def _cells(taps: int, stride: int, dilation: int, count: int, before: int, low: int, high: int) -> np.ndarray:
    """How many cells of each window lie in [low, high), where 0 is the image's first cell."""
    places = np.arange(count)[:, None] * stride - before + np.arange(taps) * dilation
    result: np.ndarray = ((places >= low) & (places < high)).sum(1)
    return result


def _outer(numbers: list[np.ndarray], layout: str, dtype: np.dtype) -> np.ndarray:
    """The products of a number of each spatial axis, in a shape that is broadcast to images."""
    shapes = [
        with_sizes(1, tuple(-1 if i == axis else 1 for i in range(len(numbers))), 1, layout)
        for axis in range(len(numbers))
    ]
    return functools.reduce(np.multiply, map(np.reshape, numbers, shapes)).astype(dtype)


def _counting_pads(step: Step, layout: str, sizes: Any, window: Any, strides: Any, dilations: Any, pads: Any) -> Step:
    """The step of a mean that counts padded cells, from one that does not."""
    (y,) = step.outputs
    shares = []
    for size, taps, stride, dilation, count, (before, after) in zip(
        sizes, window, strides, dilations, spatial(y.shape, layout), pads, strict=True
    ):
        cells = functools.partial(_cells, taps, stride, dilation, count, before)
        shares.append(cells(0, size) / cells(-before, size + after))
    factor = _outer(shares, layout, y.dtype)

    def run(x: Any, y: Any) -> None:
        step.run(x, y)
        np.multiply(y, factor, out=y)

    return Step(step.outputs, run, algorithm="pool")


def _gathered(x: Tensor, layout: str, window: Any, strides: Any, dilations: Any, pads: Any, average: bool) -> Step:
    """The step for dilated windows, and for integers, of which only the maximum is taken."""
    if average and x.dtype.kind != "f":
        raise TypeError(f"the input must be a float; received {x.dtype}")
    rank, first = len(window), 1 if layout == "channels_last" else 2
    axes = tuple(range(first, first + rank))
    reach = tuple((taps - 1) * dilation + 1 for taps, dilation in zip(window, dilations, strict=True))
    padded = tuple(size + sum(pad) for size, pad in zip(spatial(x.shape, layout), pads, strict=True))
    if any(size < taps for size, taps in zip(padded, reach, strict=True)):
        raise ValueError(f"a window of {reach} does not fit into {padded}")
    sizes = tuple((size - taps) // stride + 1 for size, taps, stride in zip(padded, reach, strides, strict=True))
    grown = [(0, 0)] * x.ndim
    grown[first : first + rank] = pads
    before = (pad[0] for pad in pads)
    counts = _outer(
        [
            _cells(taps, stride, dilation, count, begin, 0, size)
            for size, taps, stride, dilation, count, begin in zip(
                spatial(x.shape, layout), window, strides, dilations, sizes, before, strict=True
            )
        ],
        layout,
        x.dtype,
    )
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    cut = (
        *[slice(None)] * first,
        *(slice(None, None, stride) for stride in strides),
        *[slice(None)] * (2 - first),
        *(slice(None, None, dilation) for dilation in dilations),
    )
    inside = tuple(range(-rank, 0))

    def run(x: Any, y: Any) -> None:
        wide = np.pad(x, grown, constant_values=0 if average else least)
        windows = np.lib.stride_tricks.sliding_window_view(wide, reach, axes)[cut]
        np.copyto(y, windows.sum(inside) / counts if average else windows.max(inside))

    return Step((Tensor(with_sizes(x.shape[0], sizes, channels(x.shape, layout), layout), x.dtype),), run)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Any, x: Any) -> Any:
    """Mean or maximum of each channel of images of shape (n, c, spatial...), whose spatial axes stay with length 1."""
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(f"images are needed; received shape {x.shape}")
    axes, function = tuple(range(2, x.ndim)), np.mean if node.op == "GlobalAveragePool" else np.max
    return Step(
        (Tensor((*x.shape[:2], *(1,) * len(axes)), x.dtype),), lambda x, y: function(x, axes, keepdims=True, out=y)
    )
