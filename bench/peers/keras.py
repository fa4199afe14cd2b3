"""Keras' models, stock and on fastconv's layers, on every backend: each in a process of its own.

A process has one backend, and thread pools of several libraries in one process hinder each other. The processes start,
and build a case's network, side by side; timed is one at a time.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import keras_server
import numpy as np
import timing

import fastconv
from fastconv import cpu
from peers import Candidate

_SERVER = Path(__file__).parents[1] / "keras_server.py"
_servers: dict[str, _Server] = {}


def setup(threads):
    """The thread count is in the environment."""


def announce(problem, variant):
    """Have the network of a case built, without waiting for it."""
    if variant not in _servers:
        _servers[variant] = _Server(variant)
    _servers[variant].build(problem)


def candidate(problem, variant):
    server = _servers[variant]
    return Candidate(server.run, answer=server.answer())


def release(variant):
    """Let go of a case's network."""
    _servers[variant].drop()


def reference(problem):
    """The answer of stock layers on TensorFlow in float64, which this process finds while the others start."""
    return keras_server.reference(problem.op, problem.options)


class _Server:
    """The process of a variant: a kind of layers, a space, a backend."""

    def __init__(self, variant: str):
        kind, backend = variant.split()
        settings = {
            "KERAS_BACKEND": backend,
            "FASTCONV_ISA": cpu.active_isa(),
            "BENCH_PRECISION": fastconv.get_float32_precision(),
            "PYTHONWARNINGS": "ignore",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(_SERVER), kind],
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

    def build(self, problem) -> None:
        self._send(do="build", op=problem.op, settings=problem.options, file=str(self._file))

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
