"""A function of images over the blocks of a dask array, each with the cells around it that its outputs need."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np

from .. import config
from .. import image as numpy_level


def over_blocks(
    name: str,
    image: Any,
    reach: tuple[int, int],
    axes: tuple[int, int],
    wraps: bool,
    args: tuple[Any, ...],
    words: dict[str, Any],
) -> Any:
    """fastconv's function of that name on each block of an array.

    Blocks overlap by `reach` cells along each of `axes`, which the function makes wrong at a block's sides and which
    are cut off. At the image's own sides no cell is added, so that the function's border is the image's.
    """
    array = da.asarray(image)
    for word in {"mask", "out"}.intersection(words):
        raise TypeError(f"`{word}` is not taken with dask arrays")
    function = partial(_of_block, name, args, words)
    kind = function(np.zeros((1,) * array.ndim, array.dtype)).dtype  # refuses what it does not take
    depth = {axis: 0 for axis in range(array.ndim)}
    for axis, cells in zip(axes, reach, strict=True):
        if cells and len(array.chunks[axis]) > 1:
            if 2 * cells >= array.shape[axis]:  # every block would need nearly all others
                array = array.rechunk({axis: -1})
            else:
                depth[axis] = cells
    outside = {axis: "periodic" if wraps and depth[axis] else "none" for axis in depth}
    return da.map_overlap(
        function, array, depth=depth, boundary=outside, trim=True, dtype=kind, meta=np.empty((0,) * array.ndim, kind)
    )


def known_chunks(array: Any, name: str) -> Any:
    """array, whose shape must be known before anything is computed."""
    if any(size != size for size in array.shape):
        raise ValueError(
            f"`{name}` must have known chunks; received shape {array.shape}: call its `compute_chunk_sizes()` first"
        )
    return array


def _of_block(name: str, args: tuple[Any, ...], words: dict[str, Any], block: np.ndarray) -> np.ndarray:
    """On one thread: the scheduler has as many tasks as there are cores."""
    with config.threads(1):
        result: np.ndarray = getattr(numpy_level, name)(block, *args, **words)
        return result
