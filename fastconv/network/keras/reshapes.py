"""Layers that move, cut or repeat cells."""

from __future__ import annotations

from typing import Any

from .layer import Unsupported, keras_layer

__all__ = [
    "center_crop",
    "crop",
    "flatten",
    "permute",
    "repeat_vector",
    "reshape",
    "resizing",
    "up_sampling",
    "zero_padding",
]


def _spatial(layer: Any, rank: int) -> list[int]:
    """The spatial axes."""
    first = 1 if layer.data_format == "channels_last" else 2
    return list(range(first, first + rank))


def _pairs(value: Any, rank: int) -> list[tuple[int, int]]:
    """Numbers before and after each axis, of a number, a number for each axis, or a pair for each.

    Examples
    --------
    >>> _pairs(1, 2), _pairs([1, 2], 2), _pairs([[1, 0], [0, 2]], 2), _pairs([1, 2], 1)
    ([(1, 1), (1, 1)], [(1, 1), (2, 2)], [(1, 0), (0, 2)], [(1, 2)])
    """
    if isinstance(value, (int, float)):
        return [(int(value), int(value))] * rank
    if rank == 1:
        value = [value] if len(value) == 2 else value
    pairs = [(item, item) if isinstance(item, (int, float)) else tuple(item) for item in value]
    return [(int(before), int(after)) for before, after in pairs]


@keras_layer("Flatten")
def flatten(layer: Any, x: Any) -> Any:
    """Keras flattens with channels last, whatever the data format."""
    if layer.data_format == "channels_first":
        x = layer.emit("MoveAxis", x, source=1, destination=-1)
    return layer.emit("Flatten", x)


@keras_layer("Reshape")
def reshape(layer: Any, x: Any) -> Any:
    return layer.emit("Reshape", x, [0, *(int(size) for size in layer.config["target_shape"])])


@keras_layer("Permute")
def permute(layer: Any, x: Any) -> Any:
    return layer.emit("Transpose", x, perm=(0, *(int(axis) for axis in layer.config["dims"])))


@keras_layer("RepeatVector")
def repeat_vector(layer: Any, x: Any) -> Any:
    return layer.emit("Repeat", layer.emit("Unsqueeze", x, [1]), axes=(1,), counts=(int(layer.config["n"]),))


@keras_layer("ZeroPadding1D", "ZeroPadding2D")
def zero_padding(layer: Any, x: Any) -> Any:
    rank = 1 if layer.kind.endswith("1D") else 2
    pairs = _pairs(layer.config.get("padding", 1), rank)
    return layer.emit("Pad", x, [pair[0] for pair in pairs] + [pair[1] for pair in pairs], None, _spatial(layer, rank))


@keras_layer("Cropping1D", "Cropping2D")
def crop(layer: Any, x: Any) -> Any:
    rank = 1 if layer.kind.endswith("1D") else 2
    pairs = _pairs(layer.config.get("cropping", 0), rank)
    pads = [-pair[0] for pair in pairs] + [-pair[1] for pair in pairs]
    return layer.emit("Pad", x, pads, None, _spatial(layer, rank))


@keras_layer("CenterCrop")
def center_crop(layer: Any, x: Any) -> Any:
    sizes = int(layer.config["height"]), int(layer.config["width"])
    return layer.emit("CenterCrop", x, sizes=sizes, data_format=layer.data_format)


@keras_layer("UpSampling1D", "UpSampling2D")
def up_sampling(layer: Any, x: Any) -> Any:
    rank = 1 if layer.kind.endswith("1D") else 2
    counts = layer.config.get("size", 2)
    counts = (int(counts),) * rank if isinstance(counts, int) else tuple(int(count) for count in counts)
    mode = layer.config.get("interpolation", "nearest")
    if mode == "nearest":
        return layer.emit("Repeat", x, axes=tuple(_spatial(layer, rank)), counts=counts)
    return layer.emit("ResizeImages", x, scales=counts, mode=interpolation(mode), data_format=layer.data_format)


def interpolation(mode: Any) -> str:
    """A way to interpolate that is known."""
    mode = str(mode).lower()
    if mode not in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        raise Unsupported(f"interpolation {mode!r}")
    result: str = mode
    return result


@keras_layer("Resizing")
def resizing(layer: Any, x: Any) -> Any:
    return resized(layer, x, (layer.config["height"], layer.config["width"]))


def resized(layer: Any, x: Any, sizes: Any) -> Any:
    """x of these sizes, by the other words of the configuration."""
    config = layer.config
    fit = "crop" if config.get("crop_to_aspect_ratio") else "pad" if config.get("pad_to_aspect_ratio") else ""
    if config.get("fill_mode", "constant") != "constant":
        raise Unsupported(f"fill_mode {config['fill_mode']!r}")
    return layer.emit(
        "ResizeImages",
        x,
        sizes=tuple(int(size) for size in sizes),
        mode=interpolation(config.get("interpolation", "bilinear")),
        antialias=bool(config.get("antialias", False)),
        fit=fit,
        fill=float(config.get("fill_value", 0.0)),
        data_format=layer.data_format,
    )
