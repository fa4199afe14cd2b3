"""A process of the benchmark's own that runs candidates: commands in JSON go in, an answer comes back for each."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import timing

import fastconv
from fastconv import cpu

__all__ = ["Server", "settings"]


def settings() -> dict[str, str]:
    """What every process of a library is to know of this run."""
    return {
        "FASTCONV_ISA": cpu.active_isa(),
        "BENCH_PRECISION": fastconv.get_float32_precision(),
        "PYTHONWARNINGS": "ignore",
    }


class Server:
    """``python SCRIPT WORD`` with further settings in its environment."""

    def __init__(self, script: Path, word: str, settings: dict[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, str(script), word],
            env=os.environ | settings,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(self._end)
        timing.watch(self._process.pid)
        self._waiting = 1  # it reports when it is ready
        self._failure = ""
        self._folder = tempfile.TemporaryDirectory(prefix="fastconv-bench-")
        self._file = Path(self._folder.name) / "answer.npy"

    def build(self, **command) -> None:
        self._send(do="build", file=str(self._file), **command)

    def answer(self) -> np.ndarray:
        """What is checked, once the network is built."""
        self._receive()
        found = np.load(self._file)
        self._file.unlink()
        return found

    def run(self) -> None:
        self._send(do="run")
        self._receive()

    def drop(self) -> None:
        if not self._failure:
            self._send(do="drop")

    def _send(self, **command) -> None:
        if self._failure:
            return
        self._waiting += 1
        with suppress(OSError):  # where it ended, its last reply, or the lack of one, says why
            print(json.dumps(command), file=self._process.stdin, flush=True)

    def _receive(self) -> None:
        """Read the replies to all that was sent; raise what went wrong with the last, or what ended the process."""
        reply = {}
        while self._waiting and not self._failure:
            line = self._process.stdout.readline()
            reply = json.loads(line or '{"fatal": "its process ended"}')
            self._waiting -= 1
            self._failure = reply.get("fatal", "")
        if problem := self._failure or reply.get("error"):
            raise RuntimeError(problem)

    def _end(self) -> None:
        timing.unwatch(self._process.pid)
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()
