"""The header of a ``.fcn`` file, and the dtypes of its arrays."""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any, NamedTuple

import numpy as np

from ..errors import FileError

__all__ = ["ALIGNMENT", "DTYPES", "HEADER_BYTES", "MAGIC", "Header", "dtype_named"]

MAGIC = b"\x89FCN\r\n\x1a\n"  # as of PNG: a transfer as text damages it
VERSION = 1
ALIGNMENT = 64
# Magic, byte order, version, bytes of the file, where the table begins, the table's CRC-32, the CRC-32 of all that.
_FIELDS, _CHECKED = "8s1s3xIQQI24xI", 60
HEADER_BYTES = 64
NATIVE = "<" if sys.byteorder == "little" else ">"

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "bfloat16",
)


def dtype_named(name: str) -> np.dtype:
    """The dtype of one of the names in `DTYPES`.

    Raises
    ------
    ValueError
        If it is none of them, or is that of ml_dtypes, which is not installed.

    Examples
    --------
    >>> dtype_named("float32")
    dtype('float32')
    """
    if name not in DTYPES:
        raise ValueError(f"no dtype of {name!r}")
    if name != "bfloat16":
        return np.dtype(name)
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        raise ValueError("bfloat16 needs the package ml_dtypes") from None
    result: np.dtype = np.dtype(bfloat16)
    return result


class Header(NamedTuple):
    """What the first bytes of a file say.

    Parameters
    ----------
    file_bytes, table_begin, table_checksum : int
    order : {'<', '>'}
        Of the header's numbers and the weights: little-endian or big-endian.

    Examples
    --------
    >>> Header.parse(Header(64, 64, 0).packed(), "a.fcn")._replace(order="")
    Header(file_bytes=64, table_begin=64, table_checksum=0, order='')
    """

    file_bytes: int
    table_begin: int
    table_checksum: int
    order: str = NATIVE

    def packed(self) -> bytes:
        """The header's bytes."""
        fields = [MAGIC, self.order.encode(), VERSION, self.file_bytes, self.table_begin, self.table_checksum]
        checked = struct.pack(self.order + _FIELDS, *fields, 0)[:_CHECKED]
        return checked + struct.pack(self.order + "I", zlib.crc32(checked))

    @classmethod
    def parse(cls, data: Any, source: str) -> Header:
        """The header of a file's bytes, held against their number; a `FileError` if it does not fit."""
        head = bytes(data[:HEADER_BYTES])
        if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
            raise FileError(f"{source}: header: not that of an .fcn file")
        order = chr(head[8])
        if order not in "<>":
            raise FileError(f"{source}: header: no byte order of {order!r}")
        *_, version, file_bytes, table_begin, table_checksum, checksum = struct.unpack(order + _FIELDS, head)
        if zlib.crc32(head[:_CHECKED]) != checksum:
            raise FileError(f"{source}: header: the checksum differs")
        if version != VERSION:
            raise FileError(f"{source}: header: version {version}; this fastconv reads version {VERSION}")
        if file_bytes != len(data):
            raise FileError(f"{source}: header: a file of {file_bytes} bytes; there are {len(data)}")
        if not HEADER_BYTES <= table_begin <= file_bytes:
            raise FileError(f"{source}: header: the table lies beyond the file")
        return cls(file_bytes, table_begin, table_checksum, order)
