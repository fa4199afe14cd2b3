"""Recurrent layers and the wrappers around layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FileError
from .activations import fused_activation, spelled
from .layer import Symbol, Unsupported, keras_layer

__all__ = ["bidirectional", "gru", "lstm", "rnn", "simple_rnn", "time_distributed"]


def _functions(layer: Any, *words: tuple[str, str]) -> dict[Any, Any]:
    """Activations by their words and defaults; only those that the kernels know serve."""
    found = {}
    for word, default in words:
        spec = layer.config.get(word, default)
        part = layer.part(layer.kind, {"activation": spec}, None)
        fused, _ = fused_activation(part)
        if fused is None and spelled(spec) != "linear":
            raise Unsupported(f"{word} {spec!r:.80}")
        found[word] = fused or ("linear", 0.0)
    return found


_ACTIVATION, _GATE = ("activation", "tanh"), ("recurrent_activation", "sigmoid")


def _recurrent(
    layer: Any, x: Any, op: str, outputs: int, weights: list[Any], functions: dict[Any, Any], **attributes: Any
) -> Any:
    """The node of a layer, its result and the states that are asked for.

    ``weights`` are kernels and biases, None where there are none; the states and the mask come after them.
    """
    if layer.config.get("stateful"):
        # Calls of a network leave nothing behind, so that threads may share it.
        raise Unsupported("stateful: save it with stateful=False, and with return_state=True where states are wanted")
    if layer.config.get("time_major"):
        raise Unsupported("time_major")
    x, states = _with_states(layer, x, outputs - 1)
    results = layer.emit_several(
        op,
        x,
        *weights,
        *states,
        layer.mask,
        outputs=outputs,
        **functions,
        **attributes,
        go_backwards=bool(layer.config.get("go_backwards", False)),
        zero_masked=bool(layer.config.get("zero_output_for_mask", False)),
    )
    sequence, *last = results
    if layer.config.get("return_sequences"):
        first = sequence
        layer.give_mask(first, layer.mask)
    else:  # a masked end repeats an output, which differs from the state where nothing was set before
        first = last[0] if layer.mask is None else layer.emit("Gather", sequence, np.array(-1), axis=1)
    return [first, *last] if layer.config.get("return_state") else first


def _with_states(layer: Any, x: Any, count: int) -> tuple[Symbol, list[Symbol | None]]:
    """The sequence, and the states that the layer is called with, or None for each."""
    states = layer.words.get("initial_state")
    if isinstance(x, (list, tuple)):
        x, *states = x
    if states is None:
        return x, [None] * count
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    if len(states) != count or not all(isinstance(state, Symbol) for state in [x, *states]):
        raise Unsupported(f"called with {len(states)} states, not all of them layers' outputs")
    return x, states


def _cell_weights(layer: Any, *counts: int) -> list[np.ndarray]:
    result: list[np.ndarray] = layer.part(layer.kind, layer.config, layer.weights.child("cell", "cell")).arrays(*counts)
    return result


@keras_layer("LSTM", "CuDNNLSTM")
def lstm(layer: Any, x: Any) -> Any:
    kernel, recurrent, *bias = _cell_weights(layer, 2, 3)
    if layer.kind == "CuDNNLSTM":
        kernel, recurrent, bias = _of_cudnn(kernel, recurrent, bias[0].reshape(2, -1).sum(0), 4)
    return _recurrent(
        layer, x, "LSTM", 3, [kernel, recurrent, bias[0] if bias else None], _functions(layer, _ACTIVATION, _GATE)
    )


@keras_layer("GRU", "CuDNNGRU")
def gru(layer: Any, x: Any) -> Any:
    kernel, recurrent, *bias = _cell_weights(layer, 2, 3)
    after = bool(layer.config.get("reset_after", layer.version > 1))
    if layer.kind == "CuDNNGRU":
        kernel, recurrent, bias = _of_cudnn(kernel, recurrent, bias[0].reshape(2, -1), 3)
        after = True
    # Two biases lie in one array where the reset gate comes after the product.
    biases = [None, None] if not bias else list(bias[0]) if bias[0].ndim == 2 else [bias[0], None]
    functions = _functions(layer, _ACTIVATION, _GATE)
    return _recurrent(layer, x, "GRU", 2, [kernel, recurrent, *biases], functions, reset_after=after)


def _of_cudnn(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, gates: int) -> Any:
    """Weights of a layer of cuDNN, whose gates' matrices are transposed, as the others have them."""
    kernels = [part.T.reshape(part.shape, order="F") for part in np.split(kernel, gates, axis=1)]
    return np.hstack(kernels), np.hstack([part.T for part in np.split(recurrent, gates, axis=1)]), [bias]


@keras_layer("SimpleRNN")
def simple_rnn(layer: Any, x: Any) -> Any:
    kernel, recurrent, *bias = _cell_weights(layer, 2, 3)
    return _recurrent(
        layer, x, "RNN", 2, [kernel, recurrent, bias[0] if bias else None], _functions(layer, _ACTIVATION)
    )


_OF_CELLS = {"LSTMCell": lstm, "GRUCell": gru, "SimpleRNNCell": simple_rnn}


@keras_layer("RNN")
def rnn(layer: Any, x: Any) -> Any:
    """A layer of one cell, which is the layer of that kind."""
    cell = layer.config.get("cell")
    kind = cell.get("class_name") if isinstance(cell, dict) else None
    if kind not in _OF_CELLS:
        raise Unsupported(f"a cell of class {kind}")
    return _OF_CELLS[kind](layer.part(kind, cell["config"] | layer.config, layer.weights), x)


@keras_layer("Bidirectional")
def bidirectional(layer: Any, x: Any) -> Any:
    config = layer.config["layer"]
    other = layer.config.get("backward_layer") or _reversed(config)
    sequences = bool(config["config"].get("return_sequences"))
    x, states = _halves(layer, x)
    results = []
    for entry, prefix, initial in zip((config, other), ("forward_", "backward_"), states, strict=True):
        entry = _named(entry, prefix)
        # A masked end is 0 in both directions, so that they fit each other.
        entry = entry | {"config": entry["config"] | {"zero_output_for_mask": sequences}}
        results.append(layer.inner(entry, f"{prefix}layer", x, initial_state=initial))
    (forward, *forward_states), (backward, *backward_states) = (
        result if isinstance(result, list) else [result] for result in results
    )
    if sequences:
        backward = layer.emit("Reverse", backward, axes=(1,))
    merged = _merged(layer, forward, backward)
    if sequences:
        for result in merged:
            layer.give_mask(result, layer.mask)
    merged += [*forward_states, *backward_states]
    return merged if len(merged) > 1 else merged[0]


def _halves(layer: Any, x: Any) -> Any:
    """The sequence, and the states of each direction, None where there are none."""
    states = layer.words.get("initial_state")
    if isinstance(x, (list, tuple)):
        x, *states = x
    if states is None:
        return x, (None, None)
    half = len(states) // 2
    return x, (list(states[:half]), list(states[half:]))


def _merged(layer: Any, forward: Symbol, backward: Symbol) -> list[Symbol]:
    mode = layer.config.get("merge_mode", "concat")
    if mode is None:
        return [forward, backward]
    if mode == "concat":
        return [layer.emit("Concat", forward, backward, axis=-1)]
    ops = {"sum": "Add", "mul": "Mul", "ave": "Mean"}
    if mode not in ops:
        raise Unsupported(f"merge_mode {mode!r}")
    return [layer.emit(ops[mode], forward, backward)]


def _reversed(entry: dict[Any, Any]) -> dict[Any, Any]:
    config = entry["config"]
    return entry | {"config": config | {"go_backwards": not config.get("go_backwards", False)}}


def _named(entry: dict[Any, Any], prefix: str) -> dict[Any, Any]:
    """The entry of one direction's layer by the name that its variables have."""
    name = str(entry["config"]["name"])
    return entry | {"config": entry["config"] | {"name": name if name.startswith(prefix) else prefix + name}}


@keras_layer("TimeDistributed")
def time_distributed(layer: Any, x: Any) -> Any:
    if isinstance(x, list):
        raise FileError(f"layer {layer.name!r} (TimeDistributed) has several inputs")
    y = layer.inner(layer.config["layer"], "layer", layer.emit("FoldTime", x))
    if isinstance(y, list):
        raise Unsupported("several outputs")
    y = layer.emit("UnfoldTime", y, x)
    layer.give_mask(y, layer.mask)
    return y
