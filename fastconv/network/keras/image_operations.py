"""Functions of images in a Functional model: of ``keras.ops``, and TensorFlow's as Keras 2 wraps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layer import Symbol, Unsupported, keras_operation
from .operations import given
from .reshapes import interpolation, resized

__all__ = ["convolution", "pool", "rearranged", "resize", "tensorflow_pool", "tensorflow_resize"]


@keras_operation("Resize")
def resize(layer: Any, images: Any) -> Any:
    return resized(layer, images, layer.config["size"])


@keras_operation("image.resize")
def tensorflow_resize(
    layer: Any,
    images: Any,
    size: Any,
    method: str = "bilinear",
    antialias: bool = False,
    name: Any = None,
    **words: Any,
) -> Any:
    if any(words.values()):
        raise Unsupported(f"{sorted(words)}")
    sizes = tuple(int(number) for number in size)
    return layer.emit("ResizeImages", images, sizes=sizes, mode=interpolation(method), antialias=bool(antialias))


def _numbers(value: Any, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, (int, float)) else tuple(int(number) for number in value)


def _pads(padding: Any) -> str:
    padding = str(padding).lower()
    if padding not in ("valid", "same"):
        raise Unsupported(f"padding {padding!r}")
    return "valid" if padding == "valid" else "same_upper"


@keras_operation("MaxPool", "AveragePool")
def pool(layer: Any, inputs: Any) -> Any:
    size, strides = layer.config["pool_size"], layer.config.get("strides")
    if not isinstance(size, (list, tuple)):
        raise Unsupported("one number for all axes")
    return layer.emit(
        layer.kind,
        inputs,
        data_format=layer.data_format,
        window=_numbers(size, len(size)),
        strides=_numbers(size if strides is None else strides, len(size)),
        pads=_pads(layer.config.get("padding", "valid")),
    )


@keras_operation("nn.max_pool2d", "nn.avg_pool2d", "nn.max_pool", "nn.avg_pool")
def tensorflow_pool(
    layer: Any, input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: Any = None
) -> Any:
    window, strides = (_of_rows_and_columns(value) for value in (ksize, strides))
    if data_format != "NHWC":
        raise Unsupported(f"data_format {data_format!r}")
    op = "MaxPool" if "max" in layer.kind else "AveragePool"
    return layer.emit(op, input, window=window, strides=strides, pads=_pads(padding))


def _of_rows_and_columns(value: Any) -> tuple[int, int]:
    numbers = _numbers(value, 2)
    numbers = numbers * 2 if len(numbers) == 1 else numbers
    if len(numbers) == 4 and numbers[0] == numbers[3] == 1:
        return numbers[1:3]
    if len(numbers) != 2:
        raise Unsupported(f"a window or strides of {numbers}")
    return numbers


@keras_operation("Conv")
def convolution(layer: Any, inputs: Any, kernel: Any) -> Any:
    if isinstance(kernel, Symbol):
        raise Unsupported("a kernel that is computed")
    kernel = np.asarray(kernel)
    rank = kernel.ndim - 2
    return layer.emit(
        "Conv",
        inputs,
        kernel,
        data_format=layer.data_format,
        strides=_numbers(layer.config.get("strides", 1), rank),
        dilations=_numbers(layer.config.get("dilation_rate", 1), rank),
        pads=_pads(layer.config.get("padding", "valid")),
    )


@keras_operation("DepthToSpace", "SpaceToDepth", "nn.depth_to_space", "nn.space_to_depth")
def rearranged(
    layer: Any, x: Any = None, block_size: Any = None, data_format: str = "NHWC", name: Any = None, input: Any = None
) -> Any:
    x, block = input if x is None else x, int(given(layer, block_size, word="block_size"))
    op = "DepthToSpace" if layer.kind.lower().replace("_", "").endswith("depthtospace") else "SpaceToDepth"
    if data_format != "NHWC":
        raise Unsupported(f"data_format {data_format!r}")
    last = layer.data_format == "channels_last"
    x = layer.emit("Transpose", x, perm=(0, 3, 1, 2)) if last else x
    y = layer.emit(op, x, block=block, mode="DCR")
    return layer.emit("Transpose", y, perm=(0, 2, 3, 1)) if last else y
