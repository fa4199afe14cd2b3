"""Arithmetic, functions of one number, activations, comparisons and logic."""

from __future__ import annotations

import numpy as np

from ..nodes import Emitter, OnnxNode, Refused, maps
from ..tensors import DTYPES

_BINARY = ("Add", "Sub", "Mul", "Div", "Pow")
_COMPARISONS = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor")


@maps(*_BINARY, *_COMPARISONS, least=2, most=2)
def binary(node: OnnxNode, emit: Emitter) -> None:
    a, b = node.inputs
    if node.version < 7 and node.get("broadcast", 0) and "axis" in node.attributes:
        b = emit.add("AlignAxis", b, a, axis=node.get("axis", 0))
    emit.add(node.kind, a, b, to=node.output(0))


@maps("Mod", least=2, most=2)
def mod(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Fmod" if node.get("fmod", 0) else "Mod", *node.inputs, to=node.output(0))


@maps("Sum", "Mean", "Max", "Min", most=10_000)
def variadic(node: OnnxNode, emit: Emitter) -> None:
    if not all(node.inputs):
        raise Refused("an absent input")
    emit.add(node.kind, *node.inputs, to=node.output(0))


@maps(
    "Neg",
    "Abs",
    "Sqrt",
    "Log",
    "Exp",
    "Floor",
    "Ceil",
    "Round",
    "Reciprocal",
    "Sign",
    "Erf",
    "Not",
    "Identity",
    "IsNaN",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
)
def unary(node: OnnxNode, emit: Emitter) -> None:
    emit.add(node.kind, *node.inputs, to=node.output(0))


_ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSwish": "hard_silu",
    "Mish": "mish",
}


@maps(*_ACTIVATIONS)
def activation(node: OnnxNode, emit: Emitter) -> None:
    _activate(node, emit, _ACTIVATIONS[node.kind])


def _activate(node: OnnxNode, emit: Emitter, name: str, alpha: float = 0.0) -> None:
    emit.add("Activation", node.input(0), to=node.output(0), activation=(name, alpha))


@maps("LeakyRelu")
def leaky_relu(node: OnnxNode, emit: Emitter) -> None:
    _activate(node, emit, "leaky_relu", node.get("alpha", 0.01))


@maps("Elu")
def elu(node: OnnxNode, emit: Emitter) -> None:
    _activate(node, emit, "elu", node.get("alpha", 1.0))


_SELU = 1.67326319217681884765625, 1.05070102214813232421875


@maps("Selu")
def selu(node: OnnxNode, emit: Emitter) -> None:
    alpha, gamma = node.get("alpha", _SELU[0]), node.get("gamma", _SELU[1])
    if (alpha, gamma) == _SELU:
        _activate(node, emit, "selu")
    else:
        emit.chain(
            node.input(0),
            ("Activation", {"activation": ("elu", alpha)}),
            ("ScaleShift", {"scale": gamma, "shift": 0.0}),
            to=node.output(0),
        )


@maps("HardSigmoid")
def hard_sigmoid(node: OnnxNode, emit: Emitter) -> None:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        _activate(node, emit, "hard_sigmoid")
    else:
        emit.chain(
            node.input(0),
            ("ScaleShift", {"scale": alpha, "shift": beta}),
            ("Bounded", {"low": 0.0, "high": 1.0}),
            to=node.output(0),
        )


@maps("Gelu")
def gelu(node: OnnxNode, emit: Emitter) -> None:
    form = node.choice("approximate", "none", ("none", "tanh"))
    _activate(node, emit, "gelu" if form == "none" else "gelu_tanh")


@maps("Swish")
def swish(node: OnnxNode, emit: Emitter) -> None:
    if node.get("alpha", 1.0) == 1.0:
        _activate(node, emit, "silu")
    else:
        scaled = emit.add("ScaleShift", node.input(0), scale=node.get("alpha", 1.0), shift=0.0)
        gate = emit.add("Activation", scaled, activation=("sigmoid", 0.0))
        emit.add("Mul", node.input(0), gate, to=node.output(0))


@maps("Celu", "ThresholdedRelu")
def with_alpha(node: OnnxNode, emit: Emitter) -> None:
    emit.add(node.kind, node.input(0), to=node.output(0), alpha=node.get("alpha", 1.0))


@maps("Shrink")
def shrink(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Shrink", node.input(0), to=node.output(0), threshold=node.get("lambd", 0.5), bias=node.get("bias", 0.0))


@maps("PRelu", least=2, most=2)
def prelu(node: OnnxNode, emit: Emitter) -> None:
    x, slope = node.inputs
    if node.version < 7:
        slope = emit.add("AlignAxis", slope, x, axis=1)
    emit.add("PRelu", x, slope, to=node.output(0))


@maps("Clip", most=3)
def clip(node: OnnxNode, emit: Emitter) -> None:
    low, high = (_bound(node, emit, index, name) for index, name in ((1, "min"), (2, "max")))
    arrays = [emit.known(name) if name else None for name in (low, high)]
    numbers = [
        array.item() if array is not None and array.size == 1 and array.dtype.kind == "f" else None for array in arrays
    ]
    if numbers == [0.0, 6.0]:
        _activate(node, emit, "relu6")
    elif numbers[0] == 0.0 and not high:
        _activate(node, emit, "relu")
    else:
        emit.add("Clip", node.input(0), low, high, to=node.output(0))


def _bound(node: OnnxNode, emit: Emitter, index: int, name: str) -> str:
    """The name of a bound, which is an attribute before operator set 11."""
    if node.version >= 11:
        return node.input(index)
    return emit.constant(node.get(name, 0.0), np.float32) if name in node.attributes else ""


@maps("Where", least=3, most=3)
def where(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Where", *node.inputs, to=node.output(0))


@maps("IsInf")
def is_inf(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        "IsInf",
        node.input(0),
        to=node.output(0),
        negative=bool(node.get("detect_negative", 1)),
        positive=bool(node.get("detect_positive", 1)),
    )


@maps("Cast")
def cast(node: OnnxNode, emit: Emitter) -> None:
    number = node.get("to", 0)
    if number not in DTYPES:
        raise Refused(f"the element type {number}")
    emit.add("Cast", node.input(0), to=node.output(0), dtype=DTYPES[number].name)


@maps("CastLike", least=2, most=2)
def cast_like(node: OnnxNode, emit: Emitter) -> None:
    emit.add("CastLike", *node.inputs, to=node.output(0))


@maps("Dropout", most=3)
def dropout(node: OnnxNode, emit: Emitter) -> None:
    training = emit.known(node.input(2)) if node.input(2) else np.False_
    if training is None or training.any():
        raise Refused("training")
    emit.add("Identity", node.input(0), to=node.output(0))
    if node.output(1):
        true = emit.constant(True, bool)
        emit.add("Expand", true, emit.add("Shape", node.input(0)), to=node.output(1))
