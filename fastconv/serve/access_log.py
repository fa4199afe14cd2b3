"""A line of JSON for each request, on the error stream."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import orjson

__all__ = ["AccessLog"]

_DELAY = 0.2  # seconds that lines are collected, so that not each one is a system call
_MOST = 50_000  # lines that wait for a slow reader of the stream
_END = 1.0  # seconds that the end of the server waits for it


class AccessLog:
    """Collects lines; a thread writes them a few times a second. Whoever reads the stream may be slow, or stop."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._dropped = 0
        self._idle = threading.Event()
        self._idle.set()
        self._texts: SimpleQueue[bytes] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def request(self, scope: Any, status: int, received: int, sent: int, seconds: float) -> None:
        """Add a line."""
        client = scope.get("client")
        if not self._lines:
            asyncio.get_running_loop().call_later(_DELAY, self._hand_over)
        if len(self._lines) >= _MOST:
            self._dropped += 1
            return
        self._add(
            client=client[0] if client else None,
            method=scope["method"],
            path=scope["path"],
            status=status,
            received=received,
            sent=sent,
            ms=round(seconds * 1000, 3),
        )

    def _add(self, **words: Any) -> None:
        line = {"time": datetime.now(UTC), **words, "process": os.getpid()}
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _hand_over(self) -> None:
        """Give the thread what has been collected, once it has written what came before."""
        if not self._idle.is_set():
            asyncio.get_running_loop().call_later(_DELAY, self._hand_over)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="fastconv-log", daemon=True)
            self._thread.start()
        if self._dropped:
            self._add(dropped=self._dropped)
        self._idle.clear()
        self._texts.put(b"".join(self._lines))
        self._lines, self._dropped = [], 0

    def _write(self) -> None:
        while True:
            text = memoryview(self._texts.get())
            while text:
                text = text[os.write(sys.stderr.fileno(), text) :]
            self._idle.set()

    def flush(self) -> None:
        """Write what has been collected, unless nobody reads it."""
        if self._idle.wait(_END) and self._lines:
            self._hand_over()
            self._idle.wait(_END)
