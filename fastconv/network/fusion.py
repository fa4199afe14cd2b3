"""Steps of a plan that the core computes in one, where it had better."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from .. import _core
from .programs import is_call

__all__ = ["fuse_pools"]


def fuse_pools(steps: list[Any], outputs: list[str]) -> list[Any]:
    """Planned steps, those of a convolution and of the pool that alone reads its result as one."""
    reads = Counter(name for planned in steps for name in planned.takes)
    readers = {planned.takes[0]: planned for planned in steps if planned.takes and is_call(planned.step)}
    fused, gone = [], set()
    for planned in steps:
        name = planned.gives[0]
        pool = readers.get(name) if reads[name] == 1 and name not in outputs and is_call(planned.step) else None
        call = pool and _core.conv2d_pooled_call(planned.step.run, pool.step.run)
        if pool and call:
            gone.add(id(pool))
            step = replace(planned.step, outputs=pool.step.outputs, run=call, calls=(call,), algorithm="pooled")
            planned = replace(planned, step=step, gives=pool.gives)
        fused.append(planned)
    return [planned for planned in fused if id(planned) not in gone]
