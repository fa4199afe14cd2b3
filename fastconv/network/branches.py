"""Branches of a condition that is known when a plan is made, since it follows from sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .graph import Node

__all__ = ["Branch", "changed", "inlined"]


@dataclass(frozen=True)
class Branch:
    """What a node of the operator If computes in one case.

    The node's attribute ``branches`` holds that of a true condition, then that of a false one.

    Parameters
    ----------
    nodes : tuple of Node
        They read what each other give, and the node's inputs after the condition.
    inputs : tuple of str
        What the nodes call those inputs.
    results : tuple of str
        The values that become the node's outputs.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    results: tuple[str, ...]


def inlined(node: Node, branch: Branch) -> Iterator[Node]:
    """The nodes of a branch that give the node's outputs from its inputs.

    Examples
    --------
    >>> branch = Branch((Node("Neg", ("inner",), ("negative",)),), ("inner",), ("negative",))
    >>> [(node.op, node.inputs, node.outputs) for node in inlined(Node("If", ("truth", "x"), ("y",)), branch)]
    [('Neg', ('x',), ('y negative',)), ('Identity', ('y negative',), ('y',))]
    """
    names = dict(zip(branch.inputs, node.inputs[1:], strict=True)) | {"": ""}
    stem = next(filter(None, node.outputs))
    for inner in branch.nodes:
        # Both branches may give values of one name, which the node's first output makes unique.
        names |= {name: f"{stem} {name}" for name in inner.outputs if name}
        yield replace(
            inner,
            inputs=tuple(names[name] for name in inner.inputs),
            outputs=tuple(names[name] for name in inner.outputs),
        )
    for result, output in zip(branch.results, node.outputs, strict=True):
        if output:
            yield Node("Identity", (names[result],), (output,), name=node.name, kind=node.kind)


def changed(node: Node, change: Callable[[Node], Node]) -> Node:
    """What a function makes of a node, or of each in the branches of one.

    Examples
    --------
    >>> branch = Branch((Node("Neg", ("inner",), ("negative",)),), ("inner",), ("negative",))
    >>> node = Node("If", ("truth", "x"), ("y",), {"branches": (branch, branch)})
    >>> changed(node, lambda inner: replace(inner, op="Abs")).attributes["branches"][1].nodes[0].op
    'Abs'
    """
    if node.op != "If":
        return change(node)
    branches = tuple(
        replace(branch, nodes=tuple(changed(inner, change) for inner in branch.nodes))
        for branch in node.attributes["branches"]
    )
    return replace(node, attributes={"branches": branches})
