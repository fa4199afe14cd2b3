"""Recurrent layers, a direction at a time."""

from __future__ import annotations

from typing import Any

from ..nodes import Emitter, OnnxNode, Refused, maps

# By kind: the gates' functions, and the place in the network's order of gates of each in ONNX's.
_GATES = {
    "LSTM": (("Sigmoid", "Tanh", "Tanh"), (0, 2, 3, 1)),
    "GRU": (("Sigmoid", "Tanh"), (0, 1, 2)),
    "RNN": (("Tanh",), (0,)),
}
# Functions that have no parameters, or one with the network's default.
_FUNCTIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu", "softplus": "softplus", "softsign": "softsign"}


def _functions(node: OnnxNode, directions: int) -> dict[Any, Any]:
    """The attributes of the gates' functions, which all directions share."""
    defaults, _ = _GATES[node.kind]
    given = [name.lower() for name in node.get("activations", defaults * directions)]
    first = given[: len(defaults)]
    known = all(name in _FUNCTIONS for name in first) and first * directions == given
    if not known or first[1:2] != first[2:3] * (node.kind == "LSTM") + first[1:2] * (node.kind != "LSTM"):
        raise Refused(f"activations {given}")
    words = {"activation": (_FUNCTIONS[first[-1]], 0.0)}
    return words if node.kind == "RNN" else words | {"recurrent_activation": (_FUNCTIONS[first[0]], 0.0)}


@maps("LSTM", "GRU", "RNN", least=3, most=8)
def recurrent(node: OnnxNode, emit: Emitter) -> None:
    direction = node.choice("direction", "forward", ("forward", "reverse", "bidirectional"))
    directions = 2 if direction == "bidirectional" else 1
    functions = _functions(node, directions)
    if "clip" in node.attributes or node.get("input_forget", 0):
        raise Refused("clip or input_forget")
    first = bool(node.get("layout", 0))
    x = node.input(0) if first else emit.add("Transpose", node.input(0), perm=(1, 0, 2))
    backwards = [direction == "reverse"] if directions == 1 else [False, True]
    mask = _mask(emit, x, node.input(4)) if node.input(4) else ""
    words = functions | {"zero_masked": True}
    parts = [_direction(node, emit, (x, mask), i, words | {"go_backwards": back}) for i, back in enumerate(backwards)]
    # Of each direction (batch, time, units): with axes of directions and time where the layout has them.
    axis, perm = (2, None) if first else (1, (1, 0, 2))
    sequences = [part[0] if first else emit.add("Transpose", part[0], perm=perm) for part in parts]
    _stacked(emit, sequences, axis, node.output(0))
    for i, output in enumerate(node.outputs[1:3], 1):
        _stacked(emit, [part[i] for part in parts], 1 if first else 0, output)


def _mask(emit: Emitter, x: str, lengths: str) -> str:
    """Which times of each sequence are before its end."""
    total = emit.add("Gather", emit.add("Shape", x), emit.constant(1), axis=0)
    times = emit.add("Range", emit.constant(0), total, emit.constant(1))
    ends = emit.add("Unsqueeze", emit.add("Cast", lengths, dtype="int64"), emit.constant([1]))
    return emit.add("Less", times, ends)


def _stacked(emit: Emitter, parts: list[str], axis: int, output: str) -> None:
    """The values of the directions along a new axis."""
    if output:
        at = emit.constant([axis])
        emit.add("Concat", *(emit.add("Unsqueeze", part, at) for part in parts), to=output, axis=axis)


def _direction(
    node: OnnxNode, emit: Emitter, source: tuple[str, str], index: int, words: dict[str, Any]
) -> tuple[str, ...]:
    """The sequence, last state and last cell of a direction, of x and its mask."""
    (x, mask), gates, first = source, len(_GATES[node.kind][1]), bool(node.get("layout", 0))
    kernel, recurrent_kernel = (_gates(emit, node.kind, _part(emit, node.input(i), index, 0)) for i in (1, 2))
    kernel, recurrent_kernel = (emit.add("Transpose", name, perm=(1, 0)) for name in (kernel, recurrent_kernel))
    biases = ["", ""]
    if node.input(3):
        both = _part(emit, node.input(3), index, 0)
        biases = [
            emit.add(
                "Slice",
                emit.add("Reshape", both, emit.constant([2, -1])),
                emit.constant([i]),
                emit.constant([i + 1]),
                emit.constant([0]),
            )
            for i in range(2)
        ]
        biases = [_gates(emit, node.kind, emit.add("Reshape", bias, emit.constant([-1]))) for bias in biases]
    states = [_part(emit, node.input(i), index, 1 if first else 0) if node.input(i) else "" for i in (5, 6)]
    outputs = tuple(emit.new_name() for _ in range(3 if gates == 4 else 2))
    kernels = (x, kernel, recurrent_kernel)
    if node.kind == "GRU":
        after = bool(node.get("linear_before_reset", 0))
        emit.add("GRU", *kernels, *biases, states[0], mask, to=outputs, reset_after=after, **words)
    else:
        bias = emit.add("Add", *biases) if biases[0] else ""
        if node.kind == "LSTM":
            peepholes = _part(emit, node.input(7), index, 0) if node.input(7) else ""
            emit.add("LSTM", *kernels, bias, *states, mask, peepholes, to=outputs, **words)
        else:
            emit.add("RNN", *kernels, bias, states[0], mask, to=outputs, **words)
    if words["go_backwards"]:  # the operator gives the results of a reversed time in its own order
        return (emit.add("Reverse", outputs[0], axes=(1,)), *outputs[1:])
    return outputs


def _part(emit: Emitter, name: str, index: int, axis: int) -> str:
    """The part of a value that belongs to a direction."""
    return emit.add("Gather", name, emit.constant(index), axis=axis)


def _gates(emit: Emitter, kind: str, name: str) -> str:
    """A value's gates along its first axis in the network's order."""
    order = _GATES[kind][1]
    if order == tuple(sorted(order)):
        return name
    parts = tuple(emit.new_name() for _ in order)
    emit.add("Split", name, to=parts, axis=0, parts=len(parts))
    return emit.add("Concat", *(parts[i] for i in order), axis=0)
