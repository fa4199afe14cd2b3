"""Images of other sizes, as Keras' layers resize and crop them."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from .geometry import channels, data_format, spatial, with_sizes
from .registry import Step, Tensor, operator
from .resize import cubic, weighted_sums

__all__ = ["center_crop", "resize_images"]

_MODES = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


@operator("CenterCrop")
def center_crop(node: Any, x: Any) -> Any:
    """The middle of images, of the attribute ``sizes``; ``data_format``.

    Smaller images are resized, after what does not have the sizes' ratio is cut off.
    """
    layout, sizes = data_format(node.attributes), tuple(node.attributes["sizes"])
    old = spatial(x.shape, layout)
    if any(new > size for new, size in zip(sizes, old, strict=True)):
        words = {"sizes": sizes, "mode": "bilinear", "fit": "crop", "data_format": layout}
        return resize_images(replace(node, attributes=words), x)
    cut = _middle(old, sizes, layout)
    shape = with_sizes(x.shape[0], sizes, channels(x.shape, layout), layout)
    return Step((Tensor(shape, x.dtype),), lambda x, y: np.copyto(y, x[cut]))


@operator("ResizeImages")
def resize_images(node: Any, x: Any) -> Any:
    """Images of other sizes, cells at their centres.

    Attributes: ``sizes``, or ``scales`` as whole numbers; ``mode``, 'nearest', 'bilinear', 'bicubic', 'lanczos3' or
    'lanczos5'; ``antialias``; ``fit``, 'crop' where what does not have the sizes' ratio is cut off before, 'pad' where
    it is filled up with ``fill``, else ''; ``data_format``.
    """
    words = node.attributes
    layout, mode, fit = data_format(words), words["mode"], words.get("fit", "")
    old = spatial(x.shape, layout)
    sizes = words.get("sizes") or tuple(a * b for a, b in zip(old, words.get("scales"), strict=True))
    if min(*sizes, *old) < 1 or max(sizes) > 2**22:
        raise ValueError(f"images of {old} cannot become images of {sizes}")
    if mode not in _MODES or fit not in ("", "crop", "pad"):
        raise ValueError(f"no mode {mode!r} or fit {fit!r}")
    first = 1 if layout == "channels_last" else 2
    fitted = _fitted(old, sizes, fit)
    cut = _middle(old, fitted, layout)
    pads = [(0, 0)] * x.ndim
    for axis, (a, b) in enumerate(zip(old, fitted, strict=True), first):
        pads[axis] = (max(b - a, 0) // 2,) * 2
    grown = [
        size + sum(pads[axis]) if b > size else b for axis, (size, b) in enumerate(zip(old, fitted, strict=True), first)
    ]
    kept = [_samples(a, b, mode, bool(words.get("antialias"))) for a, b in zip(grown, sizes, strict=True)]

    def run(x: Any, y: Any) -> None:
        x = x[cut]
        if fit == "pad":
            x = np.pad(x, pads, constant_values=words.get("fill", 0))
        for axis, (indices, weights) in enumerate(kept, first):
            if indices is not None:
                x = weighted_sums(x, axis, indices, weights, y)
        if x is not y:
            np.copyto(y, x, casting="same_kind")

    return Step(
        (Tensor(with_sizes(x.shape[0], tuple(sizes), channels(x.shape, layout), layout), x.dtype),), run, algorithm=mode
    )


def _middle(old: Any, new: Any, layout: str) -> tuple[slice, ...]:
    """The slices of the middle of images, all of an axis that is not longer."""
    cuts = []
    for size, wanted in zip(old, new, strict=True):
        begin = max(size - wanted, 0) // 2
        cuts.append(slice(begin, begin + min(size, wanted)))
    return with_sizes(slice(None), tuple(cuts), slice(None), layout)


def _fitted(old: Any, sizes: Any, fit: str) -> tuple[int, ...]:
    """The sizes that images are cut or filled up to before they are resized.

    Examples
    --------
    >>> _fitted((9, 10), (4, 8), "crop"), _fitted((9, 10), (4, 8), "pad")
    ((5, 10), (9, 18))
    """
    if not fit:
        return tuple(old)
    (height, width), (rows, columns) = old, sizes
    other = int(np.float32(width * rows) / np.float32(columns)), int(np.float32(height * columns) / np.float32(rows))
    if fit == "crop":
        return tuple(max(min(size, wanted), 1) for size, wanted in zip(old, other, strict=True))
    return tuple(max(size, wanted) for size, wanted in zip(old, other, strict=True))


@functools.lru_cache(32)
def _samples(old: int, new: int, mode: str, antialias: bool) -> Any:
    """Indices and weights (new, taps) of the old cells that each new one is a sum of; None for the cells themselves."""
    if old == new and not (antialias and mode != "nearest") and mode in ("nearest", "bilinear"):
        return None, None
    places = (np.arange(new) + 0.5) * (old / new)  # of centres, where cell i reaches from i to i + 1
    if mode == "nearest":
        return np.minimum(np.floor(places).astype(np.intp), old - 1)[:, None], np.ones((new, 1))
    if mode.startswith("lanczos") or antialias:
        return _of_kernel(places, old, new, mode, antialias)
    if mode == "bilinear":
        places = np.clip(places - 0.5, 0, old - 1)
        before = np.floor(places).astype(np.intp)
        share = places - before
        return np.stack([before, np.minimum(before + 1, old - 1)], 1), np.stack([1 - share, share], 1)
    base = np.floor(places - 0.5)
    # TensorFlow looks weights up in a table of 1024 places.
    share = np.rint((places - 0.5 - base) * 1024) / 1024
    indices = base[:, None] + np.arange(-1, 3)
    weights = cubic(np.abs(share[:, None] - np.arange(-1, 3)), -0.5)
    return _inside(indices, weights, old)


def _of_kernel(places: Any, old: int, new: int, mode: str, antialias: bool) -> Any:
    """By the kernels of TensorFlow's ScaleAndTranslate."""
    radius = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}[mode]
    widening = max(old / new, 1.0) if antialias else 1.0
    reach = radius * widening
    begin = np.ceil(places - reach - 0.5)
    indices = begin[:, None] + np.arange(min(2 * math.ceil(reach) + 1, 2 * old + 2))
    distance = np.abs(indices + 0.5 - places[:, None]) / widening
    if mode == "bilinear":
        weights = np.maximum(1 - distance, 0)
    elif mode == "bicubic":
        weights = cubic(distance, -0.5)
    else:
        weights = np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0)
    return _inside(indices, weights, old)


def _inside(indices: Any, weights: Any, old: int) -> Any:
    """Weights of cells beyond the image are 0, and the others make up 1."""
    weights = np.where((indices >= 0) & (indices < old), weights, 0)
    total = weights.sum(1, keepdims=True)
    return np.clip(indices, 0, old - 1).astype(np.intp), weights / np.where(total == 0, 1, total)
