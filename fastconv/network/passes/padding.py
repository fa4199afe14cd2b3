"""Zeros around images, and zero points, go into the convolution or maximum that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Graph, Node
from .rewriter import Rewriter

__all__ = ["fold_padding"]

_READERS = ("Conv", "QuantizedConv", "MaxPool")
_NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "exponential", "softplus")


def fold_padding(graph: Graph) -> None:
    """Fold a Pad of zeros along spatial axes into Conv or MaxPool, if nothing else reads it.

    Into a maximum where zeros cannot win it: no number is negative, and every window holds some. Integers are padded
    with the zero point, and in a maximum with the least of their dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network.graph import Value
    >>> graph = Graph([Value("x")], [Value("z")],
    ...               [Node("Pad", ("x", "p", "", "a"), ("y",)), Node("Conv", ("y", "k"), ("z",))],
    ...               {"p": np.array([1, 1, 0, 2]), "a": np.array([1, 2]), "k": np.ones((3, 3, 1, 1))})
    >>> fold_padding(graph)
    >>> [(node.op, node.inputs, node.attributes) for node in graph.nodes]
    [('Conv', ('x', 'k'), {'pads': ((1, 0), (1, 2))})]
    """
    rewriter = Rewriter(graph)
    for node in rewriter.nodes():
        reader = rewriter.only_reader(node) if node.op == "Pad" else None
        if reader is None or reader.op not in _READERS or reader.inputs[0] != node.outputs[0]:
            continue
        pads = _spatial_pads(rewriter, node, reader)
        if pads is not None and (reader.op != "MaxPool" or _cells_never_win(rewriter, node, reader, pads)):
            source = node.inputs[0]
            rewriter.set_inputs(reader, (source, *reader.inputs[1:]))
            reader.attributes["pads"] = pads
            rewriter.remove(node)
    rewriter.finish()


def _cells_never_win(rewriter: Rewriter, node: Node, reader: Node, pads: Any) -> bool:
    """Whether a maximum of what the node pads is that of the numbers alone."""
    before, value = rewriter.source(node.inputs[0]), _value(rewriter, node)
    window = reader.attributes["window"]
    is_least = value is not None and value.dtype.kind in "iu"
    return (
        (
            is_least
            or (
                before is not None
                and before.op == "Activation"
                and before.attributes["activation"][0] in _NEVER_NEGATIVE
            )
        )
        and reader.attributes.get("pads", "valid") == "valid"
        and not reader.attributes.get("ceil_mode")
        and set(reader.attributes.get("dilations", (1,))) == {1}
        and all(sum(pair) < taps for pair, taps in zip(pads, window, strict=True))
    )


def _value(rewriter: Rewriter, node: Node) -> np.ndarray | None:
    """What a Pad's cells hold, if it is told and constant."""
    name = (*node.inputs, "")[2]
    return rewriter.constant(name) if name else None


def _is_neutral(value: np.ndarray, reader: Node) -> bool:
    """Whether cells of that number are as those that the reader pads with."""
    if reader.op == "QuantizedConv":
        return bool((value == reader.attributes["x_zero"]).all())
    if reader.op == "MaxPool" and value.dtype.kind in "iu":
        return bool((value == np.iinfo(value.dtype).min).all())
    return not value.any()


def _ndim(rewriter: Rewriter, reader: Node) -> int | None:
    """How many axes the reader's images have, or None."""
    if reader.op == "MaxPool":
        return len(reader.attributes["window"]) + 2
    kernel = rewriter.constant(reader.inputs[1])
    return None if kernel is None else kernel.ndim


def _spatial_pads(rewriter: Rewriter, node: Node, reader: Node) -> Any:
    """The reader's pads with those of the node, or None."""
    pads, *rest = (rewriter.constant(name) for name in node.inputs[1:])
    ndim = _ndim(rewriter, reader)
    value, axes = [*rest, None, None][:2]
    named = [bool(name) for name in (*node.inputs[2:], "", "")]
    own = reader.attributes.get("pads", "valid")
    if ndim is None or pads is None or (named[0] and value is None) or (named[1] and axes is None):
        return None
    if (
        not _is_neutral(np.zeros(1, np.float32) if value is None else value, reader)
        or node.attributes.get("mode", "constant") != "constant"
        or (own in ("same_upper", "same_lower"))
    ):
        return None
    first = 1 if reader.attributes.get("data_format", "channels_last") == "channels_last" else 2
    numbers = [int(number) for number in pads.ravel()]
    chosen = list(range(ndim)) if axes is None else [int(axis) % ndim for axis in axes.ravel()]
    if len(numbers) != 2 * len(chosen) or min(numbers, default=0) < 0:
        return None
    pairs = {axis: (numbers[i], numbers[i + len(chosen)]) for i, axis in enumerate(chosen)}
    spatial = range(first, first + ndim - 2)
    if any(pair != (0, 0) for axis, pair in pairs.items() if axis not in spatial):
        return None
    own = ((0, 0),) * (ndim - 2) if own == "valid" else own
    return tuple(
        (before + pairs.get(axis, (0, 0))[0], after + pairs.get(axis, (0, 0))[1])
        for axis, (before, after) in zip(spatial, own, strict=True)
    )
