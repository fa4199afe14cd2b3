"""Derivatives of images: Sobel's, Scharr's, Prewitt's and the Laplacian."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args, _core
from .direct import filter_directly
from .stacks import Options, any_image, derivative_dtype, filter_image, float_of, result_dtype, store, sums_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["laplacian", "prewitt", "scharr", "sobel"]

LAPLACIAN = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
LAPLACIAN_DIAGONALS = np.array([[1.0, 1, 1], [1, -8, 1], [1, 1, 1]])
_INT16 = np.dtype(np.int16)
_FLOAT32 = np.dtype(np.float32)
CHUNK = 1 << 14  # elements of a piece of two arrays that stays in the cache
_SAFE = {np.dtype(np.float32): (1e-14, 1e18), np.dtype(np.float64): (1e-140, 1e150)}  # lengths whose squares are held


def derivative_taps(order: int, size: int) -> np.ndarray:
    """OpenCV's taps of a derivative of any order: differences after binomial smoothing, `size` in all.

    A `size` of 1 is no smoothing, and the difference of the neighbours where there is one.
    """
    taps = np.ones(1)
    for _ in range((3 if size == 1 and order else size) - order - 1):
        taps = np.convolve(taps, (1.0, 1.0))
    for _ in range(order):
        taps = np.convolve(taps, (-1.0, 1.0))
    return taps


# Along axis 0.
_SOBEL = {size: np.outer(derivative_taps(1, size), derivative_taps(0, size)) for size in (1, 3, 5, 7)}
_SCHARR = np.array([[-3.0, -10, -3], [0, 0, 0], [3, 10, 3]])
_PREWITT = np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])


def sobel(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    ksize: SupportsIndex = 3,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Sobel's first derivative along an axis, or the length of both: edges.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    axis : {None, 0, 1, -1, -2}, optional
        0: downwards, ``[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]`` (`cv2.Sobel` with dx=0, dy=1); 1: to the right, its
        transpose (dx=1, dy=0). -2 and -1 are the same two: axes of channels are not counted. None: the length
        ``sqrt(d0**2 + d1**2)`` of both, which overflows or underflows only where `numpy.hypot` does. The axes are the
        image's, rows and columns, whichever `axes` names.
    ksize : {1, 3, 5, 7}, optional
        Size of the kernel, as `cv2.Sobel` has it: binomial smoothing along the other axis, and along this one before
        the difference. 1 is ``[-1, 0, 1]`` alone.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        No derivative is clipped: int16 for bool and images of 8 bits, float32 for these where `ksize` is 7 and for
        uint16 and int16, float64 for larger integers, else the image's dtype. With `axis` None 8 bits give float32 as
        well. `dtype` asks for another.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Notes
    -----
    As in OpenCV and SciPy nothing is divided: a ramp of slope 1 has the derivative 8; and opposite taps meet first, so
    that a flat region gives exactly 0. The kernel is from I. Sobel and
    G. Feldman, "A 3x3 isotropic gradient operator for image processing", 1968.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> step = np.array([[0, 0, 200, 200]] * 3, np.uint8)
    >>> fastconv.sobel(step, axis=1)[1]
    array([  0, 800, 800,   0], dtype=int16)
    >>> fastconv.sobel(step)[1]
    array([  0., 800., 800.,   0.], dtype=float32)
    """
    size = _args.integer(ksize, "ksize", 1)
    if size not in _SOBEL:
        raise ValueError(f"`ksize` must be 1, 3, 5 or 7; received {size}")
    words = border, value, axes, channel_axis, dtype, out, algorithm
    result = _directly(image, f"sobel{size}", axis, words)
    if result is not None:
        return result
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    return _along(image, axis, _SOBEL[size], options)


def scharr(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Scharr's first derivative along an axis, or the length of both: edges.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    axis : {None, 0, 1, -1, -2}, optional
        0: downwards, ``[[-3, -10, -3], [0, 0, 0], [3, 10, 3]]`` (`cv2.Scharr` with dx=0, dy=1); 1: to the right, its
        transpose. None: the length of both, as in `sobel`.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        In the dtype that `sobel` gives. Nothing is divided.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Notes
    -----
    Its directions are nearer the true ones than Sobel's: H. Scharr, "Optimal operators in digital image processing",
    2000.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> step = np.array([[0, 0, 200, 200]] * 3, np.uint8)
    >>> fastconv.scharr(step, axis=1)[1]
    array([   0, 3200, 3200,    0], dtype=int16)
    """
    result = _directly(image, "scharr", axis, (border, value, axes, channel_axis, dtype, out, algorithm))
    if result is not None:
        return result
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    return _along(image, axis, _SCHARR, options)


def prewitt(
    image: ArrayLike,
    axis: SupportsIndex | None = None,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Prewitt's first derivative along an axis, or the length of both: edges.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    axis : {None, 0, 1, -1, -2}, optional
        0: downwards, ``[[-1, -1, -1], [0, 0, 0], [1, 1, 1]]`` (`scipy.ndimage.prewitt`); 1: to the right, its
        transpose. None: the length of both, as in `sobel`.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        In the dtype that `sobel` gives. Nothing is divided.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Notes
    -----
    J. M. S. Prewitt, "Object enhancement and extraction", 1970.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> step = np.array([[0, 0, 200, 200]] * 3, np.uint8)
    >>> fastconv.prewitt(step, axis=1)[1]
    array([  0, 600, 600,   0], dtype=int16)
    """
    result = _directly(image, "prewitt", axis, (border, value, axes, channel_axis, dtype, out, algorithm))
    if result is not None:
        return result
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    return _along(image, axis, _PREWITT, options)


def laplacian(
    image: ArrayLike,
    *,
    diagonals: bool = False,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """The sum of the second derivatives, as `cv2.Laplacian` and `scipy.ndimage.laplace` have it.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    diagonals : bool, optional
        False: ``[[0, 1, 0], [1, -4, 1], [0, 1, 0]]``. True: with all eight neighbours,
        ``[[1, 1, 1], [1, -8, 1], [1, 1, 1]]``.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        Nothing is clipped: int16 for bool and images of 8 bits, float32 for uint16 and int16, float64 for larger
        integers, else the image's dtype. `dtype` asks for another.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.laplacian(np.array([[0, 0, 0], [0, 200, 0], [0, 0, 0]], np.uint8))
    array([[   0,  400,    0],
           [ 400, -800,  400],
           [   0,  400,    0]], dtype=int16)
    """
    if diagonals is False:
        result = _directly(image, "laplacian", 0, (border, value, axes, channel_axis, dtype, out, algorithm))
        if result is not None:
            return result
    kernel = LAPLACIAN_DIAGONALS if diagonals else LAPLACIAN
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    return _derivative(any_image(image), kernel, options)


# By the word of a filter and, along axis 0; none whose sums of bytes leave int16.
_KEPT = {f"sobel{size}": _SOBEL[size] for size in (1, 3, 5)} | {
    "scharr": _SCHARR,
    "prewitt": _PREWITT,
    "laplacian": LAPLACIAN,
}


@lru_cache(maxsize=64)
def _kept(key: tuple[str, int], dtype: np.dtype) -> np.ndarray:
    word, axis = key
    return np.ascontiguousarray(_KEPT[word].T if axis else _KEPT[word], dtype)


def _directly(image: Any, word: str, axis: Any, words: tuple[Any, ...]) -> np.ndarray | None:
    if type(axis) is not int or not -2 <= axis <= 1 or word not in _KEPT:
        return None
    return filter_directly(image, _kept, (word, axis % 2), True, words)


def _along(image: Any, axis: Any, kernel: np.ndarray, options: Options) -> np.ndarray:
    """A derivative along one of the image's axes by its kernel along the first; the length of both for None."""
    image = any_image(image)
    if axis is None:
        return _gradient(image, kernel, options)
    axis = _args.integer(axis, "axis", -(2**63))
    if not -2 <= axis <= 1:
        raise ValueError(f"`axis` must be None, 0, 1, -1 or -2; received {axis}")
    return _derivative(image, kernel.T if axis % 2 else kernel, options)


def _derivative(image: np.ndarray, kernel: np.ndarray, options: Options) -> np.ndarray:
    """A kernel of small integers, in a dtype that no sum of 8-bit cells leaves, unless given."""
    return filter_image(image, kernel, options, _result_of(image.dtype, kernel))


def _result_of(image: np.dtype, kernel: np.ndarray) -> np.dtype:
    """The dtype of a derivative by that kernel."""
    derived = derivative_dtype(image)
    leaves = derived == _INT16 and kernel[kernel > 0].sum() * 255 > np.iinfo(_INT16).max
    return float_of(image) if leaves else derived


def _gradient(image: np.ndarray, kernel: np.ndarray, options: Options) -> np.ndarray:
    """The length of both derivatives."""
    work = float_of(image.dtype)
    if work.kind == "c":
        raise TypeError(f"`image` must be real where `axis` is None; received dtype {image.dtype}")
    wanted = result_dtype(options.dtype, work if image.dtype.kind in "iub" else image.dtype, image.dtype)
    computed, returned = _args.output(options.out, image.shape, wanted, (image,))
    part, work = options._replace(out=None, dtype=None), sums_dtype(image.dtype, wanted)
    whole = work == _FLOAT32 and _result_of(image.dtype, kernel) == _INT16
    stored = _INT16 if whole else work
    down, right = (np.ascontiguousarray(filter_image(image, taps, part, stored)) for taps in (kernel, kernel.T))
    if wanted == work and _core.lengths(_args.dtype_id(down.dtype), down.size, down, right, computed):
        return _args.finish(computed, returned)
    down, right = (side.astype(work, copy=False).ravel() for side in (down, right))
    flat, squares = computed.reshape(-1), np.empty((2, CHUNK), work)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, CHUNK):
            piece = slice(start, start + CHUNK)
            _length(down[piece], right[piece], squares, flat[piece])
    return _args.finish(computed, returned)


def _length(a: np.ndarray, b: np.ndarray, squares: np.ndarray, out: np.ndarray) -> None:
    """out = sqrt(a**2 + b**2), by `numpy.hypot` where a square leaves the range of the dtype."""
    sums, others = squares[:, : a.size]
    np.multiply(a, a, out=sums)
    np.multiply(b, b, out=others)
    sums += others
    np.sqrt(sums, out=sums)
    least, most = _SAFE[a.dtype]
    if not (sums.min() >= least and sums.max() <= most):
        odd = (sums < least) & ((a != 0) | (b != 0))
        odd |= sums > most
        sums[odd] = np.hypot(a[odd], b[odd])
    store(sums, 0, out)
