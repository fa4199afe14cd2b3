"""Datatypes, dataspaces, and the NumPy values of the bytes they describe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileError
from .cursor import Cursor
from .heaps import GlobalHeaps

# (size, exponent's place and size, mantissa's place and size, bias); NumPy knows bfloat16 as two bytes only.
FLOATS: dict[tuple[int, ...], str] = {
    (2, 10, 5, 0, 10, 15): "f2",
    (2, 7, 8, 0, 7, 127): "V2",
    (4, 23, 8, 0, 23, 127): "f4",
    (8, 52, 11, 0, 52, 1023): "f8",
}
CLASSES = {2: "time", 4: "bit field", 6: "compound", 7: "reference", 10: "array"}
MAX_RANK = 32


@dataclass(frozen=True)
class Datatype:
    """`kind` is 'number', 'bool', 'string' (of fixed size) or 'text' (of any length); `dtype` is the stored form's."""

    kind: str
    dtype: np.dtype
    padding: bytes = b"\0"


TEXT = Datatype("text", np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")]))


def read_datatype(cursor: Cursor) -> Datatype:
    """The datatype that a message describes."""
    first, bits = cursor.number(1), cursor.number(3)
    size = cursor.number(4)
    kind = first & 0x0F
    if first >> 4 not in (1, 2, 3, 4, 5):
        raise cursor.error(f"has a datatype of version {first >> 4}, which is not known")
    if kind not in READERS:
        raise cursor.error(f"has a {CLASSES.get(kind, 'unknown')} datatype, which is not supported")
    if not 0 < size < 2**31:
        raise cursor.error(f"has a datatype of {size} bytes")
    return READERS[kind](cursor, bits, size, first >> 4)


def _unsupported(cursor: Cursor, what: str) -> FileError:
    return cursor.error(f"has {what}, which is not supported")


def _integer(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    offset, precision = cursor.number(2), cursor.number(2)
    if size not in (1, 2, 4, 8) or offset or precision != 8 * size:
        raise _unsupported(cursor, f"an integer of {precision} bits in {size} bytes")
    return Datatype("number", np.dtype(f"{'<>'[bits & 1]}{'ui'[bits >> 3 & 1]}{size}"))


def _float(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    cursor.skip(4)
    form = size, *(cursor.number(1) for _ in range(4)), cursor.number(4)
    if form not in FLOATS or bits & 0x40:
        raise _unsupported(cursor, f"a float of {size} bytes of an unusual form")
    return Datatype("number", np.dtype("<>"[bits & 1] + FLOATS[form]))


def _string(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    return Datatype("string", np.dtype(f"S{size}"), b" " if bits & 0x0F == 2 else b"\0")


def _opaque(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    return Datatype("number", np.dtype(f"V{size}"))


def _enumeration(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    base = read_datatype(cursor)
    if base.dtype.kind not in "iu" or base.dtype.itemsize != size:
        raise _unsupported(cursor, "an enumeration of no integers")
    names = [_member(cursor, version) for _ in range(bits & 0xFFFF)]
    is_bool = size == 1 and names == ["FALSE", "TRUE"] and bytes(cursor.take(2)) == b"\0\1"
    return Datatype("bool" if is_bool else "number", base.dtype)


def _member(cursor: Cursor, version: int) -> str:
    """A name that ends in NUL; before version 3 padded to a multiple of 8."""
    start, name = cursor.position, bytearray()
    while byte := cursor.number(1):
        name.append(byte)
    if version < 3:
        cursor.skip(-(cursor.position - start) % 8)
    return cursor.decode(bytes(name))


def _variable(cursor: Cursor, bits: int, size: int, version: int) -> Datatype:
    if bits & 0x0F != 1 or size != TEXT.dtype.itemsize:
        raise _unsupported(cursor, "a datatype of variable length that is no string")
    return TEXT


READERS = {0: _integer, 1: _float, 3: _string, 5: _opaque, 8: _enumeration, 9: _variable}


def read_shape(cursor: Cursor) -> tuple[int, ...] | None:
    """The shape that a dataspace message describes; None where there is no value at all."""
    version, rank = cursor.version((1, 2)), cursor.number(1)
    if rank > MAX_RANK:
        raise cursor.error(f"has {rank} axes; at most {MAX_RANK} are supported")
    if version == 1:
        cursor.skip(6)
    elif cursor.number(2) >> 8 == 2:  # flags, type
        return None
    shape = tuple(cursor.number(8) for _ in range(rank))
    if math.prod(size for size in shape if size) >= 2**62:
        raise cursor.error(f"has the shape {shape}, which no file holds")
    return shape


def read_values(cursor: Cursor, datatype: Datatype, shape: tuple[int, ...] | None, heaps: GlobalHeaps) -> Any:
    """The values that begin at the cursor: an array that views the file where it can, str, or a list of them.

    Numbers without axes come as NumPy scalars, a null dataspace as None.
    """
    if shape is None:
        return None
    count = math.prod(shape)
    if count * datatype.dtype.itemsize > cursor.left:
        raise cursor.error(f"has {cursor.left} bytes for shape {shape} of {datatype.dtype.itemsize} bytes each")
    # NumPy refuses a count of 0 at the end of a buffer.
    raw = (
        np.frombuffer(cursor.source.view, datatype.dtype, count, cursor.position)
        if count
        else np.empty(0, datatype.dtype)
    ).reshape(shape)
    if datatype.kind in ("string", "text"):
        return _strings(cursor, datatype, raw, heaps)
    if datatype.kind == "bool":
        raw = raw != 0
    return raw if shape else raw[()]


def _strings(cursor: Cursor, datatype: Datatype, raw: np.ndarray, heaps: GlobalHeaps) -> Any:
    """str, or nested lists of str."""
    if datatype.kind == "text":
        total = int(raw["length"].sum(dtype=np.uint64))
        cursor.source.spend(total)  # before the strings take memory
        data = [heaps.read(int(n), int(at), int(i), cursor.place) for n, at, i in raw.ravel().tolist()]
    else:
        cursor.source.spend(raw.nbytes + raw.size)
        data = [_cut(item, datatype.padding) for item in raw.ravel().tolist()]
    texts = np.empty(raw.size, object)
    texts[:] = [cursor.decode(item) for item in data]
    return texts.reshape(raw.shape).tolist()


def _cut(item: bytes, padding: bytes) -> bytes:
    return item.rstrip(b" ") if padding == b" " else item.split(b"\0", 1)[0]
