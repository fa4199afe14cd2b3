"""Instruction sets: what is compiled in, what this CPU runs, which is in use. For tests and benchmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import _core

__all__ = ["active_isa", "available_isas", "compiled_isas", "use_isa"]


def compiled_isas() -> list[str]:
    """Instruction sets this build has kernels for, in rising order."""
    return [name for name, _ in _core.isas()]


def available_isas() -> list[str]:
    """Those of them that this CPU can run.

    Examples
    --------
    >>> "scalar" in available_isas()
    True
    """
    return [name for name, available in _core.isas() if available]


def active_isa() -> str:
    """The instruction set in use."""
    return _core.active_isa()


def choose_isa() -> None:
    """Take the instruction set ``FASTCONV_ISA`` names, else the best this CPU has. ``import fastconv`` has done it.

    Raises
    ------
    ValueError
        If ``FASTCONV_ISA`` is unknown, not compiled in, or not available on this CPU.
    """
    try:
        _core.init()
    except ValueError as error:
        word = os.environ.get("FASTCONV_ISA")
        raise ValueError(f"FASTCONV_ISA must be one of {available_isas()}; received {word!r} ({error})") from None


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    """Run the body on another instruction set, for the whole process; not while other threads compute.

    Raises
    ------
    ValueError
        If `name` is unknown, not compiled in, or not available on this CPU.
    """
    before = _core.active_isa()
    try:
        _core.set_isa(name)
    except ValueError as error:
        raise ValueError(f"`name` must be one of {available_isas()}; received {name!r} ({error})") from None
    try:
        yield
    finally:
        _core.set_isa(before)
