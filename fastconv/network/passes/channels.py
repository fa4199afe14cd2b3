"""What multiplies or shifts each channel goes into the convolution, dense layer or normalization before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Graph, Node
from .rewriter import Rewriter

__all__ = ["fold_channel_factors"]

_WEIGHTED = ("Conv", "ConvTranspose", "Dense")


def fold_channel_factors(graph: Graph) -> None:
    """Fold BatchNormalization, and Mul, Div, Add and Sub by constants of a number a channel, into constant weights.

    Those of a BatchNormalization along the last axis take factors of one axis. The folded
    weights are computed in float64 and rounded once.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")],
    ...               [Node("Dense", ("x", "w"), ("y",)), Node("Mul", ("y", "s"), ("z",))],
    ...               {"w": np.ones((1, 2)), "s": np.array([2.0, 3.0])})
    >>> fold_channel_factors(graph)
    >>> [(node.op, node.outputs, graph.constants[node.inputs[1]].tolist()) for node in graph.nodes]
    [('Dense', ('z',), [[2.0, 3.0]])]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        while node.op in _WEIGHTED and _fold_next(rewriter, node):
            pass
        while node.op == "BatchNormalization" and _fold_into_normalization(rewriter, node):
            pass
    rewriter.finish()


def _fold_next(rewriter: Rewriter, node: Node) -> bool:
    weights = [rewriter.constant(name) if name else None for name in node.inputs[1:]]
    reader = rewriter.only_reader(node)
    if (
        reader is None
        or node.attributes.get("activation")
        or reader.attributes.get("activation")
        or (weights[0] is None or (node.inputs[2:] and node.inputs[2] and weights[1] is None))
    ):
        return False
    if node.op == "ConvTranspose" and node.attributes.get("groups", 1) != 1:
        return False
    kernel, bias = weights[0], weights[1] if len(weights) > 1 else None
    axis = -2 if node.op == "ConvTranspose" else -1
    found = _factors(rewriter, node, reader, kernel.ndim, kernel.shape[axis])
    if found is None:
        return False
    scale, shift = found
    wide = kernel.astype(np.float64)
    wide *= scale if axis == -1 else scale[:, np.newaxis]
    offset = shift if bias is None else bias * scale + shift
    stem = node.name or node.outputs[0]
    names = [rewriter.add_constant(array.astype(kernel.dtype), stem) for array in (wide, offset)]
    rewriter.absorb(node, reader)
    rewriter.set_inputs(node, (node.inputs[0], *names))
    return True


def _fold_into_normalization(rewriter: Rewriter, node: Node) -> bool:
    reader = rewriter.only_reader(node)
    parameters: list[Any] = [rewriter.constant(name) for name in node.inputs[1:3]]
    mean = rewriter.constant(node.inputs[3])
    if (
        node.attributes["axis"] != -1
        or reader is None
        or mean is None
        or mean.ndim != 1
        or any(name and array is None for name, array in zip(node.inputs[1:3], parameters, strict=True))
        or (node.attributes.get("activation") or reader.attributes.get("activation"))
    ):
        return False
    found = _arithmetic(rewriter, node, reader, 1, len(mean), True)
    if found is None:
        return False
    (scale, shift), (gamma, beta) = found, parameters
    offset = shift if beta is None else beta * scale + shift
    factors = (scale if gamma is None else gamma * scale, offset)
    stem = node.name or node.outputs[0]
    names = [rewriter.add_constant(np.asarray(array, mean.dtype), stem) for array in factors]
    rewriter.absorb(node, reader)
    rewriter.set_inputs(node, (node.inputs[0], *names, *node.inputs[3:]))
    return True


def _factors(rewriter: Rewriter, node: Node, reader: Node, ndim: int, channels: int) -> Any:
    """(scale, shift) of each channel that the reader applies, in float64, or None."""
    last = node.op == "Dense" or node.attributes.get("data_format", "channels_last") == "channels_last"
    if reader.op == "BatchNormalization":
        return _normalization(rewriter, node, reader, ndim, channels, last)
    return _arithmetic(rewriter, node, reader, 1 if node.op == "Dense" else ndim, channels, last)


def _arithmetic(rewriter: Rewriter, node: Node, reader: Node, ndim: int, channels: int, last: bool) -> Any:
    """The same of Add, Sub, Mul or Div, on a result of so many axes."""
    if reader.op not in ("Add", "Sub", "Mul", "Div") or reader.inputs[0] == reader.inputs[1]:
        return None
    place = reader.inputs.index(node.outputs[0])
    constant = rewriter.constant(reader.inputs[1 - place])
    if constant is None or (place == 1 and reader.op in ("Sub", "Div")):
        return None
    values = _of_channels(constant, ndim, channels, last)
    if values is None:
        return None
    one, zero = np.ones(channels), np.zeros(channels)
    return {"Add": (one, values), "Sub": (one, -values), "Mul": (values, zero), "Div": (1 / values, zero)}[reader.op]


def _normalization(rewriter: Any, node: Any, reader: Any, ndim: Any, channels: Any, last: Any) -> Any:
    axis = reader.attributes["axis"]
    wanted = (-1, ndim - 1) if last else (1, 1 - ndim)
    parameters: list[Any] = [rewriter.constant(name) if name else None for name in reader.inputs[1:]]
    absent = [not name for name in reader.inputs[1:]]
    if (
        axis not in (wanted[:1] if node.op == "Dense" else wanted)
        or reader.inputs[0] != node.outputs[0]
        or any(value is None and not gone for value, gone in zip(parameters, absent, strict=True))
    ):
        return None
    if any(value is not None and value.shape != (channels,) for value in parameters):
        return None
    gamma, beta, mean, variance = parameters
    scale = 1 / np.sqrt(variance.astype(np.float64) + reader.attributes["epsilon"])
    scale = scale if gamma is None else scale * gamma
    return scale, (0 if beta is None else beta) - mean * scale


def _of_channels(constant: np.ndarray, ndim: int, channels: int, last: bool) -> np.ndarray | None:
    """A number for each channel of a constant that is broadcast to a result of so many axes, or None."""
    if constant.ndim > ndim or constant.dtype.kind != "f":
        return None
    if constant.size == 1:
        return np.full(channels, constant.reshape(()), np.float64)
    shape = (1,) * (ndim - constant.ndim) + constant.shape
    axis = ndim - 1 if last else 1
    wanted = tuple(channels if place == axis else 1 for place in range(ndim))
    return constant.reshape(channels).astype(np.float64) if shape == wanted else None
