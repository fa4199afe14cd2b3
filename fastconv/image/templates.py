"""Where in an image a template lies."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _args
from .convolve import convolve2d
from .stacks import any_image, float_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["match_template"]

_ROUNDED = 64 * np.finfo(np.float64).eps  # of squares, what may be left of a variance of 0


def match_template(image: ArrayLike, template: ArrayLike, *, out: np.ndarray | None = None) -> np.ndarray:
    """Normalised cross-correlation, as OpenCV's ``TM_CCOEFF_NORMED`` and `skimage.feature.match_template` have it.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels)
        In a real dtype that `filter2d` takes.
    template : array_like of shape (th, tw) or (th, tw, channels)
        With as many channels, and no larger than the image.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.

    Returns
    -------
    ndarray of shape (h - th + 1, w - tw + 1)
        ``result[i, j]`` is the correlation coefficient, from -1 to 1, of the template and the window that begins at
        (i, j), each channel's mean taken away and all channels summed. 0 where the window or the template is flat. In
        float32 for images of 8 and 16 bits, float32 and less, else in float64.

    Raises
    ------
    ValueError
        If shapes do not fit, or the template is larger than the image.
    TypeError
        If a dtype is not real, or `out` is not of the result's dtype.

    Notes
    -----
    The products are one convolution for each channel, by Fourier transforms where the template is large; the windows'
    sums and squares are box sums. All are float64, of the image minus its median, so that bright images lose nothing.
    A window counts as flat where its variance is below what rounding leaves of its squares: also one whose level is
    some 10^7 times its contrast away from the image's median. A NaN or infinity reaches its own windows only.
    J. P. Lewis, "Fast normalized cross-correlation", 1995.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> image = np.arange(48).reshape(6, 8) ** 3 % 31
    >>> found = fastconv.match_template(image, image[2:5, 3:6])
    >>> found.shape, [int(n) for n in np.unravel_index(found.argmax(), found.shape)]
    ((4, 6), [2, 3])
    """
    image, template = _array(image, "image"), _array(template, "template")
    if (
        image.shape[2:] != template.shape[2:]
        or 0 in template.shape
        or any(size > whole for size, whole in zip(template.shape[:2], image.shape[:2], strict=True))
    ):
        raise ValueError(
            f"`template` must have the image's channels and be no larger; received shape {template.shape} with "
            f"an image of shape {image.shape}"
        )
    shape = tuple(n - k + 1 for n, k in zip(image.shape[:2], template.shape[:2], strict=True))
    dtype = np.result_type(float_of(image.dtype), float_of(template.dtype))
    computed, returned = _args.output(out, shape, dtype, (image, template))
    # In C order, so that sums round alike however the arrays lie.
    planes = _unit(image.reshape(*image.shape[:2], -1).astype(np.float64, "C"))
    taps = _unit(template.reshape(*template.shape[:2], -1).astype(np.float64, "C"))
    rest = taps - taps.mean((0, 1))
    flat = np.sum(rest * rest) <= _ROUNDED * np.sum(taps * taps)
    computed[...] = 0 if flat else _coefficients(planes - _middle(planes), rest, shape)
    return _args.finish(computed, returned)


def _middle(planes: np.ndarray) -> np.ndarray:
    """The median of each channel's finite cells: no bright region moves it."""
    finite = np.where(np.isfinite(planes), planes, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of channels without one
        result: np.ndarray = np.nan_to_num(np.nanmedian(finite, (0, 1)))
        return result


def _unit(array: np.ndarray) -> np.ndarray:
    """array times a power of two, which takes its largest finite number to about 1: squares are held then."""
    sizes = np.abs(array, where=np.isfinite(array), out=np.zeros_like(array))
    scaled: np.ndarray = np.ldexp(array, -np.frexp(sizes.max(initial=0))[1])
    return scaled


def _array(value: Any, name: str) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim not in (2, 3):
        raise ValueError(f"`{name}` must have shape (h, w) or (h, w, channels); received {array.shape}")
    array = any_image(array)
    if array.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real; received dtype {array.dtype}")
    return array


def _coefficients(planes: np.ndarray, taps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Covariances over the roots of variances; planes and taps have no mean."""
    box = np.ones(taps.shape[:2])
    products, variances, squares = (np.zeros(shape) for _ in range(3))
    for plane, tap in zip(np.moveaxis(planes, 2, 0), np.moveaxis(taps, 2, 0), strict=True):
        plane = np.ascontiguousarray(plane)
        products += convolve2d(plane, tap[::-1, ::-1], "valid")
        square = convolve2d(plane * plane, box, "valid")
        squares += square
        variances += square - convolve2d(plane, box, "valid") ** 2 / box.size
    flat = variances <= _ROUNDED * squares
    variances[flat] = 1
    result: np.ndarray = np.clip(products / np.sqrt(variances * np.sum(taps * taps)), -1, 1)
    result[flat] = 0
    return result
