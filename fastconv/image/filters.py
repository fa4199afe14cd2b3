"""Blurs, and what sharpens by taking a blur away: each one kernel for `filter2d`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import _args
from .derivatives import CHUNK, LAPLACIAN
from .stacks import Options, any_image, filter_image, float_of, result_dtype, store

__all__ = ["box_blur", "gaussian_blur", "sharpen", "unsharp_mask"]

MOST_TAPS = 1 << 26  # half a GiB of float64
SMALL_GAUSSIANS = {
    len(weights): np.array(weights) / sum(weights)
    for weights in [(1,), (1, 2, 1), (1, 4, 6, 4, 1), (2, 7, 14, 18, 14, 7, 2), (4, 13, 30, 51, 60, 51, 30, 13, 4)]
}


def gaussian_blur(
    image,
    sigma,
    *,
    truncate=4.0,
    ksize=None,
    border="reflect101",
    value=0,
    axes=None,
    channel_axis=None,
    dtype=None,
    out=None,
    algorithm="auto",
):
    """Blur with a Gaussian, as `cv2.GaussianBlur` and, on floats, `scipy.ndimage.gaussian_filter` do.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    sigma : float, (float, float) or None
        Standard deviation, in cells, along both axes, or along rows' axis 0 and columns' axis 1. 0, or None, stands for
        OpenCV's value for `ksize` where that is given; without, 0 blurs nothing.
    truncate : float, optional
        The kernel ends after so many standard deviations: it has ``2 * int(truncate * sigma + 0.5) + 1`` cells, as
        SciPy's. Ignored where `ksize` is given.
    ksize : int or (int, int), optional
        Rows and columns of the kernel, odd, as OpenCV's; OpenCV names the columns first. A kernel has at most 2**26
        cells.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`. SciPy's default is 'reflect', OpenCV's 'reflect101'.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own dtype.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`, `sigma` is None without `ksize`, or a kernel would be too large.

    Notes
    -----
    The weights are ``exp(-x**2 / (2 * sigma**2))`` over their sum, in float64 before they meet the image's arithmetic.
    Integers are rounded once, to the nearest; SciPy truncates them after each axis. OpenCV's ``ksize=(0, 0)`` means
    ``truncate=3`` for uint8 images and 4 for others, rounded.

    From `ksize` OpenCV takes ``sigma = 0.3 * ((ksize - 1) * 0.5 - 1) + 0.8``, and fixed weights up to 9 cells:
    (1, 2, 1) / 4, (1, 4, 6, 4, 1) / 16, (1, 3.5, 7, 9, 7, 3.5, 1) / 32 and (4, 13, 30, 51, 60, 51, 30, 13, 4) / 256.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> image = np.zeros((3, 5))
    >>> image[1, 2] = 100
    >>> fastconv.gaussian_blur(image, 0.6, ksize=3).round(1)
    array([[ 0. ,  5.5, 22.2,  5.5,  0. ],
           [ 0. , 11.1, 44.5, 11.1,  0. ],
           [ 0. ,  5.5, 22.2,  5.5,  0. ]])
    """
    kernel = _gaussian(sigma, truncate, ksize)
    return filter_image(image, kernel, Options(border, value, out, algorithm, None, axes, channel_axis, dtype))


def box_blur(
    image, size, *, border="reflect101", value=0, axes=None, channel_axis=None, dtype=None, out=None, algorithm="auto"
):
    """The mean over a rectangle around each cell, as `cv2.blur` and `scipy.ndimage.uniform_filter` have it.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    size : int or (int, int)
        Rows and columns of the rectangle, of at most 2**26 cells; cell size // 2 of it lies over the output. OpenCV
        names the columns first.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own dtype.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.box_blur(np.array([[0.0, 0, 9, 0, 0]]), (1, 3))
    array([[0., 3., 3., 3., 0.]])
    """
    size = _args.pair(size, "size")
    if size[0] * size[1] > MOST_TAPS:
        raise ValueError(f"`size` must give a kernel of at most {MOST_TAPS} cells; received {size[0]} x {size[1]}")
    kernel = np.full(size, 1 / (size[0] * size[1]))
    return filter_image(image, kernel, Options(border, value, out, algorithm, None, axes, channel_axis, dtype))


def sharpen(
    image,
    amount=1.0,
    *,
    border="reflect101",
    value=0,
    axes=None,
    channel_axis=None,
    dtype=None,
    out=None,
    algorithm="auto",
):
    """The image minus `amount` times its `laplacian`.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    amount : float, optional
        1 is the kernel ``[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]``, 0 leaves the image as it is.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own dtype; integers saturate.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.sharpen(np.array([[10, 10, 20, 20]], np.uint8), 0.5)
    array([[10,  5, 25, 20]], dtype=uint8)
    """
    kernel = -_args.real(amount, "amount") * LAPLACIAN
    kernel[1, 1] += 1
    return filter_image(image, kernel, Options(border, value, out, algorithm, None, axes, channel_axis, dtype))


def unsharp_mask(
    image,
    sigma,
    amount=1.0,
    threshold=0,
    *,
    truncate=4.0,
    ksize=None,
    border="reflect101",
    value=0,
    axes=None,
    channel_axis=None,
    dtype=None,
    out=None,
    algorithm="auto",
):
    """``image + amount * (image - gaussian_blur(image, sigma))``, where the difference exceeds a threshold.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    sigma, truncate, ksize
        As in `gaussian_blur`.
    amount : float, optional
        How much of the difference is added.
    threshold : float, optional
        Cells that differ from the blurred image by no more than this, in the image's units, stay as they are.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own dtype; integers are rounded once and saturate.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.unsharp_mask(np.array([[10, 10, 10, 20, 20, 20]], np.uint8), 1.0, amount=2)
    array([[10,  9,  4, 26, 21, 20]], dtype=uint8)
    """
    amount, threshold = _args.real(amount, "amount"), _args.real(threshold, "threshold", 0)
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    kernel = -_gaussian(sigma, truncate, ksize)
    centre = kernel.shape[0] // 2, kernel.shape[1] // 2
    if threshold:
        kernel[centre] += 1
        return _add_above(any_image(image), kernel, amount, threshold, options)
    kernel *= amount
    kernel[centre] += 1 + amount
    return filter_image(image, kernel, options)


def _gaussian(sigma, truncate, ksize) -> np.ndarray:
    """The kernel of `gaussian_blur`."""
    sigmas = (0.0, 0.0) if sigma is None and ksize is not None else _pair(sigma, "sigma")
    if ksize is None:
        reach = _args.real(truncate, "truncate", 0)
        sizes = [2 * int(min(reach * s + 0.5, MOST_TAPS)) + 1 for s in sigmas]
    else:
        sizes = _args.pair(ksize, "ksize")
        if not all(size % 2 for size in sizes):
            raise ValueError(f"`ksize` must be odd; received {ksize!r}")
    if sizes[0] * sizes[1] > MOST_TAPS:
        given = f"`sigma` {sigma!r} with `truncate` {truncate!r}" if ksize is None else f"`ksize` {ksize!r}"
        raise ValueError(f"{given} must give a kernel of at most {MOST_TAPS} cells; received {sizes[0]} x {sizes[1]}")
    rows, columns = (
        _opencv_weights(n) if ksize is not None and not s else _weights(s, n // 2)
        for s, n in zip(sigmas, sizes, strict=True)
    )
    return rows[:, None] * columns


def _pair(value, name: str) -> tuple[float, float]:
    """A number or two, at least 0."""
    if isinstance(value, (float, int)) or np.ndim(value) == 0:
        return (_args.real(value, name, 0),) * 2
    if len(value) != 2:
        raise ValueError(f"`{name}` must be a number or two numbers; received {value!r}")
    return _args.real(value[0], name, 0), _args.real(value[1], name, 0)


def _opencv_weights(size: int) -> np.ndarray:
    """`cv2.getGaussianKernel(size, 0)`: its fixed weights, or the Gaussian of its sigma for this size."""
    fixed = SMALL_GAUSSIANS.get(size)
    return _weights(0.3 * ((size - 1) * 0.5 - 1) + 0.8, size // 2) if fixed is None else fixed


@lru_cache(maxsize=32)
def _weights(sigma: float, radius: int) -> np.ndarray:
    """A normalised Gaussian at the whole numbers from -radius to radius."""
    x = np.arange(-radius, radius + 1)
    with np.errstate(over="ignore"):
        weights = np.exp(-0.5 * (x / sigma) ** 2) if sigma else (x == 0).astype(float)
    return weights / weights.sum()


def _add_above(image: np.ndarray, kernel: np.ndarray, amount: float, threshold: float, options: Options) -> np.ndarray:
    """image + amount * detail where the detail, which `kernel` finds, exceeds the threshold."""
    wanted = result_dtype(options.dtype, image.dtype, image.dtype)
    computed, returned = _args.output(options.out, image.shape, wanted, (image,))
    detail = filter_image(image, kernel, options._replace(out=None, dtype=None), float_of(image.dtype)).reshape(-1)
    cells, results = np.ascontiguousarray(image).reshape(-1), computed.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, detail.size, CHUNK):
            part = slice(start, start + CHUNK)
            piece = detail[part]
            piece *= np.abs(piece) > threshold  # a NaN stays
            piece *= amount
            piece += cells[part]
            store(piece, 0, results[part])
    return _args.finish(computed, returned)
