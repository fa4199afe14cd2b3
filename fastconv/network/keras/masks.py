"""Masks: which times of sequences count."""

from __future__ import annotations

import numpy as np

from .layer import Layer, Symbol, Unsupported, keras_layer

__all__ = ["embedding", "inherited_mask", "masking"]

# Layers that give their input's mask on, by Keras' ``supports_masking``.
_GIVE_ON = frozenset(
    (
        "Activation",
        "ActivityRegularization",
        "AlphaDropout",
        "BatchNormalization",
        "Dense",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "GroupNormalization",
        "Identity",
        "LayerNormalization",
        "LeakyReLU",
        "Normalization",
        "PReLU",
        "ReLU",
        "Rescaling",
        "Softmax",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SyncBatchNormalization",
        "ThresholdedReLU",
        "UnitNormalization",
    )
)
_MERGES = frozenset(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"))


def inherited_mask(layer: Layer, masks: list[Symbol | None]) -> Symbol | None:
    """The mask of a layer's result, by those of its inputs, for layers that have no way of their own."""
    if not any(masks):
        return None
    if layer.kind in _GIVE_ON:
        return masks[0]
    if layer.kind == "Concatenate" and int(layer.config.get("axis", -1)) != -1:
        raise Unsupported("masks along another axis than the last")
    if layer.kind not in _MERGES and layer.kind != "Concatenate":
        return None
    # Keras 2 asks that all are set, of those that there are; its successor that one is, if all are there.
    op, known = ("And", list(filter(None, masks))) if layer.version < 3 else ("Or", masks)
    if not all(known):
        return None
    first, *rest = known
    for mask in rest:
        first = layer.emit(op, first, mask)
    return first


@keras_layer("Masking")
def masking(layer: Layer, x: Symbol) -> Symbol:
    """x with a mask of the times at which not all numbers are one value, and 0 at the others."""
    equal = layer.emit("Equal", x, layer.number(layer.config.get("mask_value", 0.0)))
    mask = layer.emit("ReduceMax", layer.emit("Not", equal), np.array([-1]), keepdims=False)
    y = layer.emit("Where", layer.emit("Unsqueeze", mask, np.array([-1])), x, layer.number(0))
    layer.give_mask(y, mask)
    return y


@keras_layer("Embedding")
def embedding(layer: Layer, x: Symbol) -> Symbol:
    """A row of a table for each number."""
    table = layer.arrays(1)[0]
    if layer.config.get("quantization_config") or table.ndim != 2:
        raise Unsupported("a quantized table")
    x = layer.emit("Cast", x, dtype="int32")
    y = layer.emit("Gather", table, x, axis=0)
    if layer.config.get("mask_zero"):
        layer.give_mask(y, layer.emit("Not", layer.emit("Equal", x, np.array(0, np.int32))))
    return y
