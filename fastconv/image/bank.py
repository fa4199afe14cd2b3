"""Feature maps: every image with every kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _args, _core
from ..nn.convolution import conv2d
from .borders import BORDERS, border_word
from .convolve import ALGORITHMS, run
from .correlation import image_array, kind_of, outside, taps_of

__all__ = ["filter_bank"]

_PAD_MODES = {
    "reflect101": "reflect",
    "reflect": "symmetric",
    "nearest": "edge",
    "wrap": "wrap",
    "constant": "constant",
}
_FEW_TAPS = 36


def filter_bank(
    images: Any, kernels: Any, *, border: Any = "reflect101", value: Any = 0, out: Any = None, algorithm: Any = "auto"
) -> np.ndarray:
    """Correlate every image with every kernel: feature maps.

    Parameters
    ----------
    images : array_like of shape (n, h, w) or (h, w)
        In a dtype that `filter2d` takes.
    kernels : array_like of shape (k, kh, kw)
        Real numbers. They are not flipped; cell (kh // 2, kw // 2) lies over the output.
    border, value
        As in `filter2d`.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.
    algorithm : str, optional
        As in `filter2d`; it must serve every kernel.

    Returns
    -------
    ndarray of shape (n, k, h, w), or (k, h, w) for one image
        float64 for int32 and float64 images, else float32: nothing is rounded to integers. ``result[i, j]`` is image i
        with kernel j, contiguous in memory, and within rounding `filter2d` of the image in that dtype.

    Raises
    ------
    ValueError, TypeError
        As in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> images = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    >>> maps = fastconv.filter_bank(images, [[[-0.5, 0, 0.5]], [[0, 0.5, 0.5]]], border="nearest")
    >>> maps.shape
    (2, 2, 3, 3)
    >>> maps[0, 0]
    array([[0.5, 1. , 0.5],
           [0.5, 1. , 0.5],
           [0.5, 1. , 0.5]], dtype=float32)
    """
    images = image_array(images, "images", "(h, w) or (n, h, w)")
    kind = kind_of(images.dtype)
    assert kind is not None
    border = border_word(border)
    _, fill = outside(border, value, kind)
    _args.choice(algorithm, "algorithm", ALGORITHMS)
    taps = taps_of(kernels, "kernels", 3, kind.work)
    images = np.ascontiguousarray(images, kind.source)
    *first, h, w = images.shape
    count = len(taps)
    computed, returned = _args.output(out, (*first, count, h, w), kind.work, (images, taps))
    if computed.size:
        _fill_maps(images.reshape(-1, h, w), taps, border, fill, computed.reshape(-1, count, h, w), algorithm)
    return _args.finish(computed, returned)


def _fill_maps(
    stack: np.ndarray, taps: np.ndarray, border: str, fill: np.ndarray | None, maps: np.ndarray, algorithm: str
) -> None:
    """maps[i, j] = image i with kernel j."""
    h, w = stack.shape[1:]
    kh, kw = taps.shape[1:]
    if algorithm == "auto" and _share_loads(maps.shape, kh * kw):
        _convolve_stack(stack, taps, border, fill, maps)
        return
    kind = kind_of(stack.dtype)
    assert kind is not None
    geometry = _core.Filter2D(
        kind.number,
        kind.work_number,
        kind.work_number,
        (h, w, 1),
        (kh, kw),
        (kh // 2, kw // 2),
        BORDERS[border],
        ALGORITHMS[algorithm],
    )
    for image, features in zip(stack, maps, strict=True):
        for kernel, feature in zip(taps, features, strict=True):
            run(algorithm, kernel, geometry.run, image, kernel, fill, feature)


def _share_loads(maps: tuple[int, ...], taps: int) -> bool:
    """Whether one convolution, which reads an image once for all of its maps, is faster than a call for each map.

    Measured: on larger images a call costs nothing beside its work, and a kernel of many taps gains more where the
    call finds that it factors.
    """
    n, count, h, w = maps
    if taps <= _FEW_TAPS:
        return n * count >= 32 and h * w <= 1 << 14
    return n * count >= 32 and h * w <= 1 << 10 and count >= 8 and taps <= 289


def _convolve_stack(
    stack: np.ndarray, taps: np.ndarray, border: str, fill: np.ndarray | None, maps: np.ndarray
) -> None:
    """maps = every image of the stack with every kernel, by one plain convolution."""
    pads = [(0, 0)] + [(k // 2, k - 1 - k // 2) for k in taps.shape[1:]]
    words: Any = {"constant_values": 0 if fill is None else fill} if border == "constant" else {}
    mode: Any = _PAD_MODES[border]
    padded = np.pad(stack.astype(taps.dtype, copy=False), pads, mode, **words)
    conv2d(
        padded[:, None],
        taps.transpose(1, 2, 0)[:, :, None],
        data_format="channels_first",
        algorithm="depthwise" if taps[0].size <= _FEW_TAPS else "planar",
        out=maps,
    )
