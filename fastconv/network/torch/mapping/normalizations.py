"""Normalizations and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nodes import Call, Emitter, maps


def _name(value: Any) -> str:
    return value.name if value else ""


@maps("aten._native_batch_norm_legit_no_training.default", "aten.batch_norm.default")
def batch_norm(call: Call, emit: Emitter, to: Any) -> None:
    call.require("training", False)
    names = (_name(call[word]) for word in ("input", "weight", "bias", "running_mean", "running_var"))
    emit.add("BatchNormalization", *names, to=to[0], axis=1, epsilon=float(call["eps"]))


@maps("aten.layer_norm.default", "aten.native_layer_norm.default")
def layer_norm(call: Call, emit: Emitter, to: Any) -> None:
    x, count = call["input"], len(call["normalized_shape"])
    weight, bias = _name(call["weight"]), _name(call["bias"])
    if bias and not weight:
        weight = emit.constant(np.ones(x.shape[x.ndim - count :]), x.dtype)
    axes = tuple(range(x.ndim - count, x.ndim))
    emit.add("LayerNormalization", x.name, weight, bias, to=to[0], axes=axes, epsilon=float(call["eps"]))


@maps("aten.group_norm.default", "aten.native_group_norm.default")
def group_norm(call: Call, emit: Emitter, to: Any) -> None:
    words = call.arguments
    groups = words.get("num_groups", words.get("group"))
    names = (_name(call[word]) for word in ("input", "weight", "bias"))
    emit.add("GroupNormalization", *names, to=to[0], axis=1, groups=groups, epsilon=float(call["eps"]))


@maps("aten.softmax.int", "aten._softmax.default", "aten.log_softmax.int", "aten._log_softmax.default")
def softmax(call: Call, emit: Emitter, to: Any) -> None:
    x = emit.operand(call["self"], call.results[0].dtype)
    emit.add("LogSoftmax" if "log" in call.target else "Softmax", x, to=to[0], axis=call["dim"])
