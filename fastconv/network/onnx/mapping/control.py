"""Branches of a condition that is known, at the latest when the sizes of inputs are."""

from __future__ import annotations

from ...branches import Branch, inlined
from ...graph import Node
from ..nodes import Emitter, OnnxNode, Refused, maps


@maps("If")
def if_(node: OnnxNode, emit: Emitter) -> None:
    truth, condition = node.input(0), emit.known(node.input(0))
    if emit.depends_on_data(truth):
        raise Refused("a condition that is not constant")
    branches = tuple(emit.subgraph(node.attributes.get(f"{word}_branch")) for word in ("then", "else"))
    emit.node = node
    if any(len(branch.results) != len(node.outputs) for branch in branches):
        raise Refused("branches of other numbers of results")
    outer = tuple(dict.fromkeys(name for branch in branches for name in branch.inputs))
    branches = tuple(Branch(branch.nodes, outer, branch.results) for branch in branches)
    if condition is None or condition.size != 1:
        emit.add("If", truth, *outer, to=node.outputs, branches=branches)
        return
    whole = Node("If", (truth, *outer), node.outputs, {}, node.name, node.kind)
    for inner in inlined(whole, branches[0 if condition.item() else 1]):
        emit.add(inner.op, *inner.inputs, to=inner.outputs, **inner.attributes)
