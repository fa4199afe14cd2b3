"""A model's file that is replaced while it is served."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Watcher"]

_log = logging.getLogger("fastconv.serve")
_SECONDS = 0.5


class Watcher:
    """Looks at a file, and tells when another one is there.

    Parameters
    ----------
    path : path
    changed : callable
        Called once a new file is whole. What it raises leaves the old network serving.
    failed : callable
        Called without arguments after that.
    """

    def __init__(self, path: Any, changed: Callable[[], None], failed: Callable[[], None]) -> None:
        self._path, self._changed, self._failed = path, changed, failed
        self._known = self._seen = self._state()
        self._end = threading.Event()

    def poll(self) -> None:
        """Look once; a file counts when two looks find the same one, so that half of one is not read."""
        state = self._state()
        settled, self._seen = state == self._seen, state
        if state is None or state == self._known or not settled:
            return
        self._known = state
        try:
            self._changed()
            _log.info("%s has been loaded anew", self._path)
        except Exception as error:
            self._failed()
            _log.warning("the network from before goes on serving: %s", error)

    def start(self) -> None:
        """Look from a thread, until `stop`."""
        threading.Thread(target=self._loop, name="fastconv-watch", daemon=True).start()

    def stop(self) -> None:
        self._end.set()

    def _loop(self) -> None:
        while not self._end.wait(_SECONDS):
            self.poll()

    def _state(self) -> Any:
        """What differs between two files; None where there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
