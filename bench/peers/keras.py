"""Keras' models, stock and on fastconv's layers, on every backend: each in a process of its own.

A process has one backend, and thread pools of several libraries in one process hinder each other. The processes start,
and build a case's network, side by side; timed is one at a time.
"""

from __future__ import annotations

from pathlib import Path

import keras_server

from peers import Candidate
from peers.process import Server, settings

_SERVER = Path(__file__).parents[1] / "keras_server.py"
_servers: dict[str, Server] = {}


def setup(threads):
    """The thread count is in the environment."""


def announce(problem, variant):
    """Have the network of a case built, without waiting for it."""
    if variant not in _servers:
        kind, backend = variant.split()
        _servers[variant] = Server(_SERVER, kind, settings() | {"KERAS_BACKEND": backend})
    _servers[variant].build(op=problem.op, settings=problem.options)


def candidate(problem, variant):
    server = _servers[variant]
    return Candidate(server.run, answer=server.answer())


def release(problem, variant):
    """Let go of a case's network."""
    _servers[variant].drop()


def reference(problem):
    """The answer of stock layers on TensorFlow in float64, which this process finds while the others start."""
    return keras_server.reference(problem.op, problem.options)
