"""Filters of dask arrays: images larger than memory, block by block, nothing computed before ``compute``.

Importing this module brings in dask.
"""

from __future__ import annotations

from .convolution import convolve2d, correlate2d
from .files import open_file
from .filters import (
    box_blur,
    filter2d,
    gaussian_blur,
    gaussian_laplace,
    laplacian,
    prewitt,
    scharr,
    sep_filter2d,
    sharpen,
    sobel,
    unsharp_mask,
)
from .progress import progress
from .storing import store

__all__ = [
    "box_blur",
    "convolve2d",
    "correlate2d",
    "filter2d",
    "gaussian_blur",
    "gaussian_laplace",
    "laplacian",
    "open_file",
    "prewitt",
    "progress",
    "scharr",
    "sep_filter2d",
    "sharpen",
    "sobel",
    "store",
    "unsharp_mask",
]
