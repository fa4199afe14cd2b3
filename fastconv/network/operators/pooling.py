"""Pooling of images with one or two spatial axes."""
from __future__ import annotations

from ...nn.pooling import Geometry
from .geometry import as_image, data_format, explicit_pads, from_image, per_axis, spatial
from .registry import Step, Tensor, operator

__all__ = ["pool"]


@operator("MaxPool", "AveragePool")
def pool(node, x):
    """Maximum or mean of each window; padded cells never win and are not counted.

    Attributes: ``data_format``, ``window``, ``strides`` (the window by default), ``pads``.
    """
    layout, rank = data_format(node.attributes), x.ndim - 2
    sizes, ones = spatial(x.shape, layout), (1,) * (2 - rank)
    window = per_axis(node.attributes, "window", rank)
    strides = tuple(node.attributes.get("strides") or window)
    pads = explicit_pads(node.attributes.get("pads", "valid"), sizes, window, strides, (1,) * rank)
    geometry = Geometry(node.op == "AveragePool", as_image(x.shape, layout), x.dtype, ones + window, ones + strides,
                        ((0, 0),) * (2 - rank) + pads, layout)
    y = Tensor(from_image(geometry.output_shape, layout, rank), x.dtype)
    return Step((y,), geometry.core.forward, algorithm="pool")
