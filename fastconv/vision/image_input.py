"""What a network takes as a picture: size, channels, their order and the range of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..network.graph import Graph, Value

__all__ = ["RANGES", "ImageInput", "find_image_input"]

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE = (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)
# By name, the mean that is subtracted of numbers in 0..255 and what the rest is divided by.
RANGES = {
    "0..1": (0.0, 255.0),
    "-1..1": (127.5, 127.5),
    "0..255": (0.0, 1.0),
    "imagenet": (np.multiply(_IMAGENET[0], 255), np.multiply(_IMAGENET[1], 255)),
    "caffe": _CAFFE,  # and blue comes first
}
# The first layers of keras.applications whose pictures are prepared outside of the network.
_APPLICATIONS = (
    ({"conv1_conv", "post_bn"}, "-1..1"),
    ({"conv1_conv", "conv1_bn"}, "caffe"),
    ({"block1_conv1", "block1_pool"}, "caffe"),
    ({"Conv1", "bn_Conv1"}, "-1..1"),
    ({"conv_dw_1", "conv_pw_1"}, "-1..1"),
    ({"block1_conv1", "block1_conv1_bn"}, "-1..1"),
    ({"mixed0", "mixed10"}, "-1..1"),
    ({"mixed_5b", "mixed_6a"}, "-1..1"),
)


@dataclass(frozen=True)
class ImageInput:
    """The one input of a network that takes pictures.

    Parameters
    ----------
    shape : tuple of (int or None)
        Of the input, with the batch.
    height, width : int or None
        None for a size that is free.
    channels : int
        1, 3 or 4.
    layout : {'channels_last', 'channels_first', 'flat', 'grey'}
        The latter two are (N, H * W) and (N, H, W).
    dtype : numpy.dtype
    range : str
        One of `RANGES`.
    reason : str
        Where the range is known from.
    """

    shape: tuple[int | None, ...]
    height: int | None
    width: int | None
    channels: int
    layout: str
    dtype: np.dtype
    range: str
    reason: str


def find_image_input(net: Any) -> ImageInput:
    """What a network takes as a picture.

    Raises
    ------
    ValueError
        If it has more than one input, or one that is no picture.
    """
    values = net.inputs
    found = _layout(values[0].shape) if len(values) == 1 else None
    if found is None:
        shapes = ", ".join(f"{value.name!r} {value.shape}" for value in values)
        raise ValueError(f"the network must have one input, of pictures; it has {shapes}")
    layout, height, width, channels = found
    known, reason = _range(net.graph, values[0], layout, channels)
    return ImageInput(values[0].shape, height, width, channels, layout, values[0].dtype, known, reason)


def _layout(shape: Any) -> tuple[str, int | None, int | None, int] | None:
    """(layout, height, width, channels) of an input's shape; None if it is no picture's."""
    if shape is None:
        return None
    if len(shape) == 4 and shape[3] in (1, 3, 4):
        return "channels_last", shape[1], shape[2], shape[3]
    if len(shape) == 4 and shape[1] in (1, 3, 4):
        return "channels_first", shape[2], shape[3], shape[1]
    if len(shape) == 3:
        return "grey", shape[1], shape[2], 1
    if len(shape) == 2 and shape[1] == 784:  # MNIST, flattened
        return "flat", 28, 28, 1
    return None


def _range(graph: Graph, value: Value, layout: str, channels: int) -> tuple[str, str]:
    """A word of `RANGES`, and where it is known from."""
    if value.dtype is not None and value.dtype.kind in "iu":
        return "0..255", "of its dtype"
    scale = _first_scale(graph, value.name)
    if scale is not None:
        return ("0..255" if scale < 0.1 else "0..1"), "of its first layer"
    for layers, word in _APPLICATIONS:
        if layers <= set(graph.layers):
            return word, "of its layers' names"
    if layout == "channels_first" and channels == 3:
        return "imagenet", "assumed, as of PyTorch's networks"
    return "0..1", "assumed"


def _first_scale(graph: Graph, name: str) -> float | None:
    """What a network itself multiplies its input by, before anything else; None if it does not."""
    scale = None
    for node in graph.nodes:
        if name not in node.inputs:
            continue
        others = [graph.constants.get(other) for other in node.inputs if other and other != name]
        if node.op in ("Mul", "Div") and others and others[0] is not None and others[0].size:
            size = float(np.abs(np.asarray(others[0], np.float64)).max())
            factor = size if node.op == "Mul" else 1 / size if size else 0.0
            scale = factor * (1.0 if scale is None else scale)
        elif node.op not in ("Add", "Sub", "Transpose", "Cast", "Identity", "Dropout", "Reshape"):
            break
        name = node.outputs[0]
    return scale
