"""Blurs, and what sharpens by taking a blur away: each one kernel for `filter2d`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args
from .derivatives import CHUNK, LAPLACIAN
from .direct import KEPT_SIZE, filter_directly
from .factors import MULTIPLIED, check_sizes
from .gaussians import gaussian_factors
from .masked import leaves_out, normalized
from .separable import FEW_TAPS, separable
from .stacks import Options, any_image, filter_image, result_dtype, store, sums_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Ints


__all__ = ["box_blur", "sharpen", "unsharp_mask"]


def box_blur(
    image: Any,
    size: Any,
    *,
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
    """The mean over a rectangle around each cell, as `cv2.blur` and `scipy.ndimage.uniform_filter` have it.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        In a dtype that `filter2d` takes; the last of three axes holds channels unless `axes` says otherwise.
    size : int or (int, int)
        Rows and columns of the rectangle, at most 2**22 each; cell size // 2 of it lies over the output. OpenCV names
        the columns first.
    mask, nan
        As in `gaussian_blur`: which cells are left out.
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

    Notes
    -----
    Wide kernels run as those of `gaussian_blur` do. Sums of bytes slide in integers, which is exact; those of floats
    add up blocks and subtract nothing, up to 1024 cells along an axis, and go through Fourier transforms of lines
    beyond.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.box_blur(np.array([[0.0, 0, 9, 0, 0]]), (1, 3))
    array([[0., 3., 3., 3., 0.]])
    """
    if type(size) is int and 0 < size <= KEPT_SIZE and mask is None and type(nan) is str and nan == "propagate":
        words = border, value, axes, channel_axis, dtype, out, algorithm
        result = filter_directly(image, _kept_box, size, False, words)
        if result is not None:
            return result
    size = _args.pair(size, "size")
    check_sizes(size, "`size`")
    options = Options(border, value, out, algorithm, None, axes, channel_axis, dtype)

    def mean(image: Any, options: Options, result: np.dtype | None) -> np.ndarray:
        if size[0] * size[1] <= FEW_TAPS:
            return filter_image(image, np.full(size, 1 / (size[0] * size[1])), options, result)
        return separable(image, np.full(size[0], 1 / (size[0] * size[1])), np.ones(size[1]), options, result)

    if leaves_out(mask, nan):
        return normalized(image, mask, nan, np.ones(1), mean, options)
    return mean(image, options, None)


@lru_cache(maxsize=64)
def _kept_box(size: int, dtype: np.dtype) -> np.ndarray:
    return np.full((size, size), 1 / (size * size), dtype)


def sharpen(
    image: ArrayLike,
    amount: float = 1.0,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
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
    image: ArrayLike,
    sigma: float | Sequence[float] | None,
    amount: float = 1.0,
    threshold: float = 0,
    *,
    truncate: float = 4.0,
    ksize: Ints | None = None,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
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
    column, row = gaussian_factors(sigma, truncate, ksize)
    wide = column.size * row.size > MULTIPLIED and algorithm == "auto"
    if threshold or wide:
        return _add_above(any_image(image), column, row, wide, amount, threshold, options)
    kernel = -amount * column[:, None] * row
    kernel[column.size // 2, row.size // 2] += 1 + amount
    return filter_image(image, kernel, options)


def _add_above(
    image: np.ndarray,
    column: np.ndarray,
    row: np.ndarray,
    wide: bool,
    amount: float,
    threshold: float,
    options: Options,
) -> np.ndarray:
    """image + amount * detail where the detail, what a blur takes away, exceeds the threshold."""
    wanted = result_dtype(options.dtype, image.dtype, image.dtype)
    computed, returned = _args.output(options.out, image.shape, wanted, (image,))
    plain, work = options._replace(out=None, dtype=None), sums_dtype(image.dtype, wanted)
    if wide:
        blurred = separable(image, column, row, plain, work)
        detail = np.subtract(image, blurred, out=blurred).reshape(-1)
    else:
        kernel = -column[:, None] * row
        kernel[column.size // 2, row.size // 2] += 1
        detail = filter_image(image, kernel, plain, work).reshape(-1)
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
