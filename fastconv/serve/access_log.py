"""A line of JSON for each request, on the error stream."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime

import orjson

__all__ = ["AccessLog"]

_DELAY = 0.2  # seconds that lines are collected, so that not each one is a system call


class AccessLog:
    """Collects lines and writes them a few times a second."""

    def __init__(self):
        self._lines: list[bytes] = []

    def request(self, scope, status: int, received: int, sent: int, seconds: float) -> None:
        """Add a line."""
        client = scope.get("client")
        if not self._lines:
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        line = {
            "time": datetime.now(UTC),
            "client": client[0] if client else None,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "received": received,
            "sent": sent,
            "ms": round(seconds * 1000, 3),
            "process": os.getpid(),
        }
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write what has been collected."""
        lines, self._lines = b"".join(self._lines), []
        sys.stderr.flush()
        os.write(sys.stderr.fileno(), lines)
