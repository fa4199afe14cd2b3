"""Arrays in files as dask arrays, read a block at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

__all__ = ["open_file"]


class _File:
    """What `dask.array.from_array` takes blocks of: only a NumPy array would be copied whole into the graph."""

    def __init__(self, path: str, dtype: np.dtype | None, shape: tuple[int, ...] | None, offset: int) -> None:
        self._place = path, dtype, shape, offset
        array = self._map()
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def _map(self) -> np.ndarray:
        path, dtype, shape, offset = self._place
        return np.load(path, mmap_mode="r") if dtype is None else np.memmap(path, dtype, "r", offset, shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(self._map()[index])


def open_file(path: Any, dtype: Any = None, shape: Any = None, *, offset: int = 0, chunks: Any = "auto") -> da.Array:
    """A dask array of the numbers in a file, of which each block is read when it is computed.

    Parameters
    ----------
    path : str or os.PathLike
        A ``.npy`` file, or, with `dtype` and `shape`, a file of plain numbers.
    dtype : dtype_like, optional
    shape : tuple of int, optional
        In C order. Both of a file of plain numbers, neither of a ``.npy`` file.
    offset : int, default 0
        Bytes before the first number.
    chunks : as of dask.array.from_array, default "auto"

    Returns
    -------
    dask.array.Array

    Raises
    ------
    ValueError
        If one of `dtype` and `shape` is missing, they are given for a ``.npy`` file or missing for another, or the file
        is shorter than they say.

    Notes
    -----
    `dask.array.from_zarr` takes zarr arrays, and TIFF files as ``tifffile.TiffFile(path).aszarr(level=0)`` gives them.

    Examples
    --------
    >>> import os, tempfile, fastconv.dask
    >>> path = os.path.join(tempfile.mkdtemp(), "image.npy")
    >>> np.save(path, np.ones((100, 200), np.uint8))
    >>> fastconv.dask.open_file(path, chunks=50).numblocks
    (2, 4)
    """
    if (dtype is None) != (shape is None):
        raise ValueError("`dtype` and `shape` go together: of a file of plain numbers both, of a .npy file neither")
    with open(path, "rb") as file:
        is_npy = file.read(6) == b"\x93NUMPY"
    if is_npy != (dtype is None) or (is_npy and offset):
        raise ValueError(
            f"`dtype`, `shape` and `offset` tell of files of plain numbers, which {path} is{' not' * is_npy}"
        )
    lazy = _File(str(Path(path)), None if dtype is None else np.dtype(dtype), shape, offset)
    result: da.Array = da.from_array(lazy, chunks=chunks, name=False)
    return result
