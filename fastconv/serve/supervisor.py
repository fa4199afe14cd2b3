"""Several processes that serve one socket, and what starts those that die anew."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .. import config
from ..network import load
from .settings import Settings
from .watching import Watcher

__all__ = ["Supervisor"]

_log = logging.getLogger("fastconv.serve")
_TICK = 0.1  # seconds
_YOUNG = 1.0  # seconds; a worker that dies before is started after a pause
_LONGEST_PAUSE = 10.0
_START = 60.0  # seconds until the first worker must serve


class Supervisor:
    """Runs workers until a signal ends it.

    The model is saved as an ``.fcn`` file in a folder of its own. Workers map that file, so that they share its memory,
    and watch it; the supervisor alone reads the model's file.

    Parameters
    ----------
    model : path
    name : str
    listener : socket.socket
    settings : Settings
    workers : int
    watch : bool
    """

    def __init__(
        self, model: Any, name: str, listener: socket.socket, settings: Settings, workers: int, watch: bool
    ) -> None:
        self._model, self._name, self._listener, self._settings = model, name, listener, settings
        self._count, self._watch = workers, watch
        self._workers: list[_Worker] = []
        self._end = False

    def run(self, ready: Any) -> None:
        """Serve; `ready` is called once a worker does."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            with tempfile.TemporaryDirectory(prefix="fastconv-") as folder:
                self._prepare(Path(folder))
                try:
                    self._supervise(ready)
                finally:
                    self._stop_workers()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: Any, frame: Any) -> None:
        self._end = True

    def _prepare(self, folder: Path) -> None:
        """The folder of the workers: the model, and the files in which their metrics meet."""
        self._copy, self._metrics_folder = folder / "model.fcn", folder / "metrics"
        self._metrics_folder.mkdir()
        load(self._model).save(self._copy)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics_folder)  # prometheus_client reads it when imported
        from .metrics import Metrics

        self._watcher = Watcher(self._model, lambda: load(self._model).save(self._copy), Metrics().load_failed)

    def _supervise(self, ready: Any) -> None:
        self._workers = [self._start() for _ in range(self._count)]
        self._workers[0].wait_until_ready()
        if ready:
            ready()
        while not self._end:
            time.sleep(_TICK)
            if self._watch:
                self._watcher.poll()
            self._workers = [self._revived(worker) for worker in self._workers]

    def _start(self, pause: float = 0.0) -> _Worker:
        task = {
            "model": str(self._copy),
            "name": self._name,
            "socket": self._listener.fileno(),
            "settings": dataclasses.asdict(self._settings),
        }
        threads = max(1, config.get_num_threads() // self._count)
        return _Worker(task, {"OMP_NUM_THREADS": str(threads), **os.environ}, pause)

    def _revived(self, worker: _Worker) -> _Worker:
        """The worker, or another in the place of one that died."""
        code = worker.process.poll()
        if code is None:
            return worker
        if not worker.reported:
            worker.reported = True
            _log.warning("worker %d ended with code %d; another one is started", worker.process.pid, code)
            from prometheus_client.multiprocess import mark_process_dead

            mark_process_dead(worker.process.pid, str(self._metrics_folder))
        age = time.monotonic() - worker.begin
        if age < worker.pause:
            return worker
        return self._start(
            min(max(2 * worker.pause, _YOUNG), _LONGEST_PAUSE) if age < 2 * worker.pause + _YOUNG else 0.0
        )

    def _stop_workers(self) -> None:
        """Let the workers answer what they have, and end."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        end = time.monotonic() + self._settings.timeout + 5
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


class _Worker:
    """A process that serves.

    Its task comes on its standard input: a key on a command line could be read by every user. The end of that input
    tells the worker that the supervisor is gone.
    """

    def __init__(self, task: dict[Any, Any], environment: dict[str, str], pause: float) -> None:
        self.pause, self.begin, self.reported = pause, time.monotonic(), False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastconv.serve.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=[task["socket"]],
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(task).encode() + b"\n")
        self.process.stdin.flush()

    def wait_until_ready(self) -> None:
        """Wait for the word that it serves; raises OSError if it does not."""
        output = self.process.stdout
        assert output is not None
        found, _, _ = select.select([output], [], [], _START)
        if not found or not output.readline():
            raise OSError("the first worker has not begun to serve")
