"""What training tells of each epoch."""

from __future__ import annotations

from typing import Any

from ..table import Table

__all__ = ["History"]


class History:
    """Losses and metrics of each epoch.

    Attributes
    ----------
    history : dict of str to list of float
        As of Keras: 'loss', metrics, and the same with 'val_' of data that are not trained on.

    Examples
    --------
    >>> history = History()
    >>> history.add({"loss": 0.5, "accuracy": 0.75}, 2.0)
    >>> history
    epoch    loss  accuracy  seconds
        1  0.5000    0.7500     2.00
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.seconds: list[float] = []

    def add(self, values: dict[str, float], seconds: float) -> None:
        """Note an epoch."""
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    def table(self) -> Table:
        """A row for each epoch."""
        values = [[f"{value:.4f}" for value in values] for values in self.history.values()]
        columns: list[Any] = [range(1, len(self.seconds) + 1), *values, [f"{s:.2f}" for s in self.seconds]]
        return Table(["epoch", *self.history, "seconds"], list(map(list, zip(*columns, strict=True))))

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> Any:
        return self.table()._repr_html_()

    def plot(self, path: Any) -> None:
        """Draw losses and metrics by epoch into a PNG file.

        Parameters
        ----------
        path : path or binary file object

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``examples`` installs.
        """
        from ..pictures import plot_history

        plot_history(self.history, path)
