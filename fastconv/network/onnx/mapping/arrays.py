"""Shapes, the order of axes, and arrays made of nothing."""

from __future__ import annotations

import numpy as np

from ..nodes import Emitter, OnnxNode, Refused, maps


def ints_input(node: OnnxNode, emit: Emitter, index: int, name: str, since: int) -> str:
    """The name of an input of integers, which is an attribute before that operator set; empty where it is absent."""
    if node.version >= since:
        return node.input(index)
    numbers = node.numbers(name)
    return "" if numbers is None else emit.constant(numbers)


@maps("Reshape", least=2, most=2)
def reshape(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Reshape", *node.inputs, to=node.output(0), allowzero=bool(node.get("allowzero", 0)))


@maps("Flatten")
def flatten(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Flatten", node.input(0), to=node.output(0), axis=node.get("axis", 1))


@maps("Transpose")
def transpose(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Transpose", node.input(0), to=node.output(0), perm=node.numbers("perm"))


@maps("Squeeze", "Unsqueeze", most=2)
def squeeze(node: OnnxNode, emit: Emitter) -> None:
    axes = ints_input(node, emit, 1, "axes", 13)
    if node.kind == "Unsqueeze" and not axes:
        raise Refused("no axes")
    emit.add(node.kind, node.input(0), axes, to=node.output(0))


@maps("Concat", most=100_000)
def concat(node: OnnxNode, emit: Emitter) -> None:
    if "axis" not in node.attributes or not all(node.inputs):
        raise Refused("no axis, or an absent input")
    emit.add("Concat", *node.inputs, to=node.output(0), axis=node.get("axis", 0))


@maps("Split", most=2)
def split(node: OnnxNode, emit: Emitter) -> None:
    sizes = ints_input(node, emit, 1, "split", 13)
    count = node.get("num_outputs", len(node.outputs))
    if not count == len(node.outputs) > 0:
        raise Refused(f"{count} parts for {len(node.outputs)} outputs")
    emit.add("Split", node.input(0), sizes, to=node.outputs, axis=node.get("axis", 0), parts=count)


@maps("Slice", most=5)
def slice_(node: OnnxNode, emit: Emitter) -> None:
    names = [ints_input(node, emit, index, name, 10) for index, name in enumerate(("starts", "ends", "axes"), 1)]
    if not all(names[:2]):
        raise Refused("no starts or no ends")
    emit.add("Slice", node.input(0), *names, node.input(4), to=node.output(0))


@maps("Pad", most=4)
def pad(node: OnnxNode, emit: Emitter) -> None:
    mode = node.choice("mode", "constant", ("constant", "edge", "reflect", "wrap"))
    pads = ints_input(node, emit, 1, "pads", 11)
    if not pads:
        raise Refused("no pads")
    value = node.input(2) if node.version >= 11 else emit.constant(node.get("value", 0.0), np.float64)
    emit.add("Pad", node.input(0), pads, value, node.input(3), to=node.output(0), mode=mode)


@maps("Shape")
def shape(node: OnnxNode, emit: Emitter) -> None:
    words = {name: node.get(name, 0) for name in ("start", "end") if name in node.attributes}
    emit.add("Shape", node.input(0), to=node.output(0), **words)


@maps("Size")
def size(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Size", node.input(0), to=node.output(0))


@maps("Expand", least=2, most=2)
def expand(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Expand", *node.inputs, to=node.output(0))


@maps("Tile", least=2, most=2)
def tile(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Tile", *node.inputs, to=node.output(0))


@maps("ConstantOfShape")
def constant_of_shape(node: OnnxNode, emit: Emitter) -> None:
    value = node.get("value", np.zeros(1, np.float32))
    if value.size != 1:
        raise Refused(f"a value of shape {value.shape}")
    emit.add("Expand", emit.constant(value.reshape(()), value.dtype), node.input(0), to=node.output(0), exact=True)


_CONSTANTS = {
    "value_float": (0.0, np.float32),
    "value_int": (0, np.int64),
    "value_floats": ((0.0,), np.float32),
    "value_ints": ((0,), np.int64),
}


@maps("Constant", least=0, most=0)
def constant(node: OnnxNode, emit: Emitter) -> None:
    if "value" in node.attributes:
        emit.give(node.output(0), node.get("value", np.empty(0)))
        return
    name = next((name for name in _CONSTANTS if name in node.attributes), None)
    if name is None:
        raise Refused("no value of a kind that is supported")
    default, dtype = _CONSTANTS[name]
    try:
        emit.give(node.output(0), np.asarray(node.get(name, default), dtype))
    except OverflowError:
        raise Refused("a number out of range") from None


@maps("Range", least=3, most=3)
def range_(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Range", *node.inputs, to=node.output(0))


@maps("DepthToSpace", "SpaceToDepth")
def depth_to_space(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        node.kind,
        node.input(0),
        to=node.output(0),
        block=node.get("blocksize", 0),
        mode=node.choice("mode", "DCR", ("DCR", "CRD")),
    )
