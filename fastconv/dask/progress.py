"""A progress bar of dask's computations in this process."""

from __future__ import annotations

from typing import Any

from dask.callbacks import Callback


class progress(Callback):
    """Show how many of the tasks of a computation are done, with rich's bar.

    Raises
    ------
    ImportError
        If rich is not installed.

    Examples
    --------
    >>> import dask.array as da, fastconv.dask
    >>> blurred = fastconv.dask.box_blur(da.ones((100, 100), chunks=50), 3)
    >>> with fastconv.dask.progress():  # doctest: +SKIP
    ...     da.store(blurred, out)
    """

    def __init__(self, description: str = "fastconv") -> None:
        from rich.progress import Progress

        super().__init__()  # type: ignore[no-untyped-call]
        self._description, self._bar_of = description, Progress
        self._bar: Any = None
        self._task: Any = None

    def _start_state(self, dsk: Any, state: Any) -> None:
        total = sum(len(state[kind]) for kind in ("ready", "waiting", "running"))
        self._bar = self._bar_of()
        self._task = self._bar.add_task(self._description, total=total)
        self._bar.start()

    def _posttask(self, key: Any, result: Any, dsk: Any, state: Any, worker_id: Any) -> None:
        self._bar.advance(self._task)

    def _finish(self, dsk: Any, state: Any, errored: Any) -> None:
        self._bar.stop()
