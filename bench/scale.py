"""How much faster many cores would be: ``python bench/scale.py --help``.

The times of a layer's tasks are recorded on one core, cut as for so many threads, by the thread's own clock, which
other programs do not delay. Then they are scheduled: each loop's tasks are taken in their order by whichever thread is
free, the caller's at once, the others' after a wake-up. What a call does outside of its tasks stays serial. Memory
moves each tensor of a layer once at the bandwidth given, which its time does not fall below. Kernels are prepared.
Caches that cores share, clocks that fall as more cores are busy, and memory that belongs to another socket are not
simulated.
"""

from __future__ import annotations

import argparse
import heapq
import statistics
import sys
import time
from typing import NamedTuple

import cases
import numpy as np

import fastconv
from fastconv import _core
from fastconv.nn.convolution import Keywords

CORES = (1, 2, 4, 8, 16, 32, 64)
NETS, BATCHES = ("ResNet-50", "VGG16", "LeNet-5"), (1, 32)
ROUNDS, WAKE_ROUNDS = 3, 60


class Run(NamedTuple):
    """Seconds: of each task of each loop, and of the rest of the call."""

    loops: list[tuple[int, list[float]]]  # threads that may take its tasks, and their times
    serial: float


def record(call, threads: int) -> Run:
    """The layer that `call` runs `ROUNDS` times, cut as for so many threads and run by this one.

    Of each part the least. What lies between two tasks of different loops is the serial part, from one run of the layer
    to the next.
    """
    with fastconv.threads(threads):
        call()
        times = np.array(_core.task_times(call, 1 << 16))
    loop, workers, begin, end = times.reshape(ROUNDS, -1, 4).transpose(2, 0, 1)
    gaps = np.append(begin.ravel()[1:], end.max()) - end.ravel()
    gaps = np.where(np.diff(loop.ravel(), append=-1) != 0, gaps, 0).reshape(loop.shape)
    spent, loops = (end - begin).min(0) / 1e9, loop[0] - loop[0, 0]
    found = [(int(workers[0, loops == i][0]), spent[loops == i].tolist()) for i in range(loops[-1] + 1)]
    return Run(found, float(gaps[:-1].min(0).sum()) / 1e9)


def makespan(tasks: list[float], workers: int, wake: float) -> float:
    """When the last of the tasks ends that free threads take in their order; all threads but one begin at `wake`."""
    free = [0.0] + [wake] * (workers - 1)
    for task in tasks:
        heapq.heappush(free, heapq.heappop(free) + task)
    busy = [end for end in free if end != wake]  # who found none left is not waited for
    return max(busy, default=0.0)


def seconds(run: Run, wake: float) -> float:
    return run.serial + sum(makespan(tasks, workers, wake) for workers, tasks in run.loops)


def measure_wake() -> float:
    """Seconds until a second thread helps: what two equal halves take beyond half the time of both."""
    x, kernel = np.ones((2, 56, 56, 64), np.float32), np.ones((3, 3, 64, 64), np.float32)
    run = fastconv.prepare_conv2d(kernel, algorithm="direct")
    medians = []
    for threads in (1, 2):
        spent = []
        with fastconv.threads(threads):
            for _ in range(WAKE_ROUNDS):
                time.sleep(0.001)
                start = time.perf_counter()
                run(x)
                spent.append(time.perf_counter() - start)
        medians.append(statistics.median(spent))
    return max(0.0, 2 * (medians[1] - medians[0] / 2))


def layer_call(case: cases.Case):
    """What runs a layer `ROUNDS` times, as a step of a network, and the bytes of its tensors."""
    problem = cases.build(case)
    x, kernel, options = problem.arrays["x"], problem.arrays["kernel"], problem.options
    words = Keywords(*(options[word] for word in ("strides", "padding", "dilation", "groups")), "channels_last")
    geometry, shape = words.geometry(x.dtype, x.shape, kernel.shape, kernel.dtype)
    y = np.empty(shape, x.dtype)
    prepared = _core.PreparedConv2D(geometry, kernel, None, True)
    step = _core.conv2d_call(prepared, geometry, False)
    step.pack()
    program = _core.Program([(step, [(0, 0), (1, 0)])] * ROUNDS, [x.nbytes, y.nbytes], 0.0)
    return lambda: program.run([x, y]), x.nbytes + y.nbytes + prepared.nbytes


def simulate(net: str, batch: int, counts: list[int], wake: float, bandwidth: float, detail: bool) -> dict[int, float]:
    """Seconds of all convolutions of a net by the number of cores."""
    total = dict.fromkeys(counts, 0.0)
    for case in cases.load("layers", (batch,)):
        times = int(case.settings.get("times", 1))
        if case.layer["net"] != net or not times:
            continue
        call, tensor_bytes = layer_call(case)
        took = {}
        for cores in counts:
            floor = tensor_bytes / bandwidth if cores > 1 else 0.0
            took[cores] = max(seconds(record(call, cores), wake), floor)
            total[cores] += times * took[cores]
        if detail:
            print(f"  {case.name}: {took[1] * 1e3:.2f} ms; " + _speed_ups(took), flush=True)
    return total


def _speed_ups(took: dict[int, float]) -> str:
    return ", ".join(f"{cores}: {took[1] / took[cores]:.1f}" for cores in took if cores > 1)


def _plot(results: dict[str, dict[int, float]], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(layout="constrained")
    counts = sorted(next(iter(results.values())))
    axis.plot(counts, counts, color="black", linewidth=1, label="all of them")
    for name, took in results.items():
        axis.plot(counts, [took[1] / took[cores] for cores in counts], marker="o", label=name)
    axis.set(xscale="log", yscale="log", xlabel="cores", ylabel="times as fast as one", xticks=counts, yticks=counts)
    axis.set_xticklabels(map(str, counts))
    axis.set_yticklabels(map(str, counts))
    axis.minorticks_off()
    axis.grid(alpha=0.2)
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Simulate convolutions on 1 to 64 cores.")
    parser.add_argument("--net", action="append", choices=NETS, help="default: all of them")
    parser.add_argument("--batch", action="append", type=int, metavar="N", help="default: 1 and 32")
    parser.add_argument("--cores", action="append", type=int, metavar="N", help="default: 1 to 64")
    parser.add_argument("--wake", type=float, metavar="US", help="until a thread begins; default: measured")
    parser.add_argument("--bandwidth", type=float, default=200.0, metavar="GB/S", help="of memory (%(default)s)")
    parser.add_argument("--layers", action="store_true", help="print every layer")
    parser.add_argument("--plot", metavar="FILE", help="draw the speed-ups")
    arguments = parser.parse_args(argv)
    wake = measure_wake() if arguments.wake is None else arguments.wake / 1e6
    print(f"a thread begins after {wake * 1e6:.0f} us; memory moves {arguments.bandwidth:g} GB/s")
    results, counts = {}, sorted({1, *(arguments.cores or CORES)})
    for net in arguments.net or NETS:
        for batch in arguments.batch or BATCHES:
            name = f"{net}, batch {batch}"
            results[name] = simulate(net, batch, counts, wake, arguments.bandwidth * 1e9, arguments.layers)
            print(f"{name}: {results[name][1] * 1e3:.2f} ms on one core; times as fast: {_speed_ups(results[name])}")
    if arguments.plot:
        _plot(results, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
