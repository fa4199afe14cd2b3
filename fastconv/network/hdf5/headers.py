"""The superblock, and the messages of object headers."""

from __future__ import annotations

from typing import Any

from ..errors import FileError
from .cursor import Cursor, Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"

# Message types.
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
FILTERS, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15
SHARED = 0x02  # a flag of messages
PLACES = {DATASPACE: "dataspace", DATATYPE: "datatype", LINK: "link", LAYOUT: "layout", ATTRIBUTE: "attribute"}


def root_address(source: Source) -> int | None:
    """Where the root group's object header lies."""
    cursor = source.cursor(0, None, "the superblock")
    if bytes(source.view[:8]) != SIGNATURE:
        raise FileError(f"{source.name}: not an HDF5 file")
    cursor.skip(8)
    version = cursor.version((0, 1, 2, 3))
    cursor.skip(4 if version < 2 else 0)
    sizes = cursor.number(1), cursor.number(1)
    if sizes != (8, 8):
        raise cursor.error(f"has offsets and lengths of {sizes} bytes; only 8 are supported")
    cursor.skip((9, 13, 1, 1)[version])
    if cursor.address() != 0:
        raise cursor.error("has a base address, which is not supported")
    # Before the root's address: free space, end of file, driver, and offset of the link's name; extension, end of file.
    cursor.skip(32 if version < 2 else 16)
    return cursor.address()


def messages(source: Source, address: int | None, place: str) -> list[tuple[int, int, Cursor]]:
    """(type, flags, body) of every message of the object header at that address."""
    cursor = source.cursor(address, None, place)
    first = source.view[cursor.position : cursor.position + 4]
    found: list[tuple[int, int, Cursor]] = []
    if bytes(first) == b"OHDR":
        _version_2(cursor, found)
    else:
        _version_1(cursor, found)
    return found


def _version_1(cursor: Cursor, found: list[Any]) -> None:
    cursor.version((1,))
    cursor.skip(1)
    count = cursor.number(2)
    cursor.skip(4)
    size = cursor.number(4)
    cursor.skip(4)
    blocks = [cursor.part(size)]
    for block in blocks:
        while block.left >= 8 and len(found) < count:
            kind, size, flags = block.number(2), block.number(2), block.number(1)
            block.skip(3)
            body = block.part(size, _place(block, kind))
            found.append((kind, flags, body))
            if kind == CONTINUATION:
                blocks.append(_continued(body, cursor.place))
    if len(found) < count:
        raise cursor.error(f"has {len(found)} of {count} messages")


def _version_2(cursor: Cursor, found: list[Any]) -> None:
    cursor.expect(b"OHDR")
    cursor.version((2,))
    flags = cursor.number(1)
    cursor.skip(16 * bool(flags & 0x20) + 4 * bool(flags & 0x10))
    size = cursor.number(1 << (flags & 3))
    prefix = 6 if flags & 0x04 else 4
    blocks = [cursor.part(size)]
    for block in blocks:
        while block.left >= prefix:
            kind, size, message_flags = block.number(1), block.number(2), block.number(1)
            block.skip(prefix - 4)
            body = block.part(size, _place(block, kind))
            found.append((kind, message_flags, body))
            if kind == CONTINUATION:
                block_2 = _continued(body, cursor.place)
                block_2.expect(b"OCHK")
                block_2.end -= min(4, block_2.left)  # the checksum
                blocks.append(block_2)


def _place(block: Cursor, kind: int) -> str:
    return f"{block.place}: {PLACES[kind]}" if kind in PLACES else block.place


def _continued(body: Cursor, place: str) -> Cursor:
    address, length = body.address(), body.number(8)
    return body.source.cursor(address, length, place)
