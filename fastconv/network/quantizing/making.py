"""A network in 8 bits from one of floats and samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from ... import _args
from ..graph import Graph, Node
from ..inputs import arrays_of
from ..limits import Limits
from ..passes import PREPARING, optimize
from ..plans import Plans, check_shape
from ..progress import Progress
from .calibration import METHODS, Observed, scale_for
from .choosing import Chosen, axis_of, choose, layers_of, split_activations
from .report import LayerReport, QuantizationReport
from .writing import in_bytes

__all__ = ["quantized"]

Batches: TypeAlias = list[list[np.ndarray]]
_BATCH, _COMPARED = 32, 4  # images of a batch, where samples are one array; batches that layers are compared on
_LEAST, _LOSS = 10.0, 6.0  # dB that a layer in 8 bits gives, and that it may lose of what it reads


def quantized(
    graph: Graph,
    samples: Any,
    limits: Limits,
    *,
    weights: str,
    activations: str,
    method: str,
    keep: Any,
    progress: bool | None,
) -> tuple[Graph, QuantizationReport]:
    """The graph in 8 bits, and what that loses. Arguments as of `Net.quantize`."""
    per_channel = _args.choice(weights, "weights", ("per_channel", "per_tensor")) == "per_channel"
    dtype = np.dtype(_args.choice(activations, "activations", ("uint8", "int8")))
    method = _args.choice(method, "method", METHODS)
    batches = _batches(graph, samples)
    folded = optimize(graph, PREPARING)
    split_activations(folded)
    folded.layers = {name: value for name, value in folded.layers.items() if value in folded.names()}
    layers = layers_of(folded)
    kept, given = _kept(layers, keep), choose(folded, set()).given
    plans = Plans(folded, limits)
    chosen = choose(folded, set(kept))
    seen = _observed(folded, plans, chosen, batches, method, progress)
    scales = {name: (*scale_for(value, method, dtype), dtype) for name, value in seen.items()}
    made = in_bytes(folded, chosen, scales, seen, per_channel)
    ratios = _ratios(plans, made, given, batches[:_COMPARED], limits)
    poor = _poor(chosen, ratios)
    if poor:
        kept |= dict.fromkeys(poor, "noise")
        chosen = choose(folded, set(kept))
        made = in_bytes(folded, chosen, scales, seen, per_channel)
        ratios = _ratios(plans, made, given, batches[:_COMPARED], limits)
    named = {value: name for name, value in graph.layers.items()}
    rows = [
        LayerReport(
            named.get(given[node.outputs[0]], node.name or node.outputs[0]),
            node.kind or node.op,
            ratios[given[node.outputs[0]]],
            kept.get(node.outputs[0], ""),
        )
        for node in layers
    ]
    return made, QuantizationReport(tuple(rows))


def _batches(graph: Graph, samples: Any) -> Batches:
    """The arrays of each batch, in the order of the inputs."""
    if isinstance(samples, np.ndarray) and samples.ndim:
        samples = [samples[begin : begin + _BATCH] for begin in range(0, len(samples), _BATCH)]
    if not isinstance(samples, Iterable) or isinstance(samples, (dict, str, bytes, np.ndarray)):
        raise TypeError(f"`samples` must be an array or batches of them; received {type(samples).__name__}")
    batches = [_arrays(graph, batch) for batch in samples]
    batches = [batch for batch in batches if all(array.size for array in batch)]
    if not batches:
        raise ValueError("`samples` must hold at least one batch that is not empty")
    return batches


def _arrays(graph: Graph, batch: Any) -> list[np.ndarray]:
    """The arrays of one batch, in the order of the inputs."""
    try:
        arrays = arrays_of(graph.inputs, [batch])
        for array, value in zip(arrays, graph.inputs, strict=True):
            check_shape(array.shape, value)
        return arrays
    except (TypeError, ValueError) as error:
        raise type(error)(f"`samples` must be inputs of the network: {error}") from error


def _kept(layers: list[Node], keep: Any) -> dict[str, str]:
    """The outputs of layers that stay in float32, and why."""
    words = (keep,) if isinstance(keep, str) else tuple(keep) if isinstance(keep, Iterable) else (keep,)
    if not all(isinstance(word, str) for word in words):
        raise TypeError(f"`keep` must be a str or several; received {keep!r}")
    names = {node.name or node.outputs[0]: node.outputs[0] for node in layers}
    ends = {"first": layers[:1], "last": layers[-1:]}
    unknown = [word for word in words if word not in ends and word not in names]
    if unknown:
        raise ValueError(f"`keep` must be some of 'first', 'last' and {sorted(names)}; received {unknown}")
    kept = {names[word]: "keep" for word in words if word in names}
    return kept | {node.outputs[0]: word for word in words for node in ends.get(word, ())}


def _observed(
    graph: Graph, plans: Plans, chosen: Chosen, batches: Batches, method: str, progress: Any
) -> dict[str, Observed]:
    """What the samples show of every value that has a scale."""
    axes: dict[str, dict[int, None]] = {}
    for node, _ in chosen.layers:
        axes.setdefault(node.inputs[0], {})[axis_of(node)] = None
    names = tuple(dict.fromkeys([*chosen.values.values(), *axes]))
    seen = {name: Observed(tuple(axes.get(name, ()))) for name in names}
    sweeps = [Observed.see] if method == "minmax" else [Observed.see, Observed.count]
    total = len(sweeps) * sum(len(batch[0]) for batch in batches)
    with Progress(total, progress, "quantize") as shown:
        for sweep in sweeps:
            for batch in batches:
                for name, array in zip(names, plans.run(batch, names) if names else [], strict=True):
                    sweep(seen[name], array)
                shown.advance(len(batch[0]))
    if any(not np.isfinite([value.low, value.high]).all() for value in seen.values()):
        raise ValueError("the network gives numbers on `samples` that are not finite")
    return seen


def _ratios(plans: Plans, made: Graph, given: dict[str, str], batches: Batches, limits: Limits) -> dict[str, float]:
    """The signal-to-noise ratio of values in dB."""
    names = tuple(dict.fromkeys(given.values()))
    if not names:
        return {}
    other, signal, noise = Plans(made, limits), np.zeros(len(names)), np.zeros(len(names))
    for batch in batches:
        for place, (exact, rounded) in enumerate(zip(plans.run(batch, names), other.run(batch, names), strict=True)):
            signal[place] += np.square(exact, dtype=np.float64).sum()
            noise[place] += np.square(np.subtract(exact, rounded, dtype=np.float64)).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 10 * np.log10(signal / noise)
    return {name: float(np.where(np.isnan(ratio), np.inf, ratio)) for name, ratio in zip(names, found, strict=True)}


def _poor(chosen: Chosen, ratios: dict[str, float]) -> list[str]:
    """Outputs of layers in 8 bits that lose too much."""
    return [
        node.outputs[0]
        for node, value in chosen.layers
        if ratios[value] < _LEAST and ratios.get(node.inputs[0], np.inf) - ratios[value] > _LOSS
    ]
