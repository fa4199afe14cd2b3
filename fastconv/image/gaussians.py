"""Gaussians, their derivatives and their Laplacian."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import _args
from .direct import KEPT_SIZE, filter_directly
from .factors import MOST_LENGTH, check_sizes
from .masked import leaves_out, normalized
from .separable import FEW_TAPS, separable
from .stacks import Options, any_image, filter_image, float_of, result_dtype, store

__all__ = ["gaussian_blur", "gaussian_laplace"]

_KEPT_RADIUS = 1 << 12  # of weights that are kept
SMALL_GAUSSIANS = {
    len(weights): np.array(weights) / sum(weights)
    for weights in [(1,), (1, 2, 1), (1, 4, 6, 4, 1), (2, 7, 14, 18, 14, 7, 2), (4, 13, 30, 51, 60, 51, 30, 13, 4)]
}


def gaussian_blur(
    image: Any,
    sigma: Any,
    *,
    truncate: Any = 4.0,
    ksize: Any = None,
    radius: Any = None,
    order: Any = 0,
    mask: Any = None,
    nan: Any = "propagate",
    border: Any = "reflect101",
    value: Any = 0,
    axes: Any = None,
    channel_axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    algorithm: Any = "auto",
) -> np.ndarray:
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
        Rows and columns of the kernel, odd, as OpenCV's; OpenCV names the columns first. Either is at most 2**22.
    radius : int or (int, int), optional
        Cells of the kernel to each side of its middle, in place of `truncate` and `ksize`.
    order : int or (int, int), optional
        Of the derivative of the Gaussian along both axes, or rows' axis 0 and columns' axis 1: (1, 0) is the slope
        downwards of the blurred image, as in `scipy.ndimage.gaussian_filter`.
    mask : array_like of bool, optional
        True where a cell is left out, as in `numpy.ma`: of the image's shape, or of its two axes. Each output is the
        mean of the cells there are, by the kernel's weights.
    nan : {'propagate', 'ignore'}, optional
        'ignore' leaves NaNs out as `mask` does. An output without any cell is NaN, or 0 in integers.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`. SciPy's default is 'reflect', OpenCV's 'reflect101'.

    Returns
    -------
    ndarray
        Of the image's shape, in `dtype`, else its own dtype. Derivatives of integers come in float32, or float64 for
        those of 32 bits and more.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `filter2d`, `sigma` is None without `ksize`, a kernel would be too large, or
        a derivative is asked for without `sigma` or with cells left out.

    Notes
    -----
    The weights are ``exp(-x**2 / (2 * sigma**2))`` over their sum, in float64 before they meet the image's arithmetic.
    Integers are rounded once, to the nearest; SciPy truncates them after each axis. OpenCV's ``ksize=(0, 0)`` means
    ``truncate=3`` for uint8 images and 4 for others, rounded.

    A wide kernel is never multiplied out unless an `algorithm` is asked for: it passes down the columns and along the
    rows, directly or by Fourier transforms of lines. What reaches beyond the image's borders is folded back onto it
    first, so that neither time nor memory grow with a kernel wider than the image. The result keeps within 32 eps times
    the blur of the absolute values, eps being 2**-24 for float32 sums and 2**-53 for float64.

    Cells are left out by normalized convolution (H. Knutsson and C.-F. Westin, 1993): two filters, one of the cells
    there are and one of where they are, and their quotient, as `astropy.convolution.convolve` interpolates NaNs.

    From `ksize` OpenCV takes ``sigma = 0.3 * ((ksize - 1) * 0.5 - 1) + 0.8``, and fixed weights up to 9 cells:
    (1, 2, 1) / 4, (1, 4, 6, 4, 1) / 16, (1, 3.5, 7, 9, 7, 3.5, 1) / 32 and (4, 13, 30, 51, 60, 51, 30, 13, 4) / 256.

    Halves are rounded to even, where OpenCV's blur of uint8 rounds them up: with these weights and `ksize` 3, 5, 7 and
    9, 3.1 %, 0.20 %, 0.013 % and 0.001 % of the cells of random images are one level lower, and no other differs.
    OpenCV rounds other weights for uint8 to 8 bits, so that more cells differ by one level: 13 % with `ksize` 11.

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
    key = sigma, truncate, ksize
    plain = mask is radius is None and type(nan) is str and nan == "propagate" and type(order) is int and not order
    if plain and _is_plain(key):
        words = border, value, axes, channel_axis, dtype, out, algorithm
        result = filter_directly(image, _kept_gaussian, key, False, words)
        if result is not None:
            return result
    column, row = gaussian_factors(sigma, truncate, ksize, radius, order)
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)

    derives = not (type(order) is int and not order) and np.any(order)

    def blur(image: Any, options: Options, result: np.dtype | None) -> np.ndarray:
        return separable(image, column, row, options, result)

    if leaves_out(mask, nan):
        if derives:
            raise ValueError(f"`order` must be 0 where cells are left out; received {order!r}")
        return normalized(image, mask, nan, np.ones(1), blur, options)
    return blur(image, options, _derivative_dtype(image) if derives else None)


def _is_plain(key: tuple[Any, ...]) -> bool:
    """Whether sigma, truncate and ksize are plain numbers, of a small kernel."""
    sigma, truncate, ksize = key
    if type(truncate) is not float or not (sigma is None or type(sigma) in (int, float)):
        return False
    if ksize is None:
        return sigma is not None and 0 <= sigma <= KEPT_SIZE and 0 <= sigma * truncate <= KEPT_SIZE / 2
    return type(ksize) is int and 0 < ksize <= KEPT_SIZE and (sigma is None or sigma >= 0)


@lru_cache(maxsize=64)
def _kept_gaussian(key: tuple[Any, ...], dtype: np.dtype) -> np.ndarray:
    column, row = gaussian_factors(*key)
    return np.ascontiguousarray(column[:, None] * row, dtype)


def gaussian_laplace(
    image: Any,
    sigma: Any,
    *,
    truncate: Any = 4.0,
    radius: Any = None,
    border: Any = "reflect101",
    value: Any = 0,
    axes: Any = None,
    channel_axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    algorithm: Any = "auto",
) -> np.ndarray:
    """The Laplacian of a Gaussian, as `scipy.ndimage.gaussian_laplace` has it: blobs and edges of one scale.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    sigma, truncate, radius
        As in `gaussian_blur`; `sigma` above 0.
    border, value, axes, channel_axis, dtype, out, algorithm
        As in `filter2d`. SciPy's default is 'reflect'.

    Returns
    -------
    ndarray of the image's shape
        In `dtype`, else float32 for bool and integers of 8 and 16 bits, float64 for larger ones, else the image's.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `gaussian_blur`.

    Notes
    -----
    The sum of the second derivatives along both axes. D. Marr and E. Hildreth, "Theory of edge detection", 1980.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> image = np.zeros((9, 9))
    >>> image[4, 4] = 1
    >>> fastconv.gaussian_laplace(image, 1.0)[4, 4].round(3)
    np.float64(-0.318)
    """
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)
    bends = [gaussian_factors(sigma, truncate, None, radius, order) for order in ((2, 0), (0, 2))]
    array = any_image(image)
    result = _derivative_dtype(array)
    if bends[0][0].size * bends[0][1].size <= FEW_TAPS:
        return filter_image(array, sum(column[:, None] * row for column, row in bends), options, result)
    wanted = result_dtype(dtype, result or array.dtype, array.dtype)
    computed, returned = _args.output(out, array.shape, wanted, (array,))
    part = options._replace(out=None, dtype=None)
    down, right = (separable(array, *factors, part, float_of(array.dtype)) for factors in bends)
    down += right
    store(down, 0, computed)
    return _args.finish(computed, returned)


def gaussian_factors(
    sigma: Any, truncate: Any, ksize: Any, radius: Any = None, order: Any = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The column and the row that `gaussian_blur` correlates with."""
    sigmas = (0.0, 0.0) if sigma is None and ksize is not None else _pair(sigma, "sigma")
    orders = (0, 0) if type(order) is int and not order else _args.pair(order, "order", 0)
    if radius is not None:
        if ksize is not None:
            raise ValueError(f"`radius` and `ksize` must not both be given; received {radius!r} and {ksize!r}")
        rows, columns = _args.pair(radius, "radius", 0)
        sizes = 2 * rows + 1, 2 * columns + 1
    elif ksize is None:
        reach = _args.real(truncate, "truncate", 0)
        height, width = (2 * int(min(reach * s + 0.5, MOST_LENGTH)) + 1 for s in sigmas)
        sizes = height, width
    else:
        sizes = _args.pair(ksize, "ksize")
        if not all(size % 2 for size in sizes):
            raise ValueError(f"`ksize` must be odd; received {ksize!r}")
    given = f"`sigma` {sigma!r} with `truncate` {truncate!r}" if ksize is None else f"`ksize` {ksize!r}"
    check_sizes(sizes, given if radius is None else f"`radius` {radius!r}")
    for s, n in zip(sigmas, orders, strict=True):
        if n and not s:
            raise ValueError(f"`sigma` must be above 0 where `order` is; received {sigma!r} and {order!r}")
    column, row = (
        _opencv_weights(size) if ksize is not None and not s else _weights(s, size // 2, n)
        for s, size, n in zip(sigmas, sizes, orders, strict=True)
    )
    return column, row


def _pair(value: Any, name: str) -> tuple[float, float]:
    """A number or two, at least 0."""
    if isinstance(value, (float, int)) or np.ndim(value) == 0:
        number = _args.real(value, name, 0)
        return number, number
    if len(value) != 2:
        raise ValueError(f"`{name}` must be a number or two numbers; received {value!r}")
    return _args.real(value[0], name, 0), _args.real(value[1], name, 0)


def _opencv_weights(size: int) -> np.ndarray:
    """`cv2.getGaussianKernel(size, 0)`: its fixed weights, or the Gaussian of its sigma for this size."""
    fixed = SMALL_GAUSSIANS.get(size)
    return _weights(0.3 * ((size - 1) * 0.5 - 1) + 0.8, size // 2) if fixed is None else fixed


def _weights(sigma: float, radius: int, order: int = 0) -> np.ndarray:
    return (_kept_weights if radius <= _KEPT_RADIUS else _derivative)(sigma, radius, order)


def _derivative(sigma: float, radius: int, order: int) -> np.ndarray:
    """A normalised Gaussian at the whole numbers from -radius to radius, or its derivative as it is correlated with."""
    x = np.arange(-radius, radius + 1)
    with np.errstate(over="ignore"):
        weights: np.ndarray = np.exp(-0.5 * (x / sigma) ** 2) if sigma else (x == 0).astype(float)
    weights /= weights.sum()
    if order:
        weights *= _hermite(x / sigma, order) / sigma**order
    return weights


_kept_weights = lru_cache(maxsize=32)(_derivative)


def _hermite(t: np.ndarray, order: int) -> np.ndarray:
    """The polynomial that a Gaussian of -t has as a factor in its derivative of that order: He(t)."""
    last, this = np.zeros_like(t), np.ones_like(t)
    for n in range(order):
        last, this = this, t * this - n * last
    return this


def _derivative_dtype(image: Any) -> np.dtype | None:
    """Of derivatives of integers: the dtype of sums, which clips nothing."""
    dtype = any_image(image).dtype
    return float_of(dtype) if dtype.kind in "iub" else None
