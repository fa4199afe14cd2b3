"""fastconv's filters on dask arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import dask.array as da
import numpy as np

from .. import _args
from ..image.axes import image_axes
from ..image.borders import border_word
from ..image.correlation import anchor_of
from ..image.gaussians import gaussian_factors
from .blocks import known_chunks, over_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")

_SAME = """`fastconv.{name}` of a dask array, lazily.

    Parameters
    ----------
    image : dask.array.Array, or what `dask.array.asarray` takes
        Of any chunks; those smaller than the kernel's reach are joined.
    {arguments}
        As in `fastconv.{name}`, but for `mask=` and `out=`; `fastconv.dask.store` writes the result.

    Returns
    -------
    dask.array.Array
        Equal to the NumPy function's result within rounding, which may choose another algorithm for a block.

    Raises
    ------
    ValueError, TypeError
        As `fastconv.{name}`, when it is called.

    Notes
    -----
    Blocks overlap (`dask.array.map_overlap`), and each is filtered on one thread.

    Examples
    --------
    >>> import dask.array as da, numpy as np, fastconv, fastconv.dask
    >>> image = da.ones((40, 50), chunks=(16, 16))
    >>> fastconv.dask.{call}
    dask.array<_trim, shape=(40, 50), dtype=float64, chunksize=(16, 16), chunktype=numpy.ndarray>
    """


def _documented(arguments: str, call: str) -> Callable[[_F], _F]:
    """The docstring that all these functions share."""

    def with_text(function: _F) -> _F:
        function.__doc__ = _SAME.format(name=function.__name__, arguments=arguments, call=call)
        return function

    return with_text


def _run(name: str, image: Any, reach: Any, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
    image = known_chunks(da.asarray(image), "image")
    axes = image_axes(image.shape, words.get("axes"), words.get("channel_axis"))
    wraps = border_word(words.get("border", "reflect101")) == "wrap"
    return over_blocks(name, image, reach, axes, wraps, args, words)


def _around(shape: Any, anchor: Any = None) -> tuple[int, ...]:
    """How far a kernel of that shape reaches, to whichever side."""
    return tuple(max(place, size - 1 - place) for place, size in zip(anchor_of(anchor, shape), shape, strict=True))


@_documented("kernel, and keywords", "filter2d(image, np.ones((3, 3)))")
def filter2d(image: Any, kernel: Any, **words: Any) -> Any:
    image, kernel = da.asarray(image), np.asarray(kernel)
    axes = image_axes(image.shape, words.get("axes"), words.get("channel_axis"))
    if kernel.ndim != 2 and kernel.size != np.prod([kernel.shape[axis] for axis in axes if axis < kernel.ndim]):
        raise ValueError(f"`kernel` must be one of shape (kh, kw) for dask arrays; received shape {kernel.shape}")
    shape = kernel.shape if kernel.ndim == 2 else tuple(kernel.shape[axis] for axis in axes)
    return _run("filter2d", image, _around(shape, words.get("anchor")), (kernel,), words)


@_documented("kernel_x, kernel_y, and keywords", "sep_filter2d(image, [1, 2, 1], [1, 0, -1])")
def sep_filter2d(image: Any, kernel_x: Any, kernel_y: Any, **words: Any) -> Any:
    shape = np.size(kernel_y), np.size(kernel_x)
    return _run("sep_filter2d", image, _around(shape, words.get("anchor")), (kernel_x, kernel_y), words)


@_documented("sigma, and keywords", "gaussian_blur(image, 1.5)")
def gaussian_blur(image: Any, sigma: Any, **words: Any) -> Any:
    return _run("gaussian_blur", image, _gaussian_reach(sigma, words), (sigma,), words)


@_documented("sigma, and keywords", "gaussian_laplace(image, 1.5)")
def gaussian_laplace(image: Any, sigma: Any, **words: Any) -> Any:
    return _run("gaussian_laplace", image, _gaussian_reach(sigma, words), (sigma,), words)


@_documented("sigma, amount, threshold, and keywords", "unsharp_mask(image, 1.5, 0.5)")
def unsharp_mask(image: Any, sigma: Any, amount: float = 1.0, threshold: Any = 0, **words: Any) -> Any:
    return _run("unsharp_mask", image, _gaussian_reach(sigma, words), (sigma, amount, threshold), words)


@_documented("size, and keywords", "box_blur(image, 5)")
def box_blur(image: Any, size: Any, **words: Any) -> Any:
    return _run("box_blur", image, _around(_args.pair(size, "size")), (size,), words)


@_documented("axis, and keywords", "sobel(image, 0, ksize=5)")
def sobel(image: Any, axis: Any = None, **words: Any) -> Any:
    return _run("sobel", image, (max(1, words.get("ksize", 3) // 2),) * 2, (axis,), words)


@_documented("axis, and keywords", "scharr(image, 1)")
def scharr(image: Any, axis: Any = None, **words: Any) -> Any:
    return _run("scharr", image, (1, 1), (axis,), words)


@_documented("axis, and keywords", "prewitt(image)")
def prewitt(image: Any, axis: Any = None, **words: Any) -> Any:
    return _run("prewitt", image, (1, 1), (axis,), words)


@_documented("keywords", "laplacian(image, diagonals=True)")
def laplacian(image: Any, **words: Any) -> Any:
    return _run("laplacian", image, (1, 1), (), words)


@_documented("amount, and keywords", "sharpen(image, 0.5)")
def sharpen(image: Any, amount: float = 1.0, **words: Any) -> Any:
    return _run("sharpen", image, (1, 1), (amount,), words)


def _gaussian_reach(sigma: Any, words: dict[str, Any]) -> tuple[int, int]:
    column, row = gaussian_factors(sigma, words.get("truncate", 4.0), words.get("ksize"), words.get("radius"))
    return column.size // 2, row.size // 2
