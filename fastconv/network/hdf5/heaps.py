"""Heaps: names of symbol tables, strings of any length, and the messages of large groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import FileError
from .btrees import records
from .cursor import Cursor, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

HUGE_RECORDS = 1  # the type of a B-tree of huge objects by their number


class LocalHeap:
    """The names of a symbol table."""

    def __init__(self, source: Source, address: int | None, place: str) -> None:
        cursor = source.cursor(address, None, place)
        cursor.expect(b"HEAP")
        cursor.version((0,))
        cursor.skip(3)
        size = cursor.number(8)
        cursor.skip(8)
        self._segment = source.cursor(cursor.address(), size, place)

    def name(self, offset: int) -> str:
        cursor = self._segment.copy()
        cursor.skip(offset)
        start = cursor.position
        while cursor.number(1):
            pass
        return cursor.decode(bytes(cursor.source.view[start : cursor.position - 1]))


class GlobalHeaps:
    """Strings of any length: the objects of the file's heap collections, each read once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def read(self, length: int, address: int, index: int, place: str) -> bytes:
        if not length:
            return b""
        if address not in self._collections:
            self._collections[address] = dict(self._objects(address, place))
        start, size = self._collections[address].get(index, (0, -1))
        if length > size:
            raise FileError(f"{self._source.name}: {place} names a string that its heap does not have")
        return bytes(self._source.view[start : start + length]).split(b"\0", 1)[0]

    def _objects(self, address: int, place: str) -> Iterator[Any]:
        head = self._source.cursor(address, 16, place)
        head.expect(b"GCOL")
        head.version((1,))
        head.skip(3)
        cursor = self._source.cursor(address, head.number(8), place)
        cursor.skip(16)
        while cursor.left >= 16:
            index = cursor.number(2)
            cursor.skip(6)
            size = cursor.number(8)
            if not index:  # the free space that ends the collection
                return
            yield index, (cursor.position, size)
            cursor.skip(size + -size % 8)


class FractalHeap:
    """Messages of groups with many links and of objects with many or large attributes."""

    def __init__(self, source: Source, address: int | None, place: str) -> None:
        cursor = source.cursor(address, None, place)
        cursor.expect(b"FRHP")
        cursor.version((0,))
        self.id_length = cursor.number(2)
        if cursor.number(2):
            raise cursor.error("has a compressed heap, which is not supported")
        cursor.skip(1)
        max_managed = cursor.number(4)
        cursor.skip(8)
        self._huge_address = cursor.address()
        cursor.skip(80)
        self._width, self._start, largest = cursor.number(2), cursor.number(8), cursor.number(8)
        self._offset_bytes = (cursor.number(2) + 7) // 8
        cursor.skip(2)
        self._root, self._root_rows = cursor.address(), cursor.number(2)
        sizes = self._start, largest, self._width
        if any(size < 1 or size & size - 1 for size in sizes) or largest < self._start:
            raise cursor.error("has a heap of blocks whose sizes are no powers of 2")
        self._direct_rows = largest.bit_length() - self._start.bit_length() + 2
        self._length_bytes = min((largest.bit_length() + 6) // 8, (max_managed.bit_length() - 1) // 8 + 1)
        self._largest, self._source, self._place = largest, source, place

    def object(self, identifier: Cursor) -> Cursor:
        """A cursor over the object of that identifier."""
        kind = identifier.number(1) >> 4
        if kind == 0:
            return self._managed(identifier.number(self._offset_bytes), identifier.number(self._length_bytes))
        if kind == 1:
            return self._huge(identifier.number(min(self.id_length - 1, 8)))
        raise identifier.error("has a heap identifier of a kind that is not supported")

    def _huge(self, number: int) -> Cursor:
        for record in records(self._source, self._huge_address, HUGE_RECORDS, self._place):
            address, length, key = record.address(), record.number(8), record.number(8)
            if key == number:
                return self._source.cursor(address, length, self._place)
        raise FileError(f"{self._source.name}: {self._place} names an object that its heap does not have")

    def _managed(self, offset: int, length: int) -> Cursor:
        address: Any = self._root
        rows, start = self._root_rows, 0
        size = self._start
        while rows:  # an indirect block; rows get fewer at each level
            address, rows, begin, size = self._child(address, rows, offset - start)
            start += begin
        if offset - start + length > size:
            raise FileError(f"{self._source.name}: {self._place} has an object that leaves its heap's block")
        block = self._source.cursor(address, size, self._place)
        block.expect(b"FHDB")
        return self._source.cursor(address + offset - start, length, self._place)

    def _row_size(self, row: int) -> int:
        return self._start << max(row - 1, 0)

    def _child(self, address: int | None, rows: int, offset: int) -> tuple[int | None, int, int, int]:
        """(address, rows, first offset, size) of the block of the indirect block that holds the offset."""
        begin = 0
        for row in range(min(rows, 64)):
            size = self._row_size(row)
            if offset < begin + self._width * size:
                break
            begin += self._width * size
        else:
            raise FileError(f"{self._source.name}: {self._place} has an object beyond its heap")
        column = (offset - begin) // size
        cursor = self._source.cursor(address, None, self._place)
        cursor.expect(b"FHIB")
        cursor.skip(9 + self._offset_bytes + 8 * (row * self._width + column))
        child_rows = 0
        if row >= self._direct_rows:
            child_rows = size.bit_length() - (self._start * self._width).bit_length() + 1
            if not 0 < child_rows < rows:
                raise cursor.error("has a heap of blocks that do not fit each other")
        return cursor.address(), child_rows, begin + column * size, size
