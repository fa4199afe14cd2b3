"""Cells that are left out of a filter: each output is the mean of what is there, by the kernel's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _args
from .axes import image_axes
from .stacks import Options, any_image, filter_image, result_dtype, store, sums_dtype

NAN = ("propagate", "ignore")


def leaves_out(mask: Any, nan: Any) -> bool:
    """Whether the arguments ask to leave cells out."""
    return mask is not None or _args.choice(nan, "nan", NAN) == "ignore"


def normalized(
    image: Any, mask: Any, nan: Any, taps: np.ndarray, correlate: Callable[..., np.ndarray], options: Options
) -> np.ndarray:
    """sum(taps) * correlate(cells there) / correlate(1 where they are), NaN or 0 where no cell is.

    `correlate(image, options, result)` is the filter; the sum of its weights is that of `taps`.
    H. Knutsson and C.-F. Westin, "Normalized and differential convolution", 1993.
    """
    array = any_image(image)
    if array.dtype.kind == "c":
        raise TypeError(f"`image` must be real where cells are left out; received dtype {array.dtype}")
    if not (np.all(taps >= 0) and taps.any()):
        raise ValueError("`kernel` must have taps of at least 0, and one above, where cells are left out")
    _args.choice(nan, "nan", NAN)
    missing = _missing(array, mask, nan, options)
    if not missing.any():
        return correlate(array, options, None)
    wanted = result_dtype(options.dtype, array.dtype, array.dtype)
    work = sums_dtype(array.dtype, wanted)
    part = options._replace(out=None, dtype=None, delta=0)
    sums = correlate(np.where(missing, 0, array).astype(work, copy=False), part, work)
    weights = correlate((~missing).astype(work), part._replace(value=1), work)
    computed, returned = _args.output(options.out, array.shape, wanted, (array,))
    empty = weights == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        sums /= weights
    sums *= _whole(taps, array.ndim, options)
    sums[empty] = 0 if wanted.kind in "iub" else np.nan
    store(sums, _args.real(options.delta, "delta"), computed)
    return _args.finish(computed, returned)


def _whole(taps: np.ndarray, ndim: int, options: Options) -> np.ndarray | float:
    """The sum of a kernel's taps, or of each kernel where they differ along the image's other axes."""
    if taps.ndim != ndim or ndim == 2:
        result: np.ndarray | float = taps.sum()
        return result
    result = taps.sum(image_axes(taps.shape, options.axes, options.channel_axis), keepdims=True)
    return result


def correlate_masked(image: Any, mask: Any, nan: Any, kernel: Any, options: Options) -> np.ndarray:
    """`normalized` with one kernel of two axes."""
    taps = _numbers(kernel)

    def correlate(image: Any, options: Options, result: np.dtype | None) -> np.ndarray:
        return filter_image(image, taps, options, result)

    return normalized(image, mask, nan, taps, correlate, options)


def _numbers(kernel: Any) -> np.ndarray:
    try:
        taps = np.asarray(kernel)
    except ValueError as error:
        raise ValueError(f"`kernel` must be numbers of shape (kh, kw): {error}") from None
    if taps.dtype.kind not in "fiub" and taps.dtype.name != "bfloat16":
        raise TypeError(f"`kernel` must hold real numbers where cells are left out; received dtype {taps.dtype}")
    return taps


def _missing(array: np.ndarray, mask: Any, nan: str, options: Options) -> np.ndarray:
    """Where cells are left out, in the image's shape."""
    missing = np.isnan(array) if nan == "ignore" and array.dtype.kind not in "iub" else np.zeros((), bool)
    if mask is None:
        return np.broadcast_to(missing, array.shape)
    given = np.asarray(mask)
    if given.dtype.kind not in "biu":
        raise TypeError(f"`mask` must hold bool, True where cells are left out; received dtype {given.dtype}")
    axes = image_axes(array.shape, options.axes, options.channel_axis)
    given = given.astype(bool)
    if given.ndim == 2 < array.ndim:  # one for every image and channel
        given = given.T if axes[0] > axes[1] else given
        given = np.expand_dims(given, [axis for axis in range(array.ndim) if axis not in axes])
    try:
        return np.broadcast_to(missing | given, array.shape)
    except ValueError:
        raise ValueError(
            f"`mask` must have the image's shape, or that of its two axes; received {np.shape(mask)} with {array.shape}"
        ) from None
