"""Products with matrices of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import _args, _core
from ...operators.activation import activation_number
from .registry import Reverse, gradient

__all__ = ["dense", "embedding"]


@gradient("Dense", weights=(1, 2))
def dense(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """One call for all gradients; an activation's derivative is taken from the result on the way."""
    kernel, (y,) = inputs[1], outputs
    number, alpha = activation_number(node.attributes)
    rows = y.size // kernel.shape[1] if kernel.shape[1] else 0
    core = _core.Dense(_args.dtype_id(y.dtype), rows, kernel.shape[0], kernel.shape[1], number, alpha)
    fused, flags = bool(number), (*wanted, False)[:3]

    def run(x: Any, kernel: Any, *rest: Any) -> None:
        y, dy, grads = (rest[0] if fused else None), rest[fused], iter(rest[fused + 1 :])
        core.grads(x, kernel, y, dy, *(next(grads) if is_wanted else None for is_wanted in flags))

    return Reverse(run, (0, 1), (0,) if fused else ())


@gradient("Gather", weights=(0,))
def embedding(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """Rows of a table: each row's gradient is the sum over its places."""
    axis = node.attributes.get("axis", 0) % inputs[0].ndim
    before = (slice(None),) * axis

    def run(places: Any, dy: Any, dtable: Any) -> None:
        dtable[...] = 0
        np.add.at(dtable, (*before, places), dy)

    return Reverse(run, (1,))
