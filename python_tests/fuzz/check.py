"""What a call must give, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import limits

UNIT = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float32": 2.0**-24,
    "float64": 2.0**-53,
    "longdouble": 2.0**-64,
    "float128": 2.0**-64,
}


class Mismatch(AssertionError):
    """A result that is not what it must be."""


@dataclass
class Want:
    """An array as it must be: exactly, or within `bound` of each element of `value`; NaN in `bound` leaves one open."""

    value: np.ndarray
    dtype: np.dtype
    bound: np.ndarray | None = None


class Refused(Exception):
    """Raised by a reference where the call must end in ValueError or TypeError."""


class Open(Exception):
    """Raised by a reference where the call may also end in an error of these classes, or in an empty result."""

    def __init__(self, *errors):
        super().__init__(errors)
        self.errors = errors


def unit(dtype: np.dtype) -> float:
    """Half the distance from 1 to the next number, of a dtype or of the parts of a complex one."""
    return UNIT[np.dtype(dtype.type(0).real.dtype).name if dtype.kind == "c" else dtype.name]


def working(dtype: np.dtype) -> np.dtype:
    """In what a reference for this dtype is computed."""
    if dtype.kind == "c":
        return np.dtype(np.complex128 if dtype.itemsize == 8 else np.clongdouble)
    return np.dtype(np.longdouble if dtype.kind == "f" and dtype.itemsize >= 8 else np.float64)


def arithmetic(dtype: np.dtype) -> float:
    """Unit of rounding of the arithmetic done for a dtype: float32's for halves."""
    return unit(dtype) if dtype.itemsize > 2 else UNIT["float32"]


def least(dtype: np.dtype):
    """The smallest subnormal number of the arithmetic done for a dtype: float32's for halves."""
    real = np.dtype(dtype.type(0).real.dtype) if dtype.kind == "c" else dtype
    return np.finfo(np.float32 if real.itemsize < 4 else real).smallest_subnormal


def may_overflow(value, bound, dtype: np.dtype):
    """Where a finite value, or a sum on the way to it, may pass the dtype's largest number."""
    most = float(limits(dtype).max)
    room = most if dtype == np.float16 else most / 2**10  # float16 is computed in float32
    return np.isfinite(value) & (abs(value) + bound > room)


def compare(got, want: Want) -> None:
    if not isinstance(got, np.ndarray):
        raise Mismatch(f"a {type(got).__name__} is no array")
    if got.shape != want.value.shape or got.dtype.newbyteorder("=") != want.dtype:
        raise Mismatch(f"{got.dtype} {got.shape} instead of {want.dtype} {want.value.shape}")
    if want.bound is None:
        if not np.array_equal(got, want.value):
            _report(got, want.value, got != want.value, "")
    elif want.dtype.kind == "c":
        for part in ("real", "imag"):
            _within(getattr(got, part), getattr(want.value, part), want.bound)
    else:
        _within(got, want.value, want.bound)


def _within(got, value, bound):
    dtype = got.dtype
    if dtype.kind in "iu":
        wrong = ~(abs(got.astype(np.float64) - value) <= bound)
    else:
        wide, info = got.astype(working(dtype)), limits(dtype)
        finite = np.isfinite(value)
        left_open = np.isnan(bound) | may_overflow(value, bound, dtype)
        bound = bound + unit(dtype) * abs(value) + info.smallest_subnormal
        right = np.where(finite, abs(wide - value) <= bound, (wide == value) | (np.isnan(value) & np.isnan(wide)))
        wrong = ~(right | left_open)
    if wrong.any():
        with np.errstate(all="ignore"):
            ratio = abs(got.astype(np.float64) - value) / bound
        worst = np.max(ratio, where=wrong & np.isfinite(ratio), initial=0)
        _report(got, value, wrong, f", {worst:.3g} times the bound")


def _report(got, value, wrong, words):
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    raise Mismatch(
        f"{np.count_nonzero(wrong)} of {wrong.size} wrong{words}: {got[place]!s} instead of {value[place]!s} at {place}"
    )
