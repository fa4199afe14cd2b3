"""OpenCV's linear filters, argument for argument. NotImplemented stands for what OpenCV is to compute itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..image.derivatives import LAPLACIAN, derivative_taps
from ..image.gaussians import gaussian_factors
from ..image.separable import separable
from ..image.stacks import Options, filter_image

__all__ = ["GaussianBlur", "Laplacian", "Scharr", "Sobel", "blur", "boxFilter", "filter2D", "sepFilter2D"]

_DEFAULT = 4  # BORDER_REFLECT_101
_ISOLATED = 16
_BORDERS = (0, 1, 2, 4)  # filters refuse BORDER_WRAP and BORDER_TRANSPARENT
_DEPTHS = {0: "uint8", 2: "uint16", 3: "int16", 5: "float32", 6: "float64"}
# Depths of results that OpenCV's filters have, by the image's.
_RESULTS = {
    "uint8": ("uint8", "int16", "float32", "float64"),
    "uint16": ("uint16", "float32", "float64"),
    "int16": ("int16", "float32", "float64"),
    "float32": ("float32",),
    "float64": ("float64",),
}
_MOST_CHANNELS = 4
_SCHARR = np.array([3.0, 10, 3])
_LARGEST_SOBEL = 31


def filter2D(
    src: Any,
    ddepth: Any,
    kernel: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    delta: Any = 0,
    borderType: Any = _DEFAULT,
) -> Any:
    """`cv2.filter2D`."""
    options = _options(src, ddepth, dst, borderType, anchor, delta)
    if options is None or type(kernel) is not np.ndarray or kernel.ndim != 2:
        return NotImplemented
    return filter_image(src, kernel, options)


def sepFilter2D(
    src: Any,
    ddepth: Any,
    kernelX: Any,
    kernelY: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    delta: Any = 0,
    borderType: Any = _DEFAULT,
) -> Any:
    """`cv2.sepFilter2D`."""
    options = _options(src, ddepth, dst, borderType, anchor, delta)
    column, row = np.asarray(kernelY, np.float64), np.asarray(kernelX, np.float64)
    if options is None or any(k.size != max(k.shape, default=0) for k in (column, row)):
        return NotImplemented
    return separable(src, column.reshape(-1), row.reshape(-1), options)


def GaussianBlur(
    src: Any, ksize: Any, sigmaX: Any, dst: Any = None, sigmaY: Any = 0, borderType: Any = _DEFAULT, hint: Any = 0
) -> Any:
    """`cv2.GaussianBlur`."""
    options = _options(src, -1, dst, borderType)
    if options is None or hint:
        return NotImplemented
    sigmas = (sigmaY if sigmaY > 0 else sigmaX, sigmaX)
    reach = 3 if src.dtype == np.uint8 else 4
    sizes = [
        round(s * reach * 2 + 1) | 1 if size <= 0 and s > 0 else size
        for size, s in zip((ksize[1], ksize[0]), sigmas, strict=True)
    ]
    factors = gaussian_factors([max(s, 0) for s in sigmas], 4.0, sizes)
    return separable(src, *factors, options)


def blur(src: Any, ksize: Any, dst: Any = None, anchor: Any = (-1, -1), borderType: Any = _DEFAULT) -> Any:
    """`cv2.blur`."""
    return boxFilter(src, -1, ksize, dst, anchor, True, borderType)


def boxFilter(
    src: Any,
    ddepth: Any,
    ksize: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    normalize: bool = True,
    borderType: Any = _DEFAULT,
) -> Any:
    """`cv2.boxFilter`."""
    options = _options(src, ddepth, dst, borderType, anchor)
    if options is None:
        return NotImplemented
    column, row = (np.full(size, 1 / size if normalize else 1.0) for size in (ksize[1], ksize[0]))
    return separable(src, column, row, options)


def Sobel(
    src: Any,
    ddepth: Any,
    dx: Any,
    dy: Any,
    dst: Any = None,
    ksize: Any = 3,
    scale: Any = 1,
    delta: Any = 0,
    borderType: Any = _DEFAULT,
) -> Any:
    """`cv2.Sobel`."""
    if ksize == -1:
        return Scharr(src, ddepth, dx, dy, dst, scale, delta, borderType)
    if not (
        ksize % 2 and 0 < ksize <= _LARGEST_SOBEL and dx >= 0 <= dy and dx + dy > 0 and max(dx, dy) < max(ksize, 3)
    ):
        return NotImplemented
    return _derivative(
        src, ddepth, derivative_taps(dy, ksize), derivative_taps(dx, ksize), dst, scale, delta, borderType
    )


def Scharr(
    src: Any, ddepth: Any, dx: Any, dy: Any, dst: Any = None, scale: Any = 1, delta: Any = 0, borderType: Any = _DEFAULT
) -> Any:
    """`cv2.Scharr`."""
    if (dx, dy) not in ((0, 1), (1, 0)):
        return NotImplemented
    column, row = (derivative_taps(1, 1) if order else _SCHARR for order in (dy, dx))
    return _derivative(src, ddepth, column, row, dst, scale, delta, borderType)


def Laplacian(
    src: Any, ddepth: Any, dst: Any = None, ksize: Any = 1, scale: Any = 1, delta: Any = 0, borderType: Any = _DEFAULT
) -> Any:
    """`cv2.Laplacian`."""
    options = _options(src, ddepth, dst, borderType, delta=delta)
    if options is None or not (ksize % 2 and 0 < ksize <= _LARGEST_SOBEL):
        return NotImplemented
    kernel = np.outer(derivative_taps(2, ksize), derivative_taps(0, ksize))
    return filter_image(src, (LAPLACIAN if ksize == 1 else kernel + kernel.T) * scale, options)


def _derivative(src: Any, ddepth: Any, column: Any, row: Any, dst: Any, scale: Any, delta: Any, border: Any) -> Any:
    options = _options(src, ddepth, dst, border, delta=delta)
    return NotImplemented if options is None else filter_image(src, column[:, None] * row * scale, options)


def _options(src: Any, ddepth: Any, dst: Any, border: Any, anchor: Any = (-1, -1), delta: Any = 0) -> Options | None:
    """What the arguments ask of a filter, None where it is not served."""
    if type(src) is not np.ndarray or not src.size or src.ndim not in (2, 3) or src.dtype.name not in _RESULTS:
        return None
    # OpenCV drops a last axis of one channel.
    if src.ndim == 3 and not 1 < src.shape[2] <= _MOST_CHANNELS:
        return None
    name = src.dtype.name if ddepth == -1 else _DEPTHS.get(ddepth)
    if name not in _RESULTS[src.dtype.name] or border & ~_ISOLATED not in _BORDERS:
        return None
    if dst is not None and not (type(dst) is np.ndarray and dst.shape == src.shape and dst.dtype == np.dtype(name)):
        return None
    column, row = anchor
    return Options(border, 0, dst, anchor=(row, column), dtype=np.dtype(name), delta=float(delta))
