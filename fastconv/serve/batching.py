"""Requests that wait, computed together outside of the event loop, unless that takes less time than getting there."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from contextlib import nullcontext
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import numpy as np

from ..config import threads
from .errors import busy
from .model import Model
from .settings import Settings

__all__ = ["Batcher"]

# Seconds. Waking a thread, and its waits for the interpreter's lock, take a good part of that.
_AT_ONCE = 0.001
# Below this, waking a second thread takes more than it saves where clients want the other cores.
_BY_ONE_THREAD = 0.0003


class _Request:
    """A request that waits for its outputs."""

    __slots__ = ("arrays", "begin", "future", "key", "model", "rows")

    def __init__(
        self, model: Model, arrays: list[np.ndarray], future: asyncio.Future[list[np.ndarray]], begin: float
    ) -> None:
        self.model, self.arrays, self.future, self.begin = model, arrays, future, begin
        shapes = [array.shape for array in arrays]
        self.rows = shapes[0][0] if shapes[0] else 1
        self.key = (model, *[shape[1:] for shape in shapes])


class Batcher:
    """Computes what requests ask for, a batch at a time.

    Requests that come while a batch is computed are the next one. One that comes alone waits for nothing. Batches are
    computed in a thread of their own; those that should take less than a millisecond, by the shorter time of the last
    two, at once, and those of 0.3 ms by one thread.

    Parameters
    ----------
    settings : Settings
    metrics : Metrics
    """

    def __init__(self, settings: Settings, metrics: Any) -> None:
        self._settings, self._metrics = settings, metrics
        self._waiting: deque[_Request] = deque()
        self._batch: list[_Request] = []  # which is computed
        self._scheduled: asyncio.Handle | None = None
        self._is_patient = False  # whether what is scheduled waits for more requests
        self._alarm: asyncio.TimerHandle | None = None
        self._key: tuple[Any, ...] = ()  # of the last batch's requests
        self._seconds = 0.0, math.inf  # of a row, in the last batch and in the one before it
        self._tasks: SimpleQueue[Any] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def __call__(self, model: Model, arrays: list[np.ndarray]) -> asyncio.Future[list[np.ndarray]]:
        """The outputs for the inputs of a request, to be awaited; RequestError if there is no room or no time."""
        if len(self._waiting) >= self._settings.max_queue:
            raise busy(f"{len(self._waiting)} requests are waiting already")
        loop = asyncio.get_running_loop()
        request = _Request(model, arrays, loop.create_future(), loop.time())
        self._waiting.append(request)
        if not self._batch:
            self._schedule(loop)
        if self._alarm is None:
            self._alarm = loop.call_later(self._settings.timeout, self._expire, loop)
        return request.future

    def _expire(self, loop: Any) -> None:
        """Give up on the requests that have waited too long; one alarm for all costs less than one for each."""
        pending = [request for request in (*self._batch, *self._waiting) if not request.future.done()]
        latest = loop.time() - self._settings.timeout
        while pending and pending[0].begin <= latest:
            pending.pop(0).future.set_exception(busy(f"not computed within {self._settings.timeout:g} s"))
        self._alarm = loop.call_at(pending[0].begin + self._settings.timeout, self._expire, loop) if pending else None

    def _schedule(self, loop: Any) -> None:
        """Begin the next batch once the requests that have arrived by now are read."""
        if self._is_patient and not self._patience(loop.time()):
            if self._scheduled is not None:
                self._scheduled.cancel()
            self._scheduled, self._is_patient = None, False
        if self._scheduled is None:
            self._scheduled = loop.call_soon(self._dispatch, loop)

    def _dispatch(self, loop: Any) -> None:
        self._scheduled, self._is_patient = None, False
        while self._waiting and self._waiting[0].future.done():  # its client has been answered, or is gone
            self._waiting.popleft()
        if self._batch or not self._waiting:
            return
        if (delay := self._patience(loop.time())) > 0:
            self._scheduled, self._is_patient = loop.call_later(delay, self._dispatch, loop), True
            return
        self._batch = self._take()
        if (seconds := self._estimate(self._batch)) <= _AT_ONCE:
            with threads(1) if seconds <= _BY_ONE_THREAD else nullcontext():
                found = _computed(self._batch, at_once=True)
            self._deliver(*found)
            self._schedule(loop)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=_compute, args=(self._tasks,), name="fastconv", daemon=True)
            self._thread.start()
        self._tasks.put((self._batch, loop, self._finish))

    def _estimate(self, batch: list[_Request]) -> float:
        """Seconds that a batch may take; infinite where the last one was of another kind."""
        return min(self._seconds) * _rows(batch) if self._key == batch[0].key else math.inf

    def _patience(self, now: float) -> float:
        """Seconds that the next batch may wait for more requests."""
        if not self._settings.max_wait or len(self._waiting) < 2:
            return 0.0
        if sum(request.rows for request in self._waiting) >= self._settings.max_batch:
            return 0.0
        return max(0.0, self._waiting[0].begin + self._settings.max_wait / 1000 - now)

    def _take(self) -> list[_Request]:
        """The next batch: requests in order that one call can serve."""
        batch = [self._waiting.popleft()]
        first, rows = batch[0], batch[0].rows
        while first.model.batched and self._waiting and self._waiting[0].key == first.key:
            rows += self._waiting[0].rows
            if rows > self._settings.max_batch:
                break
            request = self._waiting.popleft()
            if not request.future.done():
                batch.append(request)
        return batch

    def _finish(self, loop: Any, *computed: Any) -> None:
        self._deliver(*computed)
        self._dispatch(loop)

    def _deliver(self, batch: list[_Request], results: list[Any], seconds: float) -> None:
        """Give a batch's requests their outputs."""
        self._batch, rows = [], _rows(batch)
        self._metrics.batch(rows, seconds, len(self._waiting))
        if rows and not any(isinstance(result, BaseException) for result in results):
            before = self._seconds[0] if self._key == batch[0].key else math.inf
            self._key, self._seconds = batch[0].key, (seconds / rows, before)
        for request, result in zip(batch, results, strict=True):
            if request.future.done():
                continue
            if isinstance(result, BaseException):
                request.future.set_exception(result)
            else:
                request.future.set_result(result)


def _rows(batch: list[_Request]) -> int:
    return sum(request.rows for request in batch)


def _compute(tasks: SimpleQueue[Any]) -> None:
    """The thread that computes batches."""
    while True:
        batch, loop, finish = tasks.get()
        found = _computed(batch)
        try:
            loop.call_soon_threadsafe(finish, loop, *found)
        except RuntimeError:  # the loop has ended, and nobody waits
            return
        del batch, found  # not kept until the next batch


def _computed(batch: list[_Request], at_once: bool = False) -> tuple[list[_Request], list[Any], float]:
    """A batch, the outputs of its requests, and the seconds that passed."""
    begin = perf_counter()
    results = _results(batch, at_once)
    return batch, results, perf_counter() - begin


def _results(batch: list[_Request], at_once: bool = False) -> list[Any]:
    """The outputs of each request, or what was raised for it."""
    if len(batch) == 1:
        try:
            return [batch[0].model(batch[0].arrays, at_once)]
        except Exception as error:
            return [error]
    try:
        arrays = [np.concatenate(parts) for parts in zip(*(r.arrays for r in batch), strict=True)]
        outputs = batch[0].model(arrays, at_once)
    except Exception:  # each alone, so that one spoils no other
        return [result for request in batch for result in _results([request])]
    results, begin = [], 0
    for request in batch:
        end = begin + request.rows
        results.append([output[begin:end] for output in outputs])
        begin = end
    return results
