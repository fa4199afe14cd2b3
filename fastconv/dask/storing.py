"""A dask array into a file that is mapped, or into anything else that takes blocks, without holding it whole."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from dask.array.core import Array, slices_from_chunks
from dask.base import compute
from dask.delayed import delayed

from .blocks import known_chunks
from .progress import progress as progress_bar


def store(array: Any, out: Any, *, progress: bool = False, num_workers: Any = None) -> Any:
    """Compute an array block by block into `out`; no more blocks are held than are worked on.

    Parameters
    ----------
    array : dask.array.Array
        What the functions of this module return.
    out : numpy.ndarray, numpy.memmap, zarr array, tifffile.memmap or the like
        Of the array's shape: what ``out[rows, columns] = block`` writes into. Blocks are written at once: of a zarr
        array those that ``array.rechunk(out.chunks)`` makes, so that no two lie in one of its chunks.
    progress : bool, optional
        Show rich's bar.
    num_workers : int, optional
        Threads, each with a block of its own; as many as CPUs unless given.

    Returns
    -------
    object
        `out`.

    Raises
    ------
    TypeError
        If `array` is no dask array.
    ValueError
        If `out` has not the array's shape, or chunks of the array are unknown.

    Examples
    --------
    >>> import dask.array as da, numpy as np, fastconv.dask
    >>> blurred = fastconv.dask.box_blur(da.ones((100, 100), chunks=50), 3)
    >>> fastconv.dask.store(blurred, np.empty((100, 100))).sum().round(6)
    np.float64(10000.0)
    """
    if not isinstance(array, Array):
        raise TypeError(f"`array` must be a dask array; received {type(array).__name__}")
    known_chunks(array, "array")
    if tuple(out.shape) != array.shape:
        raise ValueError(f"`out` must have shape {array.shape}; received {tuple(out.shape)}")

    def write(block: Any, region: Any) -> None:
        out[region] = block

    later = delayed(write, pure=False)
    blocks = array.to_delayed().ravel()
    tasks = [later(block, region) for block, region in zip(blocks, slices_from_chunks(array.chunks), strict=True)]
    with progress_bar() if progress else nullcontext():
        compute(*tasks, scheduler="threads", num_workers=num_workers)
    return out
