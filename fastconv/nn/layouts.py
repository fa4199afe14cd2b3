"""Kernels in PyTorch's order, and single images, as the batches and the order that the core takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

KERNEL_FORMATS = ("HWIO", "OIHW")


def hwio(kernel: ArrayLike, kernel_format: str) -> ArrayLike:
    """A kernel given in `kernel_format` as (k_h, k_w, c_in // groups, c_out)."""
    if kernel_format == "HWIO":
        return kernel
    _args.choice(kernel_format, "kernel_format", KERNEL_FORMATS)
    array = np.asarray(kernel)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def hwio_shape(shape: Sequence[SupportsIndex], kernel_format: str) -> Sequence[SupportsIndex]:
    """The same of a shape."""
    if _args.choice(kernel_format, "kernel_format", KERNEL_FORMATS) == "HWIO":
        return shape
    c_out, c_in, k_h, k_w = _args.four_sizes(shape, "kernel_shape")
    return k_h, k_w, c_in, c_out


def from_hwio(kernel: np.ndarray, kernel_format: str, out: np.ndarray | None = None) -> np.ndarray:
    """A kernel's gradient in `kernel_format`, contiguous or in `out`."""
    if kernel_format == "HWIO":
        return kernel
    turned = kernel.transpose(3, 2, 0, 1)
    computed, returned = _args.output(out, turned.shape, kernel.dtype, ())
    computed[...] = turned
    return _args.finish(computed, returned)


def is_image(x: object) -> bool:
    """Whether x is one image, without the axis of a batch."""
    return getattr(x, "ndim", 4) == 3


def batch_of(array: ArrayLike | None) -> Any:
    """An image, or what goes with one, as a batch of one; None stays."""
    return None if array is None else np.asarray(array)[None]


def image_of(batch: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """The one image of a batch, or `out`, which it has been computed into."""
    image: np.ndarray = batch[0]
    return image if out is None else out
