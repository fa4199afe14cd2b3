"""Kernels in PyTorch's order, and single images, as the batches and the order that the core takes."""

from __future__ import annotations

import numpy as np

from .. import _args

KERNEL_FORMATS = ("HWIO", "OIHW")


def hwio(kernel, kernel_format: str):
    """A kernel given in `kernel_format` as (k_h, k_w, c_in // groups, c_out)."""
    if kernel_format == "HWIO":
        return kernel
    _args.choice(kernel_format, "kernel_format", KERNEL_FORMATS)
    array = np.asarray(kernel)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def hwio_shape(shape, kernel_format: str):
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


def is_image(x) -> bool:
    """Whether x is one image, without the axis of a batch."""
    return getattr(x, "ndim", 4) == 3


def batch_of(array):
    """An image, or what goes with one, as a batch of one; None stays."""
    return None if array is None else np.asarray(array)[None]
