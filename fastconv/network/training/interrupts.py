"""Ctrl-C between the steps of training, never inside an update of the weights."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["BetweenSteps"]


class BetweenSteps:
    """Holds back KeyboardInterrupt inside its block until `check` is called, or the block is left.

    Outside of the main thread, and where a program has a handler of its own, it does nothing.

    Examples
    --------
    >>> with BetweenSteps() as interrupts:
    ...     interrupts.check()
    """

    def __init__(self) -> None:
        self._came = False
        self._before: Any = None

    def __enter__(self) -> Any:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: Any, frame: Any) -> None:
        self._came = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if one was held back."""
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def __exit__(self, kind: Any, *exception: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if kind is None:
            self.check()
