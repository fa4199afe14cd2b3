"""Operators of 8-bit integers: ONNX's, and those of ONNX Runtime that its tool writes, which stand for a
DequantizeLinear before, and a QuantizeLinear after, an operator on floats."""

from __future__ import annotations

from typing import Any

from ..nodes import Emitter, OnnxNode, Refused, maps
from ..tensors import DTYPES
from .images import pool_attributes, spatial_axes, window_attributes

_RUNTIME = "com.microsoft."


def _dtype(node: OnnxNode) -> dict[Any, Any]:
    """The attribute for the result's element type, if that is given."""
    number = node.get("output_dtype", 0)
    if number and number not in DTYPES:
        raise Refused(f"the element type {number}")
    return {"dtype": DTYPES[number].name} if number else {}


@maps("QuantizeLinear", "DequantizeLinear", f"{_RUNTIME}QuantizeLinear", f"{_RUNTIME}DequantizeLinear", least=2, most=3)
def quantize_linear(node: OnnxNode, emit: Emitter) -> None:
    if node.get("precision", 0) not in (0, 1):
        raise Refused(f"precision {node.get('precision', 0)}")
    words = {"axis": node.get("axis", 1), "block": node.get("block_size", 0)} | _dtype(node)
    emit.add(node.kind.removeprefix(_RUNTIME), *node.inputs, to=node.output(0), **words)


@maps("DynamicQuantizeLinear")
def dynamic_quantize_linear(node: OnnxNode, emit: Emitter) -> None:
    emit.add(node.kind, node.input(0), to=node.outputs)


def _kernel(node: OnnxNode, emit: Emitter, place: int) -> tuple[str, dict[Any, Any]]:
    """The kernel of a convolution, which is that input, in the network's order, and the attributes."""
    rank = spatial_axes(node, emit, place)
    words = window_attributes(node, rank) | {"groups": node.get("group", 1)}
    return emit.transposed(node.input(place), (*range(2, rank + 2), 1, 0)), words


@maps("ConvInteger", least=2, most=4)
def conv_integer(node: OnnxNode, emit: Emitter) -> None:
    kernel, words = _kernel(node, emit, 1)
    emit.add("ConvInteger", node.input(0), kernel, node.input(2), node.input(3), to=node.output(0), **words)


@maps("QLinearConv", least=8, most=9)
def qlinear_conv(node: OnnxNode, emit: Emitter) -> None:
    kernel, words = _kernel(node, emit, 3)
    emit.add("QLinearConv", *node.inputs[:3], kernel, *node.inputs[4:], to=node.output(0), **words)


@maps("MatMulInteger", least=2, most=4)
def matmul_integer(node: OnnxNode, emit: Emitter) -> None:
    emit.add("MatMulInteger", *node.inputs, to=node.output(0))


@maps("QLinearMatMul", least=8, most=8)
def qlinear_matmul(node: OnnxNode, emit: Emitter) -> None:
    emit.add("QLinearMatMul", *node.inputs, to=node.output(0))


@maps(f"{_RUNTIME}QGemm", least=6, most=9)
def qgemm(node: OnnxNode, emit: Emitter) -> None:
    a, b = (
        emit.transposed(node.input(place), (1, 0)) if node.get(word, 0) else node.input(place)
        for place, word in ((0, "transA"), (3, "transB"))
    )
    if node.input(7) and not node.input(8):
        raise Refused("a scale of the result without a zero point")
    inputs = a, *node.inputs[1:3], b, *node.inputs[4:6], node.input(7), node.input(8), node.input(6)
    emit.add("QLinearMatMul", *inputs, to=node.output(0), alpha=node.get("alpha", 1.0))


def _as_float(emit: Emitter, *names: str) -> str:
    """The floats that an integer, its scale and its zero point, or none, stand for."""
    return emit.add("DequantizeLinear", *names)


def _give(node: OnnxNode, emit: Emitter, y: str, scale: str, zero: str) -> None:
    """The node's output: a value as integers."""
    emit.add("QuantizeLinear", y, scale, zero, to=node.output(0))


@maps(f"{_RUNTIME}QLinearAdd", f"{_RUNTIME}QLinearMul", least=7, most=8)
def arithmetic(node: OnnxNode, emit: Emitter) -> None:
    both = _as_float(emit, *node.inputs[:3]), _as_float(emit, *node.inputs[3:6])
    y = emit.add(node.kind.removeprefix(f"{_RUNTIME}QLinear"), *both)
    _give(node, emit, y, node.input(6), node.input(7))


@maps(
    f"{_RUNTIME}QLinearSigmoid",
    f"{_RUNTIME}QLinearLeakyRelu",
    f"{_RUNTIME}QLinearSoftmax",
    f"{_RUNTIME}QLinearGlobalAveragePool",
    f"{_RUNTIME}QLinearAveragePool",
    least=4,
    most=5,
)
def of_one_input(node: OnnxNode, emit: Emitter) -> None:
    if node.get("channels_last", 0):
        raise Refused("channels_last")
    x = _as_float(emit, *node.inputs[:3])
    kind = node.kind.removeprefix(f"{_RUNTIME}QLinear")
    if kind == "Sigmoid":
        y = emit.add("Activation", x, activation=("sigmoid", 0.0))
    elif kind == "LeakyRelu":
        y = emit.add("Activation", x, activation=("leaky_relu", node.get("alpha", 0.01)))
    elif kind == "Softmax":
        if node.get("opset", 13) < 13:
            raise Refused(f"opset {node.get('opset', 13)}")
        y = emit.add("Softmax", x, axis=node.get("axis", -1))
    elif kind == "AveragePool":
        y = emit.add("AveragePool", x, **pool_attributes(node))
    else:
        y = emit.add(kind, x)
    _give(node, emit, y, node.input(3), node.input(4))


@maps(f"{_RUNTIME}QLinearConcat", least=5, most=100_000)
def concat(node: OnnxNode, emit: Emitter) -> None:
    if "axis" not in node.attributes or len(node.inputs) % 3 != 2 or not all(node.inputs):
        raise Refused("no axis, or inputs that are no triples")
    parts = [_as_float(emit, *node.inputs[place : place + 3]) for place in range(2, len(node.inputs), 3)]
    y = emit.add("Concat", *parts, axis=node.get("axis", 0))
    _give(node, emit, y, *node.inputs[:2])
