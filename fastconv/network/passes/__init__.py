"""Passes: each rewrites a graph so that fewer or cheaper nodes give the same outputs.

A pass is a function of a `Graph` that it changes in place. It keeps the values that are outputs. It knows nothing of
files, nor of the sizes of inputs. `PASSES` is the order in which they run.
"""
from __future__ import annotations

from ..graph import Graph

__all__ = ["PASSES", "optimize"]

PASSES = ()


def optimize(graph: Graph, passes=PASSES) -> Graph:
    """A copy of a graph that all passes have been over.

    Examples
    --------
    >>> optimize(Graph([], [])).nodes
    []
    """
    graph = graph.copy()
    for rewrite in passes:
        rewrite(graph)
    return graph
