"""What goes wrong with files of networks: two kinds of ValueError."""

from __future__ import annotations

from typing import Any

__all__ = ["FileError", "UnsupportedError"]


class FileError(ValueError):
    """A file is damaged, or larger than a bound allows; the message names the file and the place in it."""


class UnsupportedError(ValueError):
    """A file holds layers or nodes that no operator serves; the message lists all of them.

    Parameters
    ----------
    source : str
        What the file is called.
    items : list of (str, str)
        Name and kind of each, with a reason in the kind where the kind alone tells nothing.

    Examples
    --------
    >>> print(UnsupportedError("a.onnx", [("loop_1", "Loop"), ("", "QLinearConv")]))
    a.onnx: not supported: 'loop_1' (Loop), QLinearConv
    """

    def __init__(self, source: str, items: list[tuple[str, str]]) -> None:
        self.items = list(dict.fromkeys(items))
        listed = ", ".join(f"{name!r} ({kind})" if name else kind for name, kind in self.items)
        super().__init__(f"{source}: not supported: {listed}")

    def __reduce__(self) -> Any:
        source, _, _ = str(self).partition(": not supported: ")
        return UnsupportedError, (source, self.items)
