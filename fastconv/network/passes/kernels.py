"""Kernels in the order in which the core reads them."""

from __future__ import annotations

import numpy as np

from ..graph import Graph

__all__ = ["lay_out_kernels"]


def lay_out_kernels(graph: Graph) -> None:
    """Constant kernels of convolutions in C order, so that no step needs a copy of its own."""
    for node in graph.nodes:
        if node.op == "Conv" and node.inputs[1] in graph.constants:
            graph.constants[node.inputs[1]] = np.ascontiguousarray(graph.constants[node.inputs[1]])
