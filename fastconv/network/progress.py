"""How far a long run is."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]

_PATIENCE = 1.0  # seconds before anything shows


class Progress:
    """A bar of rich for a run that passes a second, a plain line where rich is not installed.

    Parameters
    ----------
    total : int
        Images.
    wanted : bool or None
        None: only where the error stream is a terminal.
    title : str, optional
        What runs.

    Examples
    --------
    >>> with Progress(2, None) as progress:
    ...     progress.advance(2)
    """

    def __init__(self, total: int, wanted: bool | None, title: str = "predict") -> None:
        self._total, self._done, self._title = total, 0, title
        self._wanted = sys.stderr.isatty() if wanted is None else bool(wanted)
        self._begin = time.perf_counter()
        self._show: Any = None
        self._stop: Any = lambda: None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stop()

    def advance(self, images: int) -> None:
        """Count images that are done."""
        self._done += images
        if not self._wanted or time.perf_counter() - self._begin < _PATIENCE:
            return
        if self._show is None:
            self._show = self._start()
        self._show(self._done)

    def _start(self) -> Any:
        """Begin to show; the function that shows how many images are done."""
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars
        except ImportError:
            self._stop = lambda: print(file=sys.stderr)
            return lambda done: print(f"\r{done} of {self._total} images", end="", file=sys.stderr, flush=True)
        bars = Bars(
            TextColumn(self._title),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        bars.start()
        self._stop = bars.stop
        task = bars.add_task(self._title, total=self._total)
        return lambda done: bars.update(task, completed=done)
