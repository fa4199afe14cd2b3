"""Zeros around images go into the convolution that reads them."""

from __future__ import annotations

from ..graph import Graph, Node
from .rewriter import Rewriter

__all__ = ["fold_padding"]


def fold_padding(graph: Graph) -> None:
    """Fold a Pad of zeros along spatial axes into Conv, if nothing else reads it.

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
        if reader is None or reader.op != "Conv" or reader.inputs[0] != node.outputs[0]:
            continue
        pads = _spatial_pads(rewriter, node, reader)
        if pads is not None:
            source = node.inputs[0]
            rewriter.set_inputs(reader, (source, *reader.inputs[1:]))
            reader.attributes["pads"] = pads
            rewriter.remove(node)
    rewriter.finish()


def _spatial_pads(rewriter: Rewriter, node: Node, reader: Node):
    """The reader's pads with those of the node, or None."""
    kernel, pads, *rest = (rewriter.constant(name) for name in (reader.inputs[1], *node.inputs[1:]))
    value, axes = [*rest, None, None][:2]
    named = [bool(name) for name in (*node.inputs[2:], "", "")]
    own = reader.attributes.get("pads", "valid")
    unknown = kernel is None or pads is None or (named[0] and value is None) or (named[1] and axes is None)
    if (
        unknown
        or (named[0] and value.any())
        or node.attributes.get("mode", "constant") != "constant"
        or (own in ("same_upper", "same_lower"))
    ):
        return None
    ndim = kernel.ndim
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
