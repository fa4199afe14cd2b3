"""Running a batch a chunk of images after the other through all layers: what lies between them stays in cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _args, _core
from .plan import Plan
from .programs import is_call

__all__ = ["DepthFirst", "depth_first"]


class DepthFirst:
    """The chunks of a plan, called as a workspace is; threads may share it.

    Parameters
    ----------
    whole : Plan
        Of the whole batch.
    chunk, rest : Plan
        Of the images of a chunk, and of those left over; None where there are none.
    chunks : int
    """

    def __init__(self, whole: Plan, chunk: Plan, chunks: int, rest: Plan | None) -> None:
        self.chunk, self.chunks = chunk, chunks
        self.plans = [chunk] if rest is None else [chunk, rest]
        self._program, self._rest = chunk.parts[0], None if rest is None else rest.parts[0]
        names = list(whole.slots)[len(whole.inputs) :]
        self._fresh = [(whole.tensors[name].shape, whole.tensors[name].dtype) for name in names]
        self._results = [
            (
                names.index(whole.roots[name]),
                whole.tensors[name].shape,
                whole.roots[name] in map(whole.roots.get, before),
            )
            for name, before in ((name, whole.outputs[:i]) for i, name in enumerate(whole.outputs))
        ]

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs for inputs that are C-contiguous and of the shapes and dtypes of the whole batch."""
        fresh = [_args.aligned(shape, dtype) for shape, dtype in self._fresh]
        self._program.run_chunks(self.chunks, self._rest, [*inputs, *fresh])
        results = [(fresh[i].reshape(shape), copied) for i, shape, copied in self._results]
        return [array.copy() if copied else array for array, copied in results]


def depth_first(whole: Plan, plan_for: Callable[[int], Plan]) -> DepthFirst | None:
    """The chunks of a plan, where it may run in some and had better.

    Parameters
    ----------
    whole : Plan
    plan_for : callable
        The plan of the same graph for a number of images.
    """
    images = _images(whole)
    if not images:
        return None
    moved = whole.arena_bytes + sum(whole.tensors[name].nbytes for name in whole.slots)
    at_once = _core.images_at_once(images, moved // images, _weight_bytes(whole))
    if at_once == images:
        return None
    counts = [at_once, *([images % at_once] if images % at_once else [])]
    plans = [plan_for(count) for count in counts]
    if not all(_does_the_same(whole, plan, count) for plan, count in zip(plans, counts, strict=True)):
        return None
    return DepthFirst(whole, plans[0], images // at_once, plans[1] if len(plans) > 1 else None)


def _images(plan: Plan) -> int:
    """The images of a plan, the length of all first axes, if it does the same for each of them alone; else 0."""
    shapes = [plan.tensors[name].shape for name in (*plan.inputs, *plan.outputs)]
    images = shapes[0][0] if shapes and shapes[0] else 0
    if any(shape[:1] != (images,) for shape in shapes) or not images:
        return 0
    return images if _has_parts(plan, images) else 0


def _has_parts(plan: Plan, images: int) -> bool:
    steps = [planned for planned in plan.steps if not planned.step.view]
    return (
        len(plan.parts) == 1
        and all(is_call(planned.step) and planned.step.run.has_parts(images) for planned in steps)
        and all(plan.tensors[planned.takes[0]].value is None for planned in steps)
        and all(plan.roots.get(name) in plan.slots and plan.roots[name] not in plan.inputs for name in plan.outputs)
    )


def _does_the_same(whole: Plan, part: Plan, images: int) -> bool:
    """Whether a plan for fewer images has the same steps and constants."""
    if _images(part) != images or len(part.steps) != len(whole.steps) or list(part.slots) != list(whole.slots):
        return False
    return all(
        (a.node is b.node and a.takes == b.takes and a.gives == b.gives)
        and all(_is_same_constant(whole.tensors[name].value, part.tensors[name].value) for name in a.takes)
        for a, b in zip(whole.steps, part.steps, strict=True)
    )


def _is_same_constant(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _weight_bytes(plan: Plan) -> int:
    names = {name for planned in plan.steps for name in planned.node.inputs if name}
    return sum(plan.tensors[name].nbytes for name in names if plan.tensors[name].value is not None)
