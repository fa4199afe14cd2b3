"""`scipy.signal`'s convolutions of two axes. NotImplemented stands for what SciPy is to compute itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import image

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve", "sepfir2d"]

_FLOATS = tuple(np.dtype(name) for name in ("float32", "float64", "complex64", "complex128"))
_SCIPYS_OWN = "?e"  # bool and float16, which SciPy refuses or takes otherwise


def convolve2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    """`scipy.signal.convolve2d`."""
    return image.convolve2d(in1, in2, mode, boundary, fillvalue) if _plain(in1, in2) else NotImplemented


def correlate2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    """`scipy.signal.correlate2d`."""
    return image.correlate2d(in1, in2, mode, boundary, fillvalue) if _plain(in1, in2) else NotImplemented


def convolve(in1: Any, in2: Any, mode: Any = "full", method: str = "auto") -> Any:
    """`scipy.signal.convolve`, of any method."""
    if method not in ("auto", "direct", "fft") or not _plain(in1, in2):
        return NotImplemented
    return image.convolve2d(in1, in2, mode)


def correlate(in1: Any, in2: Any, mode: Any = "full", method: str = "auto") -> Any:
    """`scipy.signal.correlate`, of any method."""
    if method not in ("auto", "direct", "fft") or not _plain(in1, in2):
        return NotImplemented
    # As SciPy's, this has the middle of 'same' where the convolution with the reversed kernel has it.
    return image.convolve2d(in1, np.conj(np.asarray(in2)[::-1, ::-1]), mode)


def fftconvolve(in1: Any, in2: Any, mode: Any = "full", axes: Any = None) -> Any:
    """`scipy.signal.fftconvolve`: integers come out as float64."""
    if not _plain(in1, in2) or not _both_axes(axes):
        return NotImplemented
    first, second = np.asarray(in1), np.asarray(in2)
    if all(1 in sizes for sizes in zip(first.shape, second.shape, strict=True)):
        return NotImplemented  # SciPy multiplies where no axis has a transform, in other dtypes
    first, second = (a.astype(np.float64) if a.dtype.kind in "iu" else a for a in (first, second))
    plain = first.dtype in _FLOATS and second.dtype in _FLOATS
    return image.convolve2d(first, second, mode) if plain else NotImplemented


oaconvolve = fftconvolve


def sepfir2d(input: Any, hrow: Any, hcol: Any) -> Any:
    """`scipy.signal.sepfir2d`."""
    row, column = np.asarray(hrow), np.asarray(hcol)
    odd = row.ndim == column.ndim == 1 and row.size % 2 and column.size % 2
    if not odd or type(input) is not np.ndarray or input.ndim != 2 or input.dtype not in _FLOATS or not input.size:
        return NotImplemented
    if "c" in (row.dtype.kind, column.dtype.kind) and input.dtype.kind != "c":
        return NotImplemented
    return image.sep_filter2d(input, row[::-1], column[::-1], border="reflect")


def _plain(*arrays: Any) -> bool:
    """Whether all are NumPy arrays, or lists, of two axes and of numbers that SciPy and fastconv treat alike."""
    for value in arrays:
        if type(value) not in (np.ndarray, list, tuple):
            return False
        array = np.asarray(value)
        if array.ndim != 2 or not array.size or array.dtype.kind not in "iufc" or array.dtype.char in _SCIPYS_OWN:
            return False
    return True


def _both_axes(axes: Any) -> bool:
    return axes is None or sorted(axis % 2 for axis in axes if -2 <= axis < 2) == [0, 1]
