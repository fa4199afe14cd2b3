"""How fast a network is on this machine: latency of one image, images per second, and the time of each step."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastconv

from ..network.table import Table
from . import positive

__all__ = ["add_arguments", "run"]

_BATCHES = (1, 8, 32, 128)
_LEAST_RUNS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a .keras, .h5, .onnx or .fcn file")
    parser.add_argument(
        "--batch",
        type=positive,
        nargs="+",
        metavar="N",
        help="images in a call (default: 1 8 32 128, as far as it may)",
    )
    parser.add_argument("--size", type=positive, default=224, metavar="N", help="for free sizes (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each batch (default: %(default)s)")
    parser.add_argument("--threads", type=positive, help="default: as show_config says")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the steps' times")


def run(arguments: argparse.Namespace) -> None:
    if arguments.plot and arguments.plot.suffix != ".png":
        raise ValueError(f"--plot must end with .png; received {arguments.plot}")
    begin = time.perf_counter()
    net = fastconv.load(arguments.model)
    loading = time.perf_counter() - begin
    with fastconv.threads(arguments.threads or fastconv.get_num_threads()):
        begin = time.perf_counter()
        net(*_inputs(net, 1, arguments.size))
        first = time.perf_counter() - begin
        batches = _batches(net, arguments.batch)
        rows = [_timed(net, batch, arguments) for batch in batches]
        profile = net.profile(*_inputs(net, batches[0], arguments.size))
        threads = fastconv.get_num_threads()
    if arguments.plot:
        profile.plot(arguments.plot)
    if arguments.json:
        steps = [dict(zip(profile.headings, row, strict=True)) for row in profile.rows]
        facts = {"load_s": loading, "first_call_s": first, "threads": threads, "isa": fastconv.cpu.active_isa()}
        print(json.dumps(facts | {"batches": rows, "steps": steps}))
        return
    print(
        f"{Path(arguments.model).name}: loaded in {loading * 1e3:.1f} ms, first call {first * 1e3:.1f} ms; "
        f"{fastconv.cpu.active_isa()}, {threads} threads\n"
    )
    print(_table(rows))
    print(f"\nsteps of a call with {batches[0]} images:\n{profile}")


def _batches(net: Any, wanted: list[int] | None) -> list[int]:
    """Sizes of batches that the network takes."""
    fixed = next((value.shape[0] for value in net.inputs if value.shape and value.shape[0] is not None), None)
    if fixed is None:
        return wanted or list(_BATCHES)
    if wanted and wanted != [fixed]:
        raise ValueError(f"--batch must be {fixed}, as the network is for that many images in a call")
    return [fixed]


def _inputs(net: Any, batch: int, size: int) -> list[np.ndarray]:
    """Random inputs of the network's shapes: floats in 0..1, integers of 0 and 1."""
    rng, arrays = np.random.default_rng(0), []
    for value in net.inputs:
        shape = [
            given if given is not None else size if axis else batch for axis, given in enumerate(value.shape or ())
        ]
        numbers = rng.random(shape) if value.dtype.kind == "f" else rng.integers(0, 2, shape)
        arrays.append(numbers.astype(value.dtype))
    return arrays


def _timed(net: Any, batch: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of calls with one batch."""
    arrays = _inputs(net, batch, arguments.size)
    net(*arrays)
    seconds: list[float] = []
    end = time.perf_counter() + arguments.seconds
    while len(seconds) < _LEAST_RUNS or time.perf_counter() < end:
        begin = time.perf_counter()
        net(*arrays)
        seconds.append(time.perf_counter() - begin)
    low, median, high = np.percentile(seconds, (0, 50, 99))
    return {
        "batch": batch,
        "least_s": float(low),
        "median_s": float(median),
        "p99_s": float(high),
        "images_per_s": batch / float(np.mean(seconds)),
        "calls": len(seconds),
    }


def _table(rows: list[dict[str, float]]) -> Table:
    return Table(
        ["batch", "least ms", "median ms", "p99 ms", "images/s", "calls"],
        [
            [
                row["batch"],
                *(round(1e3 * row[word], 4) for word in ("least_s", "median_s", "p99_s")),
                round(row["images_per_s"]),
                row["calls"],
            ]
            for row in rows
        ],
    )
