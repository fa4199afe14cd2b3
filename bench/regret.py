"""How much slower the algorithm that `conv2d` chooses is than the fastest: ``python bench/run.py --suite regret``.

Layers are drawn as networks have them, by a seed of their own, which ``python bench/fit.py`` does not fit to. Every
algorithm that supports a layer and is estimated at no more than four times the least is timed on one thread.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

import fastconv
from fastconv import cpu, nn
from fastconv.nn.convolution import ALGORITHMS

SEED, COUNT = 2, 60
ROUNDS, SLOT, WITHIN = 5, 0.004, 4.0
FLOPS = (2e5, 3e8)


class Layer(NamedTuple):
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    options: dict[str, object]

    def __str__(self) -> str:
        words = {"strides": "stride", "padding": "", "groups": "groups"}
        options = " ".join(f"{words[k]} {v}".strip() for k, v in self.options.items() if k in words and v != 1)
        layout = "NCHW" if self.options["data_format"] == "channels_first" else "NHWC"
        return f"{'x'.join(map(str, self.x))} {layout}, kernel {'x'.join(map(str, self.kernel))} {options}"


def draw(count: int, seed: int) -> list[Layer]:
    """Layers whose work lies within `FLOPS`."""
    r, layers = random.Random(seed), []
    while len(layers) < count:
        n, size = r.choice((1, 1, 4, 8, 32, 96)), r.choice((5, 7, 12, 14, 16, 28, 32, 56, 112))
        c = r.choice((1, 3, 6, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512))
        outs = r.choice((4, 6, 10, 16, 24, 32, 64, 96, 120, 128, 256, 512, 1024))
        side, stride = r.choice((1, 1, 1, 2, 3, 3, 3, 5, 7)), r.choice((1, 1, 1, 2))
        depthwise = side > 1 and r.random() < 0.15
        groups, outs = (c, c) if depthwise else (1, outs)
        padding = "same" if side > size or r.random() < 0.6 else "valid"
        flops = 2 * n * (size / stride) ** 2 * side**2 * c // groups * outs
        if not FLOPS[0] <= flops <= FLOPS[1] or n * size**2 * max(c, outs) > 1 << 23:
            continue
        first = r.random() < 0.3
        layers.append(
            Layer(
                (n, c, size, size) if first else (n, size, size, c),
                (side, side, c // groups, outs),
                {
                    "strides": stride,
                    "padding": padding,
                    "groups": groups,
                    "data_format": "channels_first" if first else "channels_last",
                },
            )
        )
    return layers


def estimates(layer: Layer, names: Iterable[str] = tuple(ALGORITHMS)[1:]) -> dict[str, float]:
    """Cycles by each of the algorithms that supports the layer, packing included."""
    found = {}
    for name in names:
        try:
            found[name] = nn.plan_conv2d(layer.x, layer.kernel, algorithm=name, **layer.options)["cycles"]
        except ValueError:
            continue  # not of this layer
    return found


def times(layer: Layer, names: list[str]) -> dict[str, float]:
    """The best mean time of a call in seconds, by algorithm: of one thread, so that its own clock tells what other
    processes do not delay."""
    rng = np.random.default_rng(0)
    x, kernel = (rng.standard_normal(shape, np.float32) for shape in (layer.x, layer.kernel))
    out = nn.conv2d(x, kernel, **layer.options)
    best = dict.fromkeys(names, math.inf)
    with fastconv.threads(1):
        for _ in range(ROUNDS):
            for name in names:
                calls, start = 0, time.thread_time()
                while (spent := time.thread_time() - start) < SLOT or not calls:
                    nn.conv2d(x, kernel, algorithm=name, out=out, **layer.options)
                    calls += 1
                best[name] = min(best[name], spent / calls)
    return best


def near(costs: dict[str, float], within: float = WITHIN) -> list[str]:
    """The algorithms estimated at no more than so many times the least."""
    return [name for name, cycles in costs.items() if cycles <= within * min(costs.values())]


def regret_of(costs: dict[str, float], measured: dict[str, float]) -> float:
    """Time of what is chosen by `costs` / the best time."""
    return measured[min(measured, key=costs.__getitem__)] / min(measured.values())


def summary(regrets: list[float]) -> str:
    mean = math.exp(sum(map(math.log, regrets)) / len(regrets))
    return f"geometric mean {mean:.3f}, worst {max(regrets):.2f}, over 1.1: {sum(r > 1.1 for r in regrets)}"


def main(isa: str | None = None, count: int = COUNT) -> int:
    """Print the regret on unseen layers, the worst first."""
    rows = []
    with cpu.use_isa(isa or cpu.active_isa()):
        for layer in draw(count, SEED):
            costs = estimates(layer)
            measured = times(layer, near(costs))
            rows.append((regret_of(costs, measured), layer, min(costs, key=costs.__getitem__), measured))
        isa = cpu.active_isa()
    for regret, layer, chosen, measured in sorted(rows, key=lambda row: -row[0]):
        best = min(measured, key=measured.__getitem__)
        if best != chosen:
            print(
                f"{regret:5.2f}  {layer}: {chosen} {measured[chosen] * 1e3:.3f} ms, {best} {measured[best] * 1e3:.3f}"
            )
    print(f"regret on {len(rows)} layers, {isa}: {summary([row[0] for row in rows])}")
    return 0
