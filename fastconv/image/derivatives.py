"""Derivatives of images: Sobel's and the Laplacian."""

from __future__ import annotations

import numpy as np

from .. import _args
from .filtering import correlate, image_array, kind_of

__all__ = ["laplacian", "sobel"]

SOBEL = np.array([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]])  # along axis 0
LAPLACIAN = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
LAPLACIAN_DIAGONALS = np.array([[1.0, 1, 1], [1, -8, 1], [1, 1, 1]])
_INT16 = np.dtype(np.int16)
CHUNK = 1 << 14  # elements of a piece of two arrays that stays in the cache
_SAFE = {np.dtype(np.float32): (1e-14, 1e18), np.dtype(np.float64): (1e-140, 1e150)}  # lengths whose squares are held


def sobel(image, axis=None, *, border="reflect101", value=0, out=None, algorithm="auto"):
    """Sobel's first derivative along an axis, or the length of both: edges.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels)
        In a dtype that `filter2d` takes; the last of three axes holds channels, it is no stack of images.
    axis : {None, 0, 1, -1, -2}, optional
        0: downwards, ``[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]`` (`cv2.Sobel` with dx=0, dy=1); 1: to the right, its
        transpose (dx=1, dy=0). -2 and -1 are the same two: axes of channels are not counted. None: the length
        ``sqrt(d0**2 + d1**2)`` of both, which overflows or underflows only where `numpy.hypot` does.
    border, value, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        No derivative is clipped: int16 for images of 8 bits, float32 for uint16 and int16, float64 for int32, else the
        image's dtype. With `axis` None 8 bits give float32 as well.

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
    image = image_array(image)
    if axis is None:
        return _gradient(image, border, value, out, algorithm)
    axis = _args.integer(axis, "axis", -(2**63))
    if not -2 <= axis <= 1:
        raise ValueError(f"`axis` must be None, 0, 1, -1 or -2; received {axis}")
    return _derivative(image, SOBEL.T if axis % 2 else SOBEL, border, value, out, algorithm)


def laplacian(image, *, diagonals=False, border="reflect101", value=0, out=None, algorithm="auto"):
    """The sum of the second derivatives, as `cv2.Laplacian` and `scipy.ndimage.laplace` have it.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels)
        In a dtype that `filter2d` takes; the last of three axes holds channels, it is no stack of images.
    diagonals : bool, optional
        False: ``[[0, 1, 0], [1, -4, 1], [0, 1, 0]]``. True: with all eight neighbours,
        ``[[1, 1, 1], [1, -8, 1], [1, 1, 1]]``.
    border, value, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray of the image's shape
        Nothing is clipped: int16 for images of 8 bits, float32 for uint16 and int16, float64 for int32, else the
        image's dtype.

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
    kernel = LAPLACIAN_DIAGONALS if diagonals else LAPLACIAN
    return _derivative(image_array(image), kernel, border, value, out, algorithm)


def _derivative(
    image: np.ndarray, kernel: np.ndarray, border, value, out, algorithm, result: np.dtype | None = None
) -> np.ndarray:
    """A kernel of small integers, in a dtype that no sum of the image's cells leaves or rounds in, unless given."""
    if result is None and image.dtype.kind in "iu":
        result = _INT16 if image.itemsize == 1 else kind_of(image.dtype).work
    return correlate(image, kernel, border, value, out, result=result, algorithm=algorithm)


def _gradient(image: np.ndarray, border, value, out, algorithm) -> np.ndarray:
    """The length of both of Sobel's derivatives."""
    kind = kind_of(image.dtype)
    dtype = kind.work if image.dtype.kind in "iu" else image.dtype
    computed, returned = _args.output(out, image.shape, dtype, (image,))
    image = np.ascontiguousarray(image, kind.source)
    down, right = (
        _derivative(image, kernel, border, value, None, algorithm, kind.work).ravel() for kernel in (SOBEL, SOBEL.T)
    )
    flat, squares = computed.reshape(-1), np.empty((2, CHUNK), kind.work)
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
    out[...] = sums
