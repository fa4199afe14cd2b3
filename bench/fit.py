"""Fit the costs of the forward algorithms to this machine: ``python bench/fit.py --help``.

Every algorithm is timed on drawn layers. An estimate is nearly a sum of costs times counts; the counts are its
derivatives, and the costs those of least squares of log(estimate / time), the fast algorithms of a layer weighing most.
Costs that the layers say little of stay near what they were.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import regret

from fastconv import _core, cpu

SEED, COUNT, WITHIN, STEP, PULL = 1, 150, 8.0, 0.05, 0.15
TABLES = Path(__file__).parents[1] / "csrc/ops/conv2d/costs"


def _all_estimates(layers: list[regret.Layer]) -> list[dict[str, float]]:
    return [regret.estimates(layer) for layer in layers]


def _flat(measured: list[dict[str, float]], costs: list[dict[str, float]]) -> np.ndarray:
    return np.array([cost[name] for cost, row in zip(costs, measured, strict=True) for name in row])


def _counts(layers: list[regret.Layer], measured: list[dict[str, float]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The names of the costs that the estimates depend on, the derivatives by them, and the estimates."""
    base, names, columns = _flat(measured, _all_estimates(layers)), [], []
    for name, value in _core.costs().items():
        _core.set_cost(name, value * (1 + STEP))
        column = (_flat(measured, _all_estimates(layers)) - base) / (value * STEP)
        _core.set_cost(name, value)
        if np.any(column):
            names.append(name)
            columns.append(column)
    return names, np.stack(columns, 1), base


def fit(layers: list[regret.Layer], measured: list[dict[str, float]], passes: int = 3) -> None:
    """Set the costs that fit the times best."""
    from scipy.optimize import least_squares

    times = np.concatenate([list(row.values()) for row in measured])
    weights = np.concatenate([min(row.values()) / np.array(list(row.values())) for row in measured])
    first = _core.costs()
    for _ in range(passes):
        names, counts, base = _counts(layers, measured)
        now = np.array([_core.costs()[name] for name in names])
        start = np.array([first[name] for name in names])
        fixed = base - counts @ now

        def residuals(z, counts=counts, fixed=fixed, start=start):
            estimate = np.maximum(counts @ (start * np.exp(z[1:])) + fixed, 1.0)
            return np.concatenate([weights * (np.log(estimate / times) - z[0]), PULL * z[1:]])

        scale = np.average(np.log(base / times), weights=weights)
        found = least_squares(residuals, np.concatenate([[scale], np.log(now / start)]), loss="soft_l1", f_scale=0.2)
        for name, value in zip(names, start * np.exp(found.x[1:]), strict=True):
            _core.set_cost(name, float(f"{value:.3g}"))


def write(isa: str) -> Path:
    """The costs into the table of the instruction set."""
    path = TABLES / f"{isa}.c"
    text = path.read_text()
    for name, value in _core.costs().items():
        text = re.sub(rf"(?m)^    \.{name} = [^,]+,", f"    .{name} = {value:g},", text)
    path.write_text(text)
    return path


def _regrets(layers: list[regret.Layer], measured: list[dict[str, float]]) -> list[float]:
    return [
        regret.regret_of(cost, row) for cost, row in zip(_all_estimates(layers), measured, strict=True) if len(row) > 1
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fit the costs of the forward algorithms to this machine.")
    parser.add_argument("--layers", type=int, default=COUNT, metavar="N", help="how many layers are timed")
    parser.add_argument("--write", action="store_true", help="write the table of the instruction set in the source")
    arguments = parser.parse_args(argv)
    fitted, unseen = regret.draw(arguments.layers, SEED), regret.draw(arguments.layers // 3, regret.SEED)
    measured = [
        [regret.times(layer, regret.near(regret.estimates(layer), WITHIN)) for layer in layers]
        for layers in (fitted, unseen)
    ]
    for name in ("before", "after"):
        for what, layers, rows in zip(("fitted", "unseen"), (fitted, unseen), measured, strict=True):
            print(f"{name}, {what} layers: {regret.summary(_regrets(layers, rows))}")
        if name == "before":
            fit(fitted, measured[0])
    if arguments.write:
        print(f"written: {write(cpu.active_isa())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
