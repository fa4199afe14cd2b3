"""The branch of a condition that is known when the file is read."""
from __future__ import annotations

from ..nodes import Emitter, OnnxNode, Refused, maps


@maps("If")
def if_(node: OnnxNode, emit: Emitter) -> None:
    condition = emit.known(node.input(0))
    if condition is None or condition.size != 1:
        raise Refused("a condition that is not constant")
    branch = node.attributes.get("then_branch" if condition.item() else "else_branch")
    results = emit.subgraph(branch)
    if len(results) != len(node.outputs):
        raise Refused(f"{len(results)} results for {len(node.outputs)} outputs")
    emit.node = node
    for result, output in zip(results, node.outputs, strict=True):
        if output:
            emit.add("Identity", result, to=output)
