"""2-D functions of two arrays over stacks of both: the axes that are no image's are broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _args
from .axes import two_axes


def over_batches(
    function: Callable[..., np.ndarray], in1: Any, in2: Any, axes: Any, out: np.ndarray | None
) -> np.ndarray:
    """function(image, kernel, out=...) for every pair of two arrays, of which one of two axes is an image itself."""
    in1, in2 = np.asarray(in1), np.asarray(in2)
    images, kernels = _images(in1, axes), _images(in2, axes)
    try:
        stack = np.broadcast_shapes(images.shape[:-2], kernels.shape[:-2])
    except ValueError:
        raise ValueError(
            f"`in1` and `in2` must have axes other than `axes` that are broadcast together; "
            f"received shapes {in1.shape} and {in2.shape}"
        ) from None
    images = np.broadcast_to(images, stack + images.shape[-2:])
    kernels = np.broadcast_to(kernels, stack + kernels.shape[-2:])
    if 0 in stack:
        plane = function(np.zeros(images.shape[-2:], in1.dtype), np.zeros(kernels.shape[-2:], in2.dtype))
    else:
        plane = function(images[(0,) * len(stack)], kernels[(0,) * len(stack)])
    where = two_axes(axes, len(stack) + 2) if stack else (0, 1)
    shape = np.moveaxis(np.broadcast_to(plane, stack + plane.shape), (-2, -1), where).shape
    computed, returned = _args.output(out, shape, plane.dtype, (in1, in2))
    results = np.moveaxis(computed, where, (-2, -1))
    for place in np.ndindex(stack):
        if any(place):
            function(images[place], kernels[place], out=results[place])
        else:
            results[place] = plane
    return _args.finish(computed, returned)


def _images(array: np.ndarray, axes: Any) -> np.ndarray:
    """array with its image's axes at the end."""
    return array if array.ndim == 2 else np.moveaxis(array, two_axes(axes, array.ndim), (-2, -1))
