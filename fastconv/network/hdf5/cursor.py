"""Bounded reading: a file's bytes, the work spent on them, and cursors that never leave their region."""

from __future__ import annotations

from typing import Any

from ..errors import FileError

UNDEFINED = 2**64 - 1


class Source:
    """A file's bytes. `spend` bounds the work on its structure, since in a hostile one they may point at each other."""

    __slots__ = ("left", "name", "view")

    def __init__(self, data: Any, name: str) -> None:
        self.view = memoryview(data).cast("B").toreadonly()
        self.name = name
        self.left = 8 * len(self.view) + 65536

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise FileError(f"{self.name}: its structures overlap")

    def cursor(self, position: int | None, length: int | None, place: str) -> Cursor:
        """A cursor over `length` bytes from `position` on, or over all that follow."""
        if position is None or position > len(self.view) or (length or 0) > len(self.view) - position:
            raise FileError(f"{self.name}: {place} reaches beyond the file")
        return Cursor(self, position, len(self.view) if length is None else position + length, place)


class Cursor:
    """Reads one field after another of a region of the file; `place` is what errors call the region."""

    __slots__ = ("end", "place", "position", "source")

    def __init__(self, source: Source, position: int, end: int, place: str) -> None:
        self.source, self.position, self.end, self.place = source, position, end, place

    def error(self, text: str) -> FileError:
        return FileError(f"{self.source.name}: {self.place} {text}")

    @property
    def left(self) -> int:
        return self.end - self.position

    def take(self, count: int) -> memoryview:
        if count > self.left:
            raise self.error(f"is cut short at byte {self.position}")
        self.source.spend(count + 4)
        start, self.position = self.position, self.position + count
        return self.source.view[start : self.position]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def address(self) -> int | None:
        """An offset into the file, None for the undefined one."""
        value = self.number(8)
        return None if value == UNDEFINED else value

    def skip(self, count: int) -> None:
        if count > self.left:
            raise self.error(f"is cut short at byte {self.position}")
        self.position += count

    def copy(self) -> Cursor:
        return Cursor(self.source, self.position, self.end, self.place)

    def part(self, count: int, place: str | None = None) -> Cursor:
        """A cursor over the next `count` bytes, which are skipped here."""
        start = self.position
        self.skip(count)
        return Cursor(self.source, start, self.position, place or self.place)

    def expect(self, signature: bytes) -> None:
        if bytes(self.take(len(signature))) != signature:
            raise self.error(f"does not begin with {signature.decode()}")

    def version(self, known: tuple[int, ...]) -> int:
        value = self.number(1)
        if value not in known:
            raise self.error(f"has version {value}, which is not known")
        return value

    def text(self, count: int) -> str:
        """`count` bytes of UTF-8, up to the first NUL."""
        return self.decode(bytes(self.take(count)).split(b"\0", 1)[0])

    def decode(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.error("holds text that is not UTF-8") from None
