"""The steps of a plan that the core runs in one call."""

from __future__ import annotations

from typing import Any

from .. import _core
from .operators import contiguous

__all__ = ["is_call", "program"]


def is_call(step: Any) -> bool:
    """Whether a step is a call of the core."""
    return isinstance(step.run, _core.Call)


def program(plan: Any, steps: Any) -> _core.Program:
    """These planned steps, all calls of the core, on the plan's arena and the arrays of its slots, in that order."""
    sizes = [plan.arena_bytes, *(plan.tensors[name].nbytes for name in plan.slots)]
    work = sum(max(step.step.flops, 4 * sum(plan.tensors[name].nbytes for name in step.gives)) for step in steps)
    return _core.Program([(planned.step.run, _operands(plan, planned)) for planned in steps], sizes, work)


def _operands(plan: Any, planned: Any) -> list[tuple[Any, ...]]:
    """Where each array of a step lies: (index of an array of the program, bytes into it), or (-1, a constant)."""
    operands: list[tuple[Any, ...]] = []
    for name in (*planned.takes, *planned.gives):
        tensor, root = plan.tensors[name], plan.roots.get(name, name)
        if tensor.value is not None:
            operands.append((-1, contiguous(tensor.value)))
        elif root in plan.spans:
            operands.append((0, plan.spans[root].begin))
        else:
            operands.append((1 + plan.slots[root], 0))
    return operands
