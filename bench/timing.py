"""Interleaved timing: in each round every candidate once, the order turned by one from round to round.

Libraries keep their worker threads spinning for a while after a call. Before each measurement the process is therefore
left alone until it uses no CPU any more (`settle`), and a short call is made once untimed to wake its own workers.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

_watched: set[int] = set()  # processes of the benchmark's own that run candidates
SETTLE = "before each measurement the process sleeps until no library's threads spin any more"


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    slot: float  # seconds that a measurement lasts at least
    limit: float  # seconds that one candidate may take in all rounds
    total: float = math.inf  # seconds that a row may take, after which no further round begins
    behind: float = math.inf  # a call longer than a slot and so many times slower than the fastest gets one round


@dataclass(frozen=True)
class Timing:
    """Seconds a call: median and quartiles over the rounds."""

    seconds: float
    low: float
    high: float
    rounds: int


def watch(process: int) -> None:
    """Have `settle` wait for this process too, by its number."""
    _watched.add(process)


def unwatch(process: int) -> None:
    _watched.discard(process)


def _cpu_seconds() -> float:
    """Of this process and those watched: Linux makes the id of a process' CPU clock from its number."""
    total = time.process_time()
    for process in _watched:
        with suppress(OSError):
            total += time.clock_gettime((~process << 3) | 2)
    return total


def settle(step: float = 0.012, longest: float = 0.1) -> None:
    """Sleep until the processes use less than a fifth of a CPU, at most `longest` seconds.

    A step spans three ticks of 250 Hz: the kernel may account for the time of running threads at its ticks only, and
    within a shorter one threads that spin pass for asleep.
    """
    end = time.perf_counter() + longest
    while True:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        time.sleep(step)
        now = time.perf_counter()
        if _cpu_seconds() - cpu < 0.2 * (now - wall) or now > end:
            return


def once(run: Callable[[], object], calls: int = 1) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def interleaved(runs: dict[str, Callable[[], object]], effort: Effort) -> dict[str, Timing]:
    """Time every run, each already called once; one that is too slow for its limit gets fewer rounds, at least one."""
    end = time.perf_counter() + effort.total
    gc.collect()
    gc.disable()
    try:
        samples = {}
        for name, run in runs.items():
            settle()
            samples[name] = [once(run)]
        first = {name: found[0] for name, found in samples.items()}
        close = max(effort.slot, effort.behind * min(first.values(), default=1.0))
        rounds = {
            name: min(_rounds(seconds, effort), effort.rounds if seconds <= close else 1)
            for name, seconds in first.items()
        }
        names = list(runs)
        for index in range(effort.rounds if runs else 0):
            if index and time.perf_counter() > end:
                break
            turn = index % len(names)
            for name in names[turn:] + names[:turn]:
                if index < rounds[name]:
                    samples[name].append(_sample(runs[name], first[name], effort.slot))
    finally:
        gc.enable()
    # The first call only served to choose the number of calls, unless it is all there is.
    return {name: _summary(found[1:] or found) for name, found in samples.items()}


def _rounds(seconds: float, effort: Effort) -> int:
    return effort.rounds if seconds * effort.rounds <= effort.limit else int(effort.limit / seconds)


def _sample(run: Callable[[], object], seconds: float, slot: float) -> float:
    settle()
    if seconds < slot:
        run()
    return once(run, max(1, min(1000, round(slot / seconds))))


def _summary(samples: list[float]) -> Timing:
    low, median, high = (float(q) for q in np.percentile(samples, [25, 50, 75]))
    return Timing(median, low, high, len(samples))
