"""HDF5 files by h5py, for what the reader of this package refuses: chunks and compression.

What leads out of a file is refused here too: external and soft links, external and virtual storage, filters that are
not HDF5's or h5py's own, which would be loaded as plugins.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import FileError
from .objects import MAX_DEPTH

__all__ = ["open_by_h5py"]

_FILTERS = {1, 2, 3, 4, 5, 6, 32000}  # deflate, shuffle, fletcher32, szip, nbit, scaleoffset, lzf


def open_by_h5py(data: Any, name: str, most: int) -> Mapping[str, Any]:
    """The root group of a file, as `open_hdf5` gives it.

    Parameters
    ----------
    data : bytes-like
    name : str
        What errors call it.
    most : int
        Bytes of one dataset, as it is when it is unpacked.

    Raises
    ------
    FileError
        If h5py cannot read it.
    ImportError
        Without h5py.
    """
    import h5py

    with _named(name):
        return _Group(h5py.File(io.BytesIO(data), "r"), name, most, 0)


@contextmanager
def _named(place: str) -> Iterator[Any]:
    """h5py's errors as those of a file."""
    try:
        yield
    except FileError:
        raise
    except (OSError, RuntimeError, TypeError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise FileError(f"{place}: not readable by h5py: {error}") from None


class _Object:
    def __init__(self, found: Any, place: str, most: int, depth: int) -> None:
        self._found, self._place, self._most, self._depth = found, place, most, depth
        self.name = found.name

    @property
    def attrs(self) -> dict[str, Any]:
        with _named(f"{self._place}: {self.name!r}"):
            return dict(self._found.attrs)


class _Group(_Object, Mapping[str, Any]):
    """A group of h5py, with the interface of `Group`."""

    def __getitem__(self, path: str) -> Any:
        found = self
        for part in path.strip("/").split("/"):
            found = found._member(part)
        return found

    def _member(self, name: str) -> Any:
        import h5py

        place = f"{self._place}: {self.name!r}"
        with _named(place):
            link = self._found.get(name, getlink=True)
        if link is None:
            raise KeyError(f"{place} has no member {name!r}")
        with _named(place):
            if not isinstance(link, h5py.HardLink) or self._depth >= MAX_DEPTH:
                raise FileError(f"{place}: {name!r} is no member of the file itself, or lies too deep")
            found = self._found[name]
            kinds = {h5py.Group: _Group, h5py.Dataset: _Dataset}
            kind = next((kinds[known] for known in kinds if isinstance(found, known)), None)
            if kind is None:
                raise FileError(f"{place}: {name!r} is neither a group nor a dataset")
            return kind(found, self._place, self._most, self._depth + 1)

    def __iter__(self) -> Iterator[str]:
        with _named(f"{self._place}: {self.name!r}"):
            return iter(list(self._found))

    def __len__(self) -> int:
        return len(self._found)


class _Dataset(_Object):
    """A dataset of h5py, with the interface of `Dataset`."""

    def read(self) -> np.ndarray:
        place = f"{self._place}: {self.name!r}"
        with _named(place):
            plist = self._found.id.get_create_plist()
            filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
            if self._found.external or self._found.is_virtual or not filters <= _FILTERS:
                raise FileError(f"{place} is stored in other files, or by a filter that is not HDF5's own")
            if self._found.nbytes > self._most:
                raise FileError(f"{place} has {self._found.nbytes} bytes, more than the limit of {self._most}")
            result: np.ndarray = self._found[()]
            return result
