"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO


def write_whole(path: Any, suffix: str, write: Callable[[BinaryIO], object]) -> None:
    """Call `write` with a new file, which takes the place of `path`, and its mode, when all of it is on disk.

    Raises
    ------
    ValueError
        If something other than a file has that path.
    OSError
        If the file cannot be written.
    """
    target = os.path.realpath(os.fsdecode(path))
    if os.path.exists(target) and not os.path.isfile(target):
        raise ValueError(f"`path` must be that of a file; {os.fsdecode(path)!r} is none")
    temporary = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}{suffix}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    """Let the new name be on disk too, where the system opens folders."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
