"""Instruction sets: what is compiled in, what this CPU runs, which is in use. For tests and benchmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import _core

__all__ = ["active_isa", "available_isas", "compiled_isas", "left_out_isas", "required_features", "use_isa"]

_AVX2 = ("avx2", "fma", "f16c")
_AVX512 = (*_AVX2, "avx512f", "avx512bw", "avx512dq", "avx512vl")
# As csrc/kernels/isa.inc and core/cpu.c have them.
_FEATURES = {
    "scalar": (),
    "sse2": ("sse2",),
    "avx2": _AVX2,
    "avx512": _AVX512,
    "amx": (*_AVX512, "amx_tile", "amx_bf16", "amx_int8"),
    "neon": ("asimd",),
}


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


def left_out_isas() -> list[str]:
    """Instruction sets, and extensions of them, that this build has no kernels for because its compiler lacked them."""
    return _core.left_out_isas()


def active_isa() -> str:
    """The instruction set in use."""
    return _core.active_isa()


def required_features(name: str) -> tuple[str, ...]:
    """What an instruction set needs of the CPU, in the words of Linux's ``/proc/cpuinfo``.

    Raises
    ------
    ValueError
        If `name` is none of `compiled_isas`.

    Examples
    --------
    >>> required_features("scalar")
    ()
    """
    if name not in compiled_isas():
        raise ValueError(f"`name` must be one of {compiled_isas()}; received {name!r}")
    return _FEATURES[name]


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
