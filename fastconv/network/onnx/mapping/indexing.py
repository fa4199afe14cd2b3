"""What picks elements by their places."""

from __future__ import annotations

from ..nodes import Emitter, OnnxNode, maps


@maps("Gather", "GatherElements", least=2, most=2)
def gather(node: OnnxNode, emit: Emitter) -> None:
    emit.add(node.kind, *node.inputs, to=node.output(0), axis=node.get("axis", 0))


@maps("GatherND", least=2, most=2)
def gather_nd(node: OnnxNode, emit: Emitter) -> None:
    emit.add("GatherND", *node.inputs, to=node.output(0), batch_dims=node.get("batch_dims", 0))


@maps("ArgMax", "ArgMin")
def arg_max(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        node.kind,
        node.input(0),
        to=node.output(0),
        axis=node.get("axis", 0),
        keepdims=bool(node.get("keepdims", 1)),
        last=bool(node.get("select_last_index", 0)),
    )


@maps("NonMaxSuppression", least=2, most=5)
def non_max_suppression(node: OnnxNode, emit: Emitter) -> None:
    centered = bool(node.get("center_point_box", 0))
    emit.add("NonMaxSuppression", *node.inputs, to=node.output(0), centered=centered)


@maps("NonZero")
def non_zero(node: OnnxNode, emit: Emitter) -> None:
    emit.add("NonZero", node.input(0), to=node.output(0))


@maps("TopK", most=2)
def top_k(node: OnnxNode, emit: Emitter) -> None:
    k = node.input(1) if node.version >= 10 else emit.constant([node.get("k", 1)])
    emit.add(
        "TopK",
        node.input(0),
        k,
        to=(node.output(0), node.output(1)),
        axis=node.get("axis", -1),
        largest=bool(node.get("largest", 1)),
    )


@maps("OneHot", least=3, most=3)
def one_hot(node: OnnxNode, emit: Emitter) -> None:
    emit.add("OneHot", *node.inputs, to=node.output(0), axis=node.get("axis", -1))


@maps("CumSum", least=2, most=2)
def cum_sum(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        "CumSum",
        *node.inputs,
        to=node.output(0),
        exclusive=bool(node.get("exclusive", 0)),
        reverse=bool(node.get("reverse", 0)),
    )


@maps("Trilu", most=2)
def trilu(node: OnnxNode, emit: Emitter) -> None:
    emit.add("Trilu", *node.inputs, to=node.output(0), upper=bool(node.get("upper", 1)))
