"""Where a network's time goes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .plan import Plan, Workspace
from .table import Table

__all__ = ["Profile", "measure"]

_SECONDS, _RUNS, _FEWEST = 0.5, 30, 3


class Profile(Table):
    """A table of the steps of a plan; `seconds` has the least time of each."""

    def __init__(self, plan: Plan, seconds: list[float]) -> None:
        self.seconds = seconds
        planned = [step for step in plan.steps if not step.step.view]
        total = sum(seconds) or 1.0
        rows = []
        for step, spent in zip(planned, seconds, strict=True):
            moved = sum(plan.tensors[name].nbytes for name in {*step.takes, *step.gives} if name)
            speed = f"{step.step.flops / spent / 1e9:.3g}" if step.step.flops and spent else ""
            rows.append(
                [
                    step.node.name or step.gives[0],
                    step.node.kind or step.node.op,
                    step.step.algorithm or step.node.op,
                    str(plan.tensors[step.gives[0]].shape),
                    round(spent * 1e3, 4),
                    round(100 * spent / total, 1),
                    speed,
                    moved,
                ]
            )
        super().__init__(
            ["step", "kind", "algorithm", "output", "ms", "%", "GFLOP/s", "bytes"],
            rows,
            [f"{total * 1e3:.4g} ms in {len(rows)} steps; buffers of {plan.arena_bytes:,} bytes"],
        )

    def plot(self, path: Any) -> None:
        """Draw the steps' times as bars into a PNG file.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``examples`` installs.
        """
        from .pictures import new_figure

        names = [f"{name}  ({algorithm})" for name, _, algorithm, *_ in self.rows]
        shares = [f"{share} %" + (f", {speed} GFLOP/s" if speed else "") for *_, share, speed, _ in self.rows]
        figure = new_figure(10, 1 + 0.22 * len(names), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(range(len(names)), [1e3 * spent for spent in self.seconds], tick_label=names)
        axes.bar_label(bars, shares, padding=3, fontsize=8)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.margins(x=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(self.notes[0], fontsize=10)
        axes.set_xlabel("ms")
        figure.savefig(path, format="png")


def measure(plan: Plan, workspace: Workspace, inputs: list[np.ndarray]) -> Profile:
    """The least time of each step over some runs of a plan."""
    best: list[float] = []
    for planned in plan.steps:
        for call in planned.step.calls:
            call.pack()
    begin = time.perf_counter()
    for runs in range(1, _RUNS + 1):
        spent = workspace.timed(inputs)
        best = [min(pair) for pair in zip(best, spent, strict=True)] if best else spent
        if runs >= _FEWEST and time.perf_counter() - begin > _SECONDS:
            break
    return Profile(plan, best)
