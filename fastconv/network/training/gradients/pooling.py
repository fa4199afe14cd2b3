"""Pooling."""

from __future__ import annotations

from typing import Any

from ...operators.geometry import per_axis
from ...operators.pooling import pool_geometry
from ..errors import UntrainableError
from .registry import Reverse, gradient

__all__ = ["pool"]


@gradient("MaxPool", "AveragePool")
def pool(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The first maximum of a window takes its gradient, as in TensorFlow; the cells of a mean share it."""
    (x,) = inputs
    padded = node.attributes.get("pads", "valid") != "valid"
    if set(per_axis(node.attributes, "dilations", x.ndim - 2)) != {1} or (
        padded and node.attributes.get("count_include_pad")
    ):
        raise UntrainableError(f"{node}: pooling is trained without dilation, and where padded cells do not count")
    core = pool_geometry(node, x).core
    if node.op == "MaxPool":
        return Reverse(core.grad, (0,))
    return Reverse(lambda dy, dx: core.grad(None, dy, dx))
