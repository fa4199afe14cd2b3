"""Operators on floats between DequantizeLinear and QuantizeLinear become steps on 8-bit integers.

A step is written only where its result is the one that the network's file defines: sums are exact and rounded once,
functions of one number become tables of what they give for each of 256.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Graph, Node
from ..operators import Tensor, fold, plan_node
from .layout_rules import ELEMENTWISE
from .rewriter import Rewriter
from .scales import Bytes, Scale, about_zero, bias_of, bytes_of, kernel_of, one_scale, scale_of
from .unread import drop_unread

__all__ = ["use_integers"]

_MOVES = ("MaxPool", "GlobalMaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Identity")
_FUNCTIONS = tuple(set(ELEMENTWISE) - {"Cast", "Not", "IsNaN", "IsInf", "QuantizeLinear", "DequantizeLinear"})


def use_integers(graph: Graph) -> None:
    """Let integers stay integers from one QuantizeLinear, or operator of integers, to the next.

    Examples
    --------
    >>> from fastconv.network.graph import Value
    >>> nodes = [Node("DequantizeLinear", ("x", "s", "z"), ("r",)),
    ...          Node("Activation", ("r",), ("a",), {"activation": ("relu", 0.0)}),
    ...          Node("QuantizeLinear", ("a", "s", "z"), ("y",))]
    >>> graph = Graph([Value("x", (None,), np.dtype("int8"))], [Value("y")], nodes,
    ...               {"s": np.float32([0.5]), "z": np.int8([3])})
    >>> use_integers(graph)
    >>> [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    [('LookupBytes', ('x',), ('y',))]
    """
    if not any(node.op in ("QuantizeLinear", "QLinearConv", "QLinearMatMul") for node in graph.nodes):
        return
    rewriter = Rewriter(graph)
    before: dict[int, list[Node]] = {}
    for node in rewriter.nodes():
        if node.op in _OF_INTEGERS:
            _OF_INTEGERS[node.op](rewriter, node)
        elif node.op == "QuantizeLinear":
            to = scale_of(rewriter, node)
            if to is not None and not any(rule(rewriter, node, to) for rule in (_layer, _add, _move, _pad, _table)):
                before[id(node)] = _concat(rewriter, node, to)
    rewriter.finish()
    graph.nodes = [each for node in graph.nodes for each in (*before.get(id(node), ()), node)]
    drop_unread(graph)


def _write(rewriter: Rewriter, node: Node, op: str, inputs: tuple[str, ...], **attributes: Any) -> None:
    node.op, node.attributes = op, attributes
    rewriter.set_inputs(node, inputs)


def _alone(rewriter: Rewriter, name: str) -> Node | None:
    """The node that gives a value that has one reader."""
    node = rewriter.source(name)
    return node if node is not None and rewriter.only_reader(node) is not None else None


def _clipped(rewriter: Rewriter, node: Node, to: Scale) -> tuple[Node | None, int, int]:
    """What a QuantizeLinear reads, before a rectifier; the integers that this leaves."""
    low, high = to.bounds
    source = _alone(rewriter, node.inputs[0])
    found = _bounds(rewriter, source) if source is not None else None
    if found is None:
        return source, low, high
    ends = [
        None if bound is None else int(np.clip(np.rint(np.float32(bound) / to.scale) + to.zero, low, high))
        for bound in found
    ]
    low, high = (default if end is None else end for default, end in zip((low, high), ends, strict=True))
    return _alone(rewriter, source.inputs[0]) if source else None, low, max(low, high)


def _bounds(rewriter: Rewriter, node: Node) -> tuple[float | None, float | None] | None:
    """The bounds that a node holds numbers between, if that is all it does."""
    if node.op == "Activation":
        return {"relu": (0.0, None), "relu6": (0.0, 6.0)}.get(node.attributes["activation"][0])
    if node.op != "Clip":
        return None
    arrays = [rewriter.constant(name) if name else np.empty(0) for name in (*node.inputs[1:], "", "")[:2]]
    if any(array is None or array.size > 1 for array in arrays):
        return None
    low, high = (array.item() if array.size else None for array in arrays)
    if any(bound is not None and np.isnan(bound) for bound in (low, high)):
        return None
    return None if (low is not None and high is not None and low > high) else (low, high)


def _layer(rewriter: Rewriter, node: Node, to: Scale) -> bool:
    """A convolution, or a product with a matrix, and a rectifier."""
    source, low, high = _clipped(rewriter, node, to)
    bias = ""
    if source is not None and source.op == "Add" and not source.attributes.get("activation"):
        both = list(source.inputs)
        product = next((name for name in both if (rewriter.source(name) or source).op == "MatMul"), "")
        if not product or both[0] == both[1]:
            return False
        both.remove(product)
        source, bias = _alone(rewriter, product), both[0]
    if source is None or source.attributes.get("activation") or source.op not in ("Conv", "Dense", "MatMul"):
        return False
    if source.op in ("Conv", "Dense"):
        bias = (*source.inputs, "", "")[2]
    x, weights = bytes_of(rewriter, source.inputs[0]), kernel_of(rewriter, source.inputs[1])
    if x is None or weights is None or len(source.inputs) > 3 or (source.op != "Conv" and weights[0].ndim != 2):
        return False
    kernel, scales = weights
    with np.errstate(over="ignore"):
        of_sums = x.scale.scale * scales
    numbers = bias_of(rewriter, bias, of_sums, kernel.shape[-1])
    if numbers is None or (of_sums < np.finfo(np.float32).tiny).any() or _may_wrap(kernel, numbers, x.scale):
        return False
    words = {name: value for name, value in source.attributes.items() if name != "activation"}
    return _write_layer(rewriter, node, source.op == "Conv", x, (kernel, scales, numbers), (to, low, high), words)


def _may_wrap(kernel: np.ndarray, bias: np.ndarray, x: Scale) -> bool:
    """Whether a sum may be beyond int32, where floats go on."""
    low, high = x.bounds
    sums = np.abs(kernel.astype(np.int16)).sum(tuple(range(kernel.ndim - 1)), dtype=np.int64)
    largest = sums * max(high - x.zero, x.zero - low) + np.abs(bias.astype(np.int64))
    return bool((largest > np.iinfo(np.int32).max).any())


def _write_layer(
    rewriter: Rewriter, node: Node, is_conv: bool, x: Bytes, weights: Any, target: Any, words: dict[str, Any]
) -> bool:
    """A layer on integers, if its factors are finite: what x counts is folded into the bias."""
    (kernel, scales, bias), (to, low, high) = weights, target
    with np.errstate(over="ignore"):
        factors = x.scale.scale * scales / to.scale
    if not np.isfinite(factors).all():
        return False
    sums = kernel.sum(tuple(range(kernel.ndim - 1)), dtype=np.int32)
    stem = node.name or node.outputs[0]
    names = [rewriter.add_constant(array, stem) for array in (kernel, bias - np.int32(x.scale.zero) * sums)]
    words = words | {"factors": tuple(factors.tolist()), "x_zero": x.scale.zero, "y_zero": to.zero}
    words |= {"low": low, "high": high, "dtype": to.dtype.name, "reads": (x.scale.dtype.name,)}
    _write(rewriter, node, "QuantizedConv" if is_conv else "QuantizedDense", (x.name, *names), **words)
    return True


def _operator_of_integers(rewriter: Rewriter, node: Node) -> None:
    """A QLinearConv or QLinearMatMul of constant kernel and scales."""
    constants: list[Any] = [rewriter.constant(name) if name else None for name in (*node.inputs, "")[:9]]
    _, x_scale, x_zero, kernel, w_scale, w_zero, y_scale, y_zero, bias = constants
    if any(array is None for array in constants[1:8]) or (bias is None and any(node.inputs[8:])):
        return
    x, to, weights = one_scale(x_scale, x_zero), one_scale(y_scale, y_zero), about_zero(kernel, w_scale, w_zero)
    is_conv, outputs = node.op == "QLinearConv", kernel.shape[-1] if kernel.ndim else 0
    if x is None or to is None or weights is None or not (is_conv or kernel.ndim == 2):
        return
    if node.attributes.get("alpha", 1.0) != 1.0 or weights[1].size not in (1, outputs):
        return
    bias = np.zeros(outputs, np.int32) if bias is None else bias
    if (bias.dtype, bias.shape) != (np.dtype(np.int32), (outputs,)):
        return
    words = {name: value for name, value in node.attributes.items() if name != "alpha"}
    target = to, *to.bounds
    _write_layer(rewriter, node, is_conv, Bytes(node.inputs[0], x), (*weights, bias), target, words)


_OF_INTEGERS = dict.fromkeys(("QLinearConv", "QLinearMatMul"), _operator_of_integers)


def _add(rewriter: Rewriter, node: Node, to: Scale) -> bool:
    """A sum of two values, and a rectifier."""
    source, low, high = _clipped(rewriter, node, to)
    if source is None or source.op != "Add" or source.attributes.get("activation"):
        return False
    a, b = (bytes_of(rewriter, name) for name in source.inputs)
    if a is None or b is None:
        return False
    words: dict[str, Any] = {"a": a.scale.pair, "b": b.scale.pair, "y": to.pair, "low": low, "high": high}
    words |= {"dtype": to.dtype.name, "reads": (a.scale.dtype.name, b.scale.dtype.name)}
    _write(rewriter, node, "QuantizedAdd", (a.name, b.name), **words)
    return True


def _move(rewriter: Rewriter, node: Node, to: Scale) -> bool:
    """What takes numbers, or the largest of some, as they are, of one scale before and after."""
    source = _alone(rewriter, node.inputs[0])
    if source is None or source.op not in _MOVES or len(source.outputs) != 1:
        return False
    x = bytes_of(rewriter, source.inputs[0])
    if x is None or x.scale != to:
        return False
    _write(rewriter, node, source.op, (x.name, *source.inputs[1:]), **source.attributes)
    return True


def _pad(rewriter: Rewriter, node: Node, to: Scale) -> bool:
    """Cells around numbers of one scale before and after: those of a constant hold its integer."""
    source = _alone(rewriter, node.inputs[0])
    if source is None or source.op != "Pad":
        return False
    x, (pads, value, *axes) = bytes_of(rewriter, source.inputs[0]), (*source.inputs[1:], "")[:3]
    number = rewriter.constant(value) if value else np.zeros(1, np.float32)
    if x is None or x.scale != to or number is None or number.size != 1 or np.isnan(number).any():
        return False
    with np.errstate(over="ignore"):
        cell = np.clip(np.rint(np.float32(number.item()) / to.scale) + to.zero, *to.bounds).astype(to.dtype)
    name = rewriter.add_constant(np.asarray(cell), source.inputs[0])
    _write(rewriter, node, "Pad", (x.name, pads, name, *axes), **source.attributes)
    return True


def _table(rewriter: Rewriter, node: Node, to: Scale) -> bool:
    """Functions of one number, one after the other."""
    chain: list[Node] = []
    name = node.inputs[0]
    while (x := bytes_of(rewriter, name)) is None:
        source = _alone(rewriter, name)
        if source is None or not _is_function(rewriter, source):
            return False
        chain.append(source)
        name = source.inputs[0]
    table = _table_of(rewriter, x.scale, chain[::-1], to)
    words = {"table": table, "dtype": to.dtype.name, "reads": (x.scale.dtype.name,)}
    _write(rewriter, node, "LookupBytes", (x.name,), **words)
    return True


def _is_function(rewriter: Rewriter, node: Node) -> bool:
    others = [rewriter.constant(name) for name in node.inputs[1:] if name]
    return node.op in _FUNCTIONS and all(array is not None and array.size == 1 for array in others)


def _table_of(rewriter: Rewriter, x: Scale, chain: list[Node], to: Scale) -> bytes:
    """What functions give for each byte, as bytes."""
    values: Any = Tensor.of(x.reals())
    target = [np.asarray(to.scale), np.asarray(to.zero, to.dtype)]
    for node in (*chain, Node("QuantizeLinear", ("x", "scale", "zero"), ("y",))):
        others = target if node.op == "QuantizeLinear" else [rewriter.constant(name) for name in node.inputs[1:]]
        inputs = [values, *(None if array is None else Tensor.of(array) for array in others)]
        (values,) = fold(plan_node(node, inputs), inputs)
    return bytes(values.value.tobytes())


def _concat(rewriter: Rewriter, node: Node, to: Scale) -> list[Node]:
    """Values joined: those of another scale by way of a table; the nodes that have to stand before."""
    source = _alone(rewriter, node.inputs[0])
    if source is None or source.op != "Concat":
        return []
    found = [bytes_of(rewriter, name) for name in source.inputs]
    parts = [part for part in found if part is not None]
    if len(parts) != len(found):
        return []
    made, names = [], []
    for place, part in enumerate(parts):
        if part.scale == to:
            names.append(part.name)
            continue
        table = _table_of(rewriter, part.scale, [], to)
        names.append(f"{node.outputs[0]}\0part {place}")
        words = {"table": table, "dtype": to.dtype.name, "reads": (part.scale.dtype.name,)}
        made.append(Node("LookupBytes", (part.name,), (names[-1],), words, node.name, node.kind))
    rewriter.know(*names)
    _write(rewriter, node, "Concat", tuple(names), **source.attributes)
    return made
