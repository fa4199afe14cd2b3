"""Fit the costs of the forward algorithms to this machine: ``python bench/fit.py --help``.

Every algorithm is timed on drawn layers. An estimate is nearly a sum of costs times counts, and the counts are its
derivatives. The costs are those of the least regret: the time of what is chosen over the best, with a choice that
turns smoothly from one algorithm to another as their estimates meet. Estimates are also held near the times, all by one
rate of cycles a second: what is right of an algorithm that was not the best here is right of other layers. Costs that
the layers say little of stay near what they were.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import regret

from fastconv import _core

SEED, COUNT, WITHIN, STEP = 1, 150, 4.0, 0.05
# OPEN: how near two estimates are for the choice between them to be open. PULL: what a cost e times as large must save,
# in layers that would take e times as long. TRUE: what an estimate counts that is e times too large beside the others,
# and FAR: how far off it may be to count.
OPEN, PULL, TRUE, FAR, PASSES = 0.1, 0.5, 0.1, 1.0, 6
# Costs that are a factor beside something that does no less: they are not below it.
FACTORS = (
    "unpacked_step",
    "unpacked_far",
    "unpacked_aliased",
    "planar_alone",
    "depthwise_multiplied",
    "winograd_large",
)
LEAST = dict.fromkeys((*FACTORS, "depthwise_unfilled"), 1.0)
TABLES = Path(__file__).parents[1] / "csrc/ops/conv2d/costs"
Times = list[dict[str, float]]


def _estimates(layers: list[regret.Layer], times: Times) -> np.ndarray:
    """Of all layers and algorithms that were timed, one after another."""
    costs = (regret.estimates(layer, row) for layer, row in zip(layers, times, strict=True))
    return np.array([cycles for cost in costs for cycles in cost.values()])


def _counts(layers: list[regret.Layer], times: Times) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The names of the costs that the estimates depend on, the derivatives by them, and the estimates."""
    base, names, columns = _estimates(layers, times), [], []
    for name, value in _core.costs().items():
        _core.set_cost(name, value * (1 + STEP))
        column = (_estimates(layers, times) - base) / (value * STEP)
        _core.set_cost(name, value)
        if np.any(column):
            names.append(name)
            columns.append(column)
    return names, np.stack(columns, 1), base


def _open_regret(estimates: np.ndarray, slower: np.ndarray, first: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of the logarithms of the layers' regret, and its derivatives by the logarithms of the estimates.

    slower: times over the best of the layer; first: where each layer begins.
    """
    lengths = np.diff([*first, len(slower)])
    scaled = -np.log(estimates) / OPEN
    chosen = np.exp(scaled - np.repeat(np.maximum.reduceat(scaled, first), lengths))
    chosen /= np.repeat(np.add.reduceat(chosen, first), lengths)
    regrets = np.add.reduceat(chosen * slower, first)
    wide = np.repeat(regrets, lengths)
    return float(np.log(regrets).sum()), -chosen * (slower - wide) / wide / OPEN


def _distance(estimates: np.ndarray, cycles: np.ndarray) -> np.ndarray:
    """Logarithms of the estimates over what the times are in cycles; none where no cost could explain them."""
    off = np.log(estimates / cycles)
    return np.where(abs(off) < FAR, off, 0.0)


def fit(layers: list[regret.Layer], times: Times) -> None:
    """Set the costs of the least regret; those that were, where none has less."""
    from scipy.optimize import minimize

    seconds = np.concatenate([list(row.values()) for row in times])
    slower = np.concatenate([np.array(list(row.values())) / min(row.values()) for row in times]).clip(max=3)
    first = np.cumsum([0, *map(len, times)])[:-1]
    before = best = _core.costs()
    least = np.log(_regrets(layers, times)).sum()
    # The rate stays that of the costs before: others, which are not fitted, are compared with these.
    cycles = seconds * np.median(_estimates(layers, times) / seconds)
    for _ in range(PASSES):
        names, counts, base = _counts(layers, times)
        now, start = (np.array([costs[name] for name in names]) for costs in (_core.costs(), before))
        fixed = base - counts @ now

        def loss(z, counts=counts, fixed=fixed, start=start):
            costs = start * np.exp(z)
            estimates = np.maximum(counts @ costs + fixed, 1.0)
            value, slopes = _open_regret(estimates, slower, first)
            off = _distance(estimates, cycles)
            slopes = slopes + 2 * TRUE * off
            return value + TRUE * off @ off + PULL * z @ z, (slopes / estimates) @ counts * costs + 2 * PULL * z

        least_z = [np.log(LEAST.get(name, 1e-9) / was) for name, was in zip(names, start, strict=True)]
        bounds = [(z, None) for z in least_z]
        found = minimize(loss, np.log(now / start), jac=True, method="L-BFGS-B", bounds=bounds)
        for name, value in zip(names, start * np.exp(found.x), strict=True):
            _core.set_cost(name, float(f"{value:.3g}"))
        total = np.log(_regrets(layers, times)).sum()
        if total < least:
            least, best = total, _core.costs()
    for name, value in best.items():
        _core.set_cost(name, value)


def write(table: str, machine: str) -> Path:
    """The costs into a table of the source, and the machine's name."""
    path = TABLES / f"{table}.c"
    text = path.read_text()
    for name, value in _core.costs().items():
        text = re.sub(rf"(?m)^    \.{name} = [^,]+,", f"    .{name} = {value:g},", text)
    text = re.sub(r"(?ms)^/\* As fitted .*?\*/\n", "", text)
    named = f'const char *const fc_costs_machine_{table} = "{machine}";'
    path.write_text(re.sub(rf"(?m)^const char \*const fc_costs_machine_{table} = .*;", lambda _: named, text))
    return path


def _regrets(layers: list[regret.Layer], times: Times) -> list[float]:
    return [regret.regret_of(regret.estimates(layer, row), row) for layer, row in zip(layers, times, strict=True)]


def _measure(count: int) -> dict[str, Times]:
    """Times of the layers that are fitted and of those that are not."""
    return {
        what: [regret.times(layer, regret.near(regret.estimates(layer), WITHIN)) for layer in regret.draw(number, seed)]
        for what, number, seed in (("fitted", count, SEED), ("unseen", count // 3, regret.SEED))
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fit the costs of the forward algorithms to this machine.")
    parser.add_argument("--layers", type=int, default=COUNT, metavar="N", help="how many layers are timed")
    parser.add_argument("--times", metavar="FILE.json", help="keep the times here, or use those that are there")
    parser.add_argument("--write", metavar="MACHINE", help="write the table in use in the source")
    arguments = parser.parse_args(argv)
    kept = Path(arguments.times) if arguments.times else None
    times = json.loads(kept.read_text()) if kept and kept.is_file() else _measure(arguments.layers)
    if kept:
        kept.write_text(json.dumps(times))
    layers = {
        "fitted": regret.draw(len(times["fitted"]), SEED),
        "unseen": regret.draw(len(times["unseen"]), regret.SEED),
    }
    for when in ("before", "after"):
        for what, rows in times.items():
            print(f"{when}, {what} layers: {regret.summary(_regrets(layers[what], rows))}", flush=True)
        if when == "before":
            fit(layers["fitted"], times["fitted"])
    if arguments.write:
        print(f"written: {write(_core.costs_table(), arguments.write)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
