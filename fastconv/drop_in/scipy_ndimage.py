"""`scipy.ndimage`'s linear filters of two axes. NotImplemented stands for what SciPy is to compute itself.

SciPy forms sums in float64 and cuts off what integers cannot hold, after each axis. So integers are served where every
sum is a whole number that float64 holds, and results of floats as they are.
"""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

from ..image.derivatives import LAPLACIAN, derivative_taps
from ..image.gaussians import gaussian_factors
from ..image.separable import separable
from ..image.stacks import Options, filter_image

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
]

_MODES = ("reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "wrap", "grid-wrap")
_FLOATS = tuple(np.dtype(name) for name in ("float32", "float64", "complex64", "complex128"))
_NO_BLUR = 1e-15  # sigmas up to which SciPy leaves an axis out
_WHOLE = 2.0**53
_NO_TAP = np.finfo(np.float64).eps  # weights up to which SciPy does not look at a cell


class _Frame(NamedTuple):
    """An image, the dtype of its result, where that goes, and the border."""

    image: np.ndarray
    dtype: np.dtype
    output: np.ndarray | None
    mode: str
    cval: Any


def convolve(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`scipy.ndimage.convolve`."""
    weights, frame = np.asarray(weights), _frame(input, output, mode, cval, axes)
    if frame is None or weights.ndim != 2:
        return NotImplemented
    origins = [-o - (size % 2 == 0) for o, size in zip(_pair(origin), weights.shape, strict=True)]
    return _correlate(frame, weights[::-1, ::-1], origins, skips=True)


def correlate(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`scipy.ndimage.correlate`."""
    weights, frame = np.asarray(weights), _frame(input, output, mode, cval, axes)
    if frame is None or weights.ndim != 2:
        return NotImplemented
    return _correlate(frame, weights.conj(), _pair(origin), skips=True)


def convolve1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Any = 0,
) -> Any:
    """`scipy.ndimage.convolve1d`."""
    weights = np.asarray(weights)
    return _one_axis(input, weights[::-1], axis, output, mode, cval, -origin - (len(weights) % 2 == 0))


def correlate1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Any = 0,
) -> Any:
    """`scipy.ndimage.correlate1d`."""
    return _one_axis(input, np.conj(weights), axis, output, mode, cval, origin)


def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    """`scipy.ndimage.gaussian_filter`, of floats."""
    frame = _frame(input, output, mode, cval, axes)
    if frame is None or not _floats(frame) or (np.any(order) and _fills(frame)):
        return NotImplemented
    if any(s <= _NO_BLUR for s in np.broadcast_to(np.asarray(sigma, float), 2)):
        return NotImplemented
    return _stored(
        frame, separable(frame.image, *gaussian_factors(sigma, truncate, None, radius, order), _options(frame))
    )


def uniform_filter(
    input: Any,
    size: Any = 3,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """`scipy.ndimage.uniform_filter`, of floats."""
    frame = _frame(input, output, mode, cval, axes)
    if frame is None or not _floats(frame) or np.any(origin):
        return NotImplemented
    column, row = (np.full(n, 1 / n) for n in _pair(size))
    return _stored(frame, separable(frame.image, column, row, _options(frame)))


def sobel(input: Any, axis: Any = -1, output: Any = None, mode: str = "reflect", cval: float = 0.0) -> Any:
    """`scipy.ndimage.sobel`."""
    return _derivative(input, np.array([1.0, 2, 1]), axis, output, mode, cval)


def prewitt(input: Any, axis: Any = -1, output: Any = None, mode: str = "reflect", cval: float = 0.0) -> Any:
    """`scipy.ndimage.prewitt`."""
    return _derivative(input, np.ones(3), axis, output, mode, cval)


def laplace(input: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0, *, axes: Any = None) -> Any:
    """`scipy.ndimage.laplace`."""
    frame = _frame(input, output, mode, cval, axes)
    return NotImplemented if frame is None else _correlate(frame, LAPLACIAN, (0, 0), skips=True)


def gaussian_laplace(
    input: Any,
    sigma: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: float = 0.0,
    *,
    axes: Any = None,
    truncate: float = 4.0,
    radius: Any = None,
) -> Any:
    """`scipy.ndimage.gaussian_laplace`, of floats."""
    frame = _frame(input, output, mode, cval, axes)
    if frame is None or not _floats(frame) or _fills(frame):
        return NotImplemented
    bends = [gaussian_factors(sigma, truncate, None, radius, order) for order in ((2, 0), (0, 2))]
    down, right = (separable(frame.image, *factors, _options(frame)) for factors in bends)
    return _stored(frame, down + right)


def _frame(input: Any, output: Any, mode: Any, cval: Any, axes: Any = None) -> _Frame | None:
    """What the arguments say, None where they ask for what is not served."""
    if type(input) is not np.ndarray or input.ndim != 2 or not input.size:
        return None
    if isinstance(mode, (list, tuple)) and len({*mode}) == 1:  # one for each axis
        mode = mode[0]
    if type(mode) is not str or mode not in _MODES or not isinstance(cval, numbers.Complex):
        return None
    if axes is not None and [axis % 2 for axis in axes if -2 <= axis < 2] != [0, 1]:
        return None
    if isinstance(output, np.ndarray):
        dtype = output.dtype if output.shape == input.shape else None
    else:
        dtype, output = (input.dtype if output is None else np.dtype(output)), None
    served = input.dtype.isnative and (input.dtype in _FLOATS or input.dtype.kind in "iu")
    if dtype is None or not served or (dtype not in _FLOATS and dtype.kind != input.dtype.kind):
        return None
    if (input.dtype.kind == "c" and dtype.kind != "c") or (input.dtype.kind != "c" and isinstance(cval, complex)):
        return None
    if dtype == np.uint64:  # what SciPy makes of negative sums is not their residue
        return None
    return _Frame(input, dtype, output, mode, cval)


def _floats(frame: _Frame) -> bool:
    return frame.image.dtype in _FLOATS and frame.dtype in _FLOATS


def _fills(frame: _Frame) -> bool:
    """Whether a constant lies outside that one pass along an axis changes, and SciPy's next does not see."""
    return frame.mode.endswith("constant") and frame.cval != 0


def _pair(value: Any) -> tuple[Any, ...]:
    first, second = (value, value) if np.ndim(value) == 0 else value
    return first, second


def _options(frame: _Frame, anchor: Any = None) -> Options:
    """Sums as exact as SciPy's: in float32 only where image and result are."""
    dtype = frame.dtype if frame.dtype in _FLOATS else np.dtype(np.float64)
    return Options(frame.mode, frame.cval, anchor=anchor, dtype=dtype)


def _correlate(frame: _Frame, kernel: np.ndarray, origins: Any, skips: bool = False) -> Any:
    """A correlation; `skips` says that SciPy does not look at cells below weights of 0, be they NaN."""
    anchor = [size // 2 + origin for size, origin in zip(kernel.shape, origins, strict=True)]
    if not all(0 <= place < size for place, size in zip(anchor, kernel.shape, strict=True)):
        return NotImplemented
    if kernel.dtype.kind == "c" and frame.dtype.kind != "c":
        return NotImplemented
    size = np.abs(kernel)
    if skips and not (size > _NO_TAP).all():
        fill = frame.cval if frame.mode.endswith("constant") else 0
        if ((size <= _NO_TAP) & (size > 0)).any() or not np.isfinite(frame.image.sum() + fill):
            return NotImplemented
    if frame.image.dtype.kind in "iu" and frame.dtype.kind in "iu":
        whole = np.array_equal(kernel, np.rint(kernel)) and frame.cval == int(frame.cval.real)
        most = max(abs(int(frame.image.max())), abs(int(frame.image.min())), abs(frame.cval)) * size.sum()
        if not whole or not most < (_WHOLE if frame.dtype.itemsize == 8 else 2**31):
            return NotImplemented
    image = frame.image if frame.image.dtype in _FLOATS else frame.image.astype(np.float64)
    return _stored(frame, filter_image(image, kernel, _options(frame, anchor)))


def _one_axis(input: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any) -> Any:
    frame = _frame(input, output, mode, cval)
    if frame is None or weights.ndim != 1 or not -2 <= axis < 2:
        return NotImplemented
    down = axis % 2 == 0
    return _correlate(frame, weights[:, None] if down else weights[None], (origin, 0) if down else (0, origin))


def _derivative(input: Any, smooth: Any, axis: Any, output: Any, mode: Any, cval: Any) -> Any:
    frame = _frame(input, output, mode, cval)
    if frame is None or not -2 <= axis < 2 or _fills(frame):
        return NotImplemented
    kernel = np.outer(derivative_taps(1, 1), smooth)
    return _correlate(frame, kernel.T if axis % 2 else kernel, (0, 0))


def _stored(frame: _Frame, sums: np.ndarray) -> np.ndarray:
    """The sums in the result's dtype, integers wrapping around as in C."""
    if frame.dtype.kind in "iu":
        sums = sums.astype(np.int64).astype(frame.dtype)
    if frame.output is None:
        return sums
    frame.output[...] = sums
    return frame.output
