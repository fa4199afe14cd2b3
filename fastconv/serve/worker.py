"""A process of the supervisor: ``python -m fastconv.serve.worker``, its task on the standard input."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading

from ..network import load
from .settings import Settings

__all__ = ["main"]


def main() -> None:
    """Serve what the task says until SIGTERM, or until the supervisor is gone."""
    from .running import serve_here

    logging.basicConfig(format="fastconv: %(message)s", level=logging.INFO)
    task = json.loads(sys.stdin.buffer.readline())
    settings = task["settings"]
    settings |= {name: tuple(settings[name]) for name in ("allowed_hosts", "api_keys", "labels")}
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    with socket.socket(fileno=task["socket"]) as listener:
        serve_here(load(task["model"]), task["name"], listener, Settings(**settings), _say_ready, task["model"])


def _say_ready() -> None:
    os.write(sys.stdout.fileno(), b"ready\n")


def _end_with_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
