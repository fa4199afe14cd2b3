"""Groups, datasets and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import FileError
from . import headers
from .btrees import records, symbol_nodes
from .cursor import Cursor, Source
from .datatypes import Datatype, read_datatype, read_shape, read_values
from .heaps import FractalHeap, GlobalHeaps, LocalHeap

MAX_DEPTH = 64
NAMES, ATTRIBUTE_NAMES = 5, 8  # types of B-trees
LAYOUTS = {0: "compact", 1: "contiguous", 2: "chunked", 3: "virtual"}


def open_hdf5(data: Any, name: str = "file") -> Group:
    """The root group of an HDF5 file.

    Parameters
    ----------
    data : bytes, memoryview or mmap
        The file; datasets are read as views of it.
    name : str
        What errors call the file.

    Returns
    -------
    Group
        A mapping of names, or paths, to groups and datasets.

    Raises
    ------
    FileError
        If the file is malformed, or has what this reader does not support; here, or where it is met.

    Examples
    --------
    >>> from fastconv.network.hdf5 import open_hdf5
    >>> open_hdf5(b"PK", "model.h5")
    Traceback (most recent call last):
        ...
    fastconv.network.errors.FileError: model.h5: not an HDF5 file
    """
    file = _File(data, name)
    root = file.open(headers.root_address(file.source), "/", 0)
    if not isinstance(root, Group):
        raise FileError(f"{name}: its root is no group")
    return root


class _File:
    """What the objects of a file share. An object opened by two names is refused, so that no walk goes in circles."""

    def __init__(self, data: Any, name: str) -> None:
        self.source = Source(data, name)
        self.heaps = GlobalHeaps(self.source)
        self._opened: dict[int | None, Group | Dataset] = {}

    def open(self, address: int | None, name: str, depth: int) -> Group | Dataset:
        known = self._opened.get(address)
        if known is None:
            if depth > MAX_DEPTH:
                raise FileError(f"{self.source.name}: {name!r} lies more than {MAX_DEPTH} groups deep")
            messages = headers.messages(self.source, address, repr(name))
            kinds = {kind for kind, _, _ in messages}
            if not kinds & {headers.LAYOUT, headers.SYMBOL_TABLE, headers.LINK_INFO}:
                raise FileError(f"{self.source.name}: {name!r} is neither a group nor a dataset")
            known = (Dataset if headers.LAYOUT in kinds else Group)(self, name, depth, messages)
            self._opened[address] = known
        if known.name != name:
            raise FileError(f"{self.source.name}: {name!r} is linked as {known.name!r} too, which is not supported")
        return known


class _Object:
    def __init__(self, file: _File, name: str, depth: int, messages: list[Any]) -> None:
        self.name = name
        self._file, self._depth, self._messages = file, depth, messages
        self._attributes: dict[str, Any] | None = None

    def _found(self, wanted: int) -> list[Cursor]:
        """The bodies of the messages of a type, at their beginnings."""
        found = [(flags, body.copy()) for kind, flags, body in self._messages if kind == wanted]
        for flags, body in found:
            if flags & headers.SHARED:
                raise body.error("is shared between objects, which is not supported")
        return [body for _, body in found]

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes by name: NumPy scalars and arrays, str, lists of str."""
        if self._attributes is None:
            attributes = {}
            for body in [*self._found(headers.ATTRIBUTE), *self._dense_attributes()]:
                name, value = _attribute(body, self._file.heaps, repr(self.name))
                attributes[name] = value
            self._attributes = attributes
        return self._attributes

    def _dense_attributes(self) -> Iterator[Cursor]:
        for body in self._found(headers.ATTRIBUTE_INFO):
            body.version((0,))
            body.skip(2 * (body.number(1) & 1))
            yield from _dense(body, ATTRIBUTE_NAMES, 0)


def _dense(body: Cursor, kind: int, before: int) -> Iterator[Cursor]:
    """The messages of a fractal heap, by the B-tree of names whose addresses follow in `body`."""
    heap_address, tree_address = body.address(), body.address()
    if heap_address is None:
        return
    heap = FractalHeap(body.source, heap_address, body.place)
    for record in records(body.source, tree_address, kind, body.place):
        record.skip(before)
        yield heap.object(record.part(heap.id_length))


def _attribute(body: Cursor, heaps: GlobalHeaps, owner: str) -> Any:
    """(name, value) of an attribute message."""
    version, flags = body.version((1, 2, 3)), body.number(1)
    sizes = [body.number(2) for _ in range(3)]
    body.skip(1 if version == 3 else 0)
    padded = [size + -size % 8 if version == 1 else size for size in sizes]
    name = body.part(padded[0]).text(sizes[0])
    place = f"attribute {name!r} of {owner}"
    body.place = place
    if version > 1 and flags & 3:
        raise body.error("has a shared datatype, which is not supported")
    datatype = read_datatype(body.part(padded[1], place))
    shape = read_shape(body.part(padded[2], place))
    value = read_values(body, datatype, shape, heaps)
    return name, value.copy() if isinstance(value, np.ndarray) else value


class Group(_Object, Mapping[str, Any]):
    """A mapping of names to groups and datasets; paths with slashes go through groups."""

    def __init__(self, file: _File, name: str, depth: int, messages: list[Any]) -> None:
        super().__init__(file, name, depth, messages)
        self._members: dict[str, int | str | None] | None = None

    def __repr__(self) -> str:
        return f"<Group {self.name!r}>"

    def __getitem__(self, path: str) -> Group | Dataset:
        found: Group | Dataset = self
        for part in path.strip("/").split("/"):
            links = found._links() if isinstance(found, Group) else {}
            if part not in links:
                raise KeyError(f"{self._file.source.name}: {found.name!r} has no member {part!r}")
            address = links[part]
            child = f"{found.name.rstrip('/')}/{part}"
            if isinstance(address, str):
                raise FileError(f"{self._file.source.name}: {child!r} is {address}, which is not supported")
            found = self._file.open(address, child, found._depth + 1)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._links())

    def __len__(self) -> int:
        return len(self._links())

    def _links(self) -> dict[str, int | str | None]:
        """By name each member's address, or what kind of link it is; in the order of creation where that is kept."""
        if self._members is None:
            found: dict[str, tuple[int, int | str | None]] = {}
            for name, order, target in [*self._symbols(), *self._link_messages()]:
                if name in found or not name or "/" in name or name == ".":
                    raise FileError(f"{self._file.source.name}: {self.name!r} has a wrong member name, {name!r}")
                found[name] = order, target
            ordered = sorted(found.items(), key=lambda item: (item[1][0], item[0].encode()))
            self._members = {name: target for name, (_, target) in ordered}
        return self._members

    def _symbols(self) -> Iterator[tuple[str, int, int | str | None]]:
        source, place = self._file.source, repr(self.name)
        for body in self._found(headers.SYMBOL_TABLE):
            tree_address = body.address()
            heap = LocalHeap(source, body.address(), place)
            for node in symbol_nodes(source, tree_address, place):
                node.expect(b"SNOD")
                node.version((1,))
                node.skip(1)
                for _ in range(node.number(2)):
                    offset, address, cache = node.number(8), node.address(), node.number(4)
                    node.skip(20)
                    yield heap.name(offset), 0, "a soft link" if cache == 2 else address

    def _link_messages(self) -> Iterator[tuple[str, int, int | str | None]]:
        for body in self._found(headers.LINK):
            yield _link(body)
        for body in self._found(headers.LINK_INFO):
            body.version((0,))
            body.skip(8 * (body.number(1) & 1))
            for message in _dense(body, NAMES, 4):
                yield _link(message)


def _link(body: Cursor) -> tuple[str, int, int | str | None]:
    """(name, order of creation, address or kind) of a link message."""
    body.version((1,))
    flags = body.number(1)
    kind = body.number(1) if flags & 0x08 else 0
    order = body.number(8) if flags & 0x04 else 0
    body.skip(1 if flags & 0x10 else 0)
    name = body.text(body.number(1 << (flags & 3)))
    if kind:
        return name, order, "a soft link" if kind == 1 else "an external link"
    return name, order, body.address()


class Dataset(_Object):
    """An array in the file: `shape`, `dtype` (of strings: object), `attrs`, and `read`."""

    def __init__(self, file: _File, name: str, depth: int, messages: list[Any]) -> None:
        super().__init__(file, name, depth, messages)
        self._datatype: Datatype = read_datatype(self._only(headers.DATATYPE, "datatype"))
        self.shape: tuple[int, ...] | None = read_shape(self._only(headers.DATASPACE, "dataspace"))

    def __repr__(self) -> str:
        return f"<Dataset {self.name!r}: shape {self.shape}, {self.dtype}>"

    def _only(self, kind: int, what: str) -> Cursor:
        found = self._found(kind)
        if len(found) != 1:
            raise FileError(f"{self._file.source.name}: {self.name!r} has {len(found)} messages of its {what}")
        return found[0]

    @property
    def dtype(self) -> np.dtype:
        kinds = {"bool": np.dtype(bool), "string": np.dtype(object), "text": np.dtype(object)}
        return kinds.get(self._datatype.kind, self._datatype.dtype)

    def read(self) -> Any:
        """The values, as `read_values` has them: an array is a read-only view of the file where it can be.

        Raises
        ------
        ValueError
            If the dataset is chunked, compressed, virtual or in another file, or the file holds too few bytes.
        """
        body = self._only(headers.LAYOUT, "layout")
        for kind, what in ((headers.FILTERS, "compressed"), (headers.EXTERNAL, "in another file")):
            if self._found(kind):
                raise body.error(f"is {what}, which is not supported")
        return read_values(self._data(body), self._datatype, self.shape, self._file.heaps)

    def _data(self, body: Cursor) -> Cursor:
        version, layout = body.version((3, 4)), body.number(1)
        if layout not in (0, 1):
            raise body.error(f"is {LAYOUTS.get(layout, layout)} (version {version}), which is not supported")
        if layout == 0:
            return body.part(body.number(2))
        address, length = body.address(), body.number(8)
        if address is None and length:
            raise body.error("was never written")
        return self._file.source.cursor(address or 0, length, repr(self.name))
