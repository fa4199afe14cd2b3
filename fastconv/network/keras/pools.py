"""Pooling layers."""

from __future__ import annotations

from typing import Any

from .layer import Unsupported, keras_layer

__all__ = ["global_pool", "pool"]


def _tuple(value: Any, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, (int, float)) else tuple(int(number) for number in value)


@keras_layer(
    "MaxPooling1D",
    "MaxPooling2D",
    "AveragePooling1D",
    "AveragePooling2D",
    "MaxPool1D",
    "MaxPool2D",
    "AvgPool1D",
    "AvgPool2D",
)
def pool(layer: Any, x: Any) -> Any:
    rank = 1 if layer.kind.endswith("1D") else 2
    window = _tuple(layer.config.get("pool_size", 2), rank)
    strides = layer.config.get("strides")
    padding = str(layer.config.get("padding", "valid")).lower()
    if padding not in ("valid", "same"):
        raise Unsupported(f"padding {padding!r}")
    return layer.emit(
        "MaxPool" if layer.kind.startswith("Max") else "AveragePool",
        x,
        data_format=layer.data_format,
        window=window,
        strides=window if strides is None else _tuple(strides, rank),
        pads="valid" if padding == "valid" else "same_upper",
    )


@keras_layer(
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
)
def global_pool(layer: Any, x: Any) -> Any:
    first = 1 if layer.data_format == "channels_last" else 2
    if layer.mask is not None and layer.kind in ("GlobalAveragePooling1D", "GlobalAvgPool1D"):
        return _masked_mean(layer, x, first)
    axes = list(range(first, first + (1 if layer.kind.endswith("1D") else 2)))
    op = "ReduceMax" if "Max" in layer.kind else "ReduceMean"
    return layer.emit(op, x, axes, keepdims=bool(layer.config.get("keepdims", False)))


def _masked_mean(layer: Any, x: Any, time: int) -> Any:
    """The mean over the times that count."""
    counts = layer.emit("Cast", layer.emit("Unsqueeze", layer.mask, [3 - time]), dtype=layer.dtype.name)
    keepdims = bool(layer.config.get("keepdims", False))
    total, count = (
        layer.emit("ReduceSum", value, [time], keepdims=keepdims) for value in (layer.emit("Mul", x, counts), counts)
    )
    return layer.emit("Div", total, count)
