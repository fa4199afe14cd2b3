"""Recurrent layers and the wrappers around layers."""

from __future__ import annotations

from .activations import fused_activation, spelled
from .layer import FileError, Symbol, Unsupported, keras_layer

__all__ = ["bidirectional", "gru", "lstm", "time_distributed"]


def _functions(layer) -> dict:
    """Both activations; only those that the kernels know serve."""
    found = {}
    for word, default in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        spec = layer.config.get(word, default)
        part = layer.part(layer.kind, {"activation": spec}, None)
        fused, _ = fused_activation(part)
        if fused is None and spelled(spec) != "linear":
            raise Unsupported(f"{word} {spec!r:.80}")
        found[word] = fused or ("linear", 0.0)
    return found


def _result(layer, states: list[Symbol]):
    """Sequence or last state, and the states that are asked for."""
    first = states[0] if layer.config.get("return_sequences") else states[1]
    return [first, *states[1:]] if layer.config.get("return_state") else first


def _recurrent(layer, x, op: str, outputs: int, kernel, recurrent, *biases, **attributes):
    if layer.config.get("stateful"):
        raise Unsupported("stateful")
    if isinstance(x, list):
        raise Unsupported("called with a state")
    if layer.config.get("time_major"):
        raise Unsupported("time_major")
    return _result(
        layer,
        layer.emit_several(
            op,
            x,
            kernel,
            recurrent,
            *biases,
            outputs=outputs,
            **attributes,
            go_backwards=bool(layer.config.get("go_backwards", False)),
        ),
    )


@keras_layer("LSTM", "CuDNNLSTM")
def lstm(layer, x):
    found = layer.part(layer.kind, layer.config, layer.weights.child("cell")).arrays(2, 3)
    return _recurrent(layer, x, "LSTM", 3, *found, **_functions(layer))


@keras_layer("GRU")
def gru(layer, x):
    kernel, recurrent, *bias = layer.part(layer.kind, layer.config, layer.weights.child("cell")).arrays(2, 3)
    # Two biases lie in one array where the reset gate comes after the product.
    biases = [] if not bias else list(bias[0]) if bias[0].ndim == 2 else [bias[0]]
    after = bool(layer.config.get("reset_after", layer.version > 1))
    return _recurrent(layer, x, "GRU", 2, kernel, recurrent, *biases, reset_after=after, **_functions(layer))


@keras_layer("Bidirectional")
def bidirectional(layer, x):
    config = layer.config["layer"]
    other = layer.config.get("backward_layer") or _reversed(config)
    forward = layer.inner(_named(config, "forward_"), "forward_layer", x)
    backward = layer.inner(_named(other, "backward_"), "backward_layer", x)
    if isinstance(forward, list) or isinstance(backward, list):
        raise Unsupported("return_state")
    if config["config"].get("return_sequences"):
        backward = layer.emit("Reverse", backward, axes=(1,))
    mode = layer.config.get("merge_mode", "concat")
    if mode is None:
        return [forward, backward]
    if mode == "concat":
        return layer.emit("Concat", forward, backward, axis=-1)
    ops = {"sum": "Add", "mul": "Mul", "ave": "Mean"}
    if mode not in ops:
        raise Unsupported(f"merge_mode {mode!r}")
    return layer.emit(ops[mode], forward, backward)


def _reversed(entry: dict) -> dict:
    config = entry["config"]
    return entry | {"config": config | {"go_backwards": not config.get("go_backwards", False)}}


def _named(entry: dict, prefix: str) -> dict:
    """The entry of one direction's layer by the name that its variables have."""
    name = str(entry["config"]["name"])
    return entry | {"config": entry["config"] | {"name": name if name.startswith(prefix) else prefix + name}}


@keras_layer("TimeDistributed")
def time_distributed(layer, x):
    if isinstance(x, list):
        raise FileError(f"layer {layer.name!r} (TimeDistributed) has several inputs")
    y = layer.inner(layer.config["layer"], "layer", layer.emit("FoldTime", x))
    if isinstance(y, list):
        raise Unsupported("several outputs")
    return layer.emit("UnfoldTime", y, x)
