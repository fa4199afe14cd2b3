"""Recurrent layers, a direction at a time."""

from __future__ import annotations

from ..nodes import Emitter, OnnxNode, Refused, maps

# By kind: the gates' functions, and the place in the network's order of gates of each in ONNX's.
_GATES = {"LSTM": (("Sigmoid", "Tanh", "Tanh"), (0, 2, 3, 1)), "GRU": (("Sigmoid", "Tanh"), (0, 1, 2))}


@maps("LSTM", "GRU", least=3, most=8)
def recurrent(node: OnnxNode, emit: Emitter) -> None:
    direction = node.choice("direction", "forward", ("forward", "reverse", "bidirectional"))
    directions = 2 if direction == "bidirectional" else 1
    functions, _ = _GATES[node.kind]
    given = node.get("activations", functions * directions)
    if [name.lower() for name in given] != [name.lower() for name in functions * directions]:
        raise Refused(f"activations {given}")
    if "clip" in node.attributes or node.input(4) or node.input(7) or node.get("input_forget", 0):
        raise Refused("clip, sequence_lens, peepholes or input_forget")
    first = bool(node.get("layout", 0))
    x = node.input(0) if first else emit.add("Transpose", node.input(0), perm=(1, 0, 2))
    backwards = [direction == "reverse"] if directions == 1 else [False, True]
    parts = [_direction(node, emit, x, i, back, first) for i, back in enumerate(backwards)]
    # Of each direction (batch, time, units): with axes of directions and time where the layout has them.
    axis, perm = (2, None) if first else (1, (1, 0, 2))
    sequences = [part[0] if first else emit.add("Transpose", part[0], perm=perm) for part in parts]
    _stacked(emit, sequences, axis, node.output(0))
    for i, output in enumerate(node.outputs[1:3], 1):
        _stacked(emit, [part[i] for part in parts], 1 if first else 0, output)


def _stacked(emit: Emitter, parts: list[str], axis: int, output: str) -> None:
    """The values of the directions along a new axis."""
    if output:
        at = emit.constant([axis])
        emit.add("Concat", *(emit.add("Unsqueeze", part, at) for part in parts), to=output, axis=axis)


def _direction(node: OnnxNode, emit: Emitter, x: str, index: int, backwards: bool, first: bool) -> tuple[str, ...]:
    """The sequence, last state and last cell of a direction."""
    gates = len(_GATES[node.kind][1])
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
    if node.kind == "LSTM":
        bias = emit.add("Add", *biases) if biases[0] else ""
        emit.add("LSTM", x, kernel, recurrent_kernel, bias, *states, to=outputs, go_backwards=backwards)
    else:
        emit.add(
            "GRU",
            x,
            kernel,
            recurrent_kernel,
            *biases,
            states[0],
            to=outputs,
            go_backwards=backwards,
            reset_after=bool(node.get("linear_before_reset", 0)),
        )
    if backwards:  # the operator gives the results of a reversed time in its own order
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
