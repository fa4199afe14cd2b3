"""The machine: what it is, and its peak as measured here."""

from __future__ import annotations

import datetime
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

PEAK_METHOD = "the fastest of NumPy's products of square matrices, 384 to 1536 wide,"
COPY_METHOD = "the fastest copy of 64 MiB, bytes read plus bytes written"


def describe(threads: int, isa: str, precision: str) -> dict:
    """CPU, settings, date, and the measured peaks that the rows are set against."""
    return {
        "cpu": _cpu_name(),
        "isa": isa,
        "precision": precision,
        "threads": threads,
        "date": datetime.date.today().isoformat(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "peak_flops": {dtype: _peak_flops(dtype) for dtype in ("float32", "float64")},
        "copy_bandwidth": _copy_bandwidth(threads),
        "peak_method": PEAK_METHOD,
        "copy_method": COPY_METHOD,
    }


def measure_again(machine: dict) -> None:
    """Keep the better of the peaks so far and those of this moment, when other programs may be less in the way."""
    machine["peak_flops"] = {dtype: max(peak, _peak_flops(dtype)) for dtype, peak in machine["peak_flops"].items()}
    machine["copy_bandwidth"] = max(machine["copy_bandwidth"], _copy_bandwidth(machine["threads"]))


def _cpu_name() -> str:
    """The model and, where the system says it, the family: cloud machines often shorten the model to the vendor."""
    try:
        fields = dict(
            line.split(":", 1)
            for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']} model {fields['model']})"
    return name


def _peak_flops(dtype: str) -> float:
    """Several sizes: a large product is nearer the peak, a small one is sooner done before another program cuts in."""

    def rate(size: int) -> float:
        a = np.ones((size, size), dtype)
        out = np.empty_like(a)
        return 2 * size**3 / _fastest(lambda: np.matmul(a, a, out=out))

    return max(rate(size) for size in (384, 768, 1536))


def _copy_bandwidth(threads: int, size: int = 2**26) -> float:
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    bounds = [size * i // threads for i in range(threads + 1)]
    parts = [slice(a, b) for a, b in pairwise(bounds)]

    def copy(part):
        np.copyto(target[part], source[part])

    with ThreadPoolExecutor(threads) as pool:
        return 2 * size / _fastest(lambda: list(pool.map(copy, parts)))


def _fastest(run, tries: int = 3, duration: float = 0.2) -> float:
    """Seconds of the fastest call: at least `tries` of them, and for at least `duration`."""
    run()
    times, end = [], time.perf_counter() + duration
    while len(times) < tries or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
