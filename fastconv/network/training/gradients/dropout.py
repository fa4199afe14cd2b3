"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...operators import Step, Tensor
from .registry import Reverse, gradient, training_step

__all__ = ["dropout", "dropout_step"]


@training_step("Dropout")
def dropout_step(node: Any, masks: Any, x: Any) -> Any:
    """x over the share that stays, and 0 where numbers are dropped; along the attribute ``axes`` all or none are."""
    if not node.attributes["rate"]:  # Keras draws nothing then
        return Step((Tensor(x.shape, x.dtype),), view=True)
    keep = x.dtype.type(1 - node.attributes["rate"])
    shared = {axis % x.ndim for axis in node.attributes.get("axes") or ()}
    shape = tuple(1 if axis in shared else size for axis, size in enumerate(x.shape))

    def run(x: Any, y: Any, dropped: Any) -> None:
        masks.draw(node, dropped)
        np.divide(x, keep, out=y)
        np.copyto(y, 0, where=dropped)

    return Step((Tensor(x.shape, x.dtype), Tensor(shape, np.dtype(bool))), run)


@gradient("Dropout")
def dropout(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The same with dy."""
    if len(outputs) == 1:
        return Reverse(view=True)
    keep = inputs[0].dtype.type(1 - node.attributes["rate"])

    def run(dropped: Any, dy: Any, dx: Any) -> None:
        np.divide(dy, keep, out=dx)
        np.copyto(dx, 0, where=dropped)

    return Reverse(run, reads_outputs=(1,))
