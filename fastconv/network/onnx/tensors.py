"""Tensors of ONNX files as arrays, from the file itself or from one beside it."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import FileError, UnsupportedError
from ..limits import Limits
from ..protobuf import Message

__all__ = ["DTYPES", "MAX_AXES", "Files", "array_of", "dtype_of"]

MAX_AXES = 32
# TensorProto.DataType -> dtype as stored; and the field that has the numbers where `raw_data` does not.
DTYPES = {
    number: np.dtype(name)
    for number, name in {
        1: "<f4",
        2: "<u1",
        3: "<i1",
        4: "<u2",
        5: "<i2",
        6: "<i4",
        7: "<i8",
        9: "?",
        10: "<f2",
        11: "<f8",
        12: "<u4",
        13: "<u8",
    }.items()
}
_NAMES = {
    8: "string",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8",
    18: "float8",
    19: "float8",
    20: "float8",
    21: "uint4",
    22: "int4",
    23: "float4",
    24: "float8",
    25: "uint2",
    26: "int2",
}
_BFLOAT16, _BITS = 16, 4  # the upper half of a float32's bits, read as uint16
_TYPED = {"<f4": "float_data", "<f8": "double_data", "<i8": "int64_data", "<u4": "uint64_data", "<u8": "uint64_data"}


@dataclass
class Files:
    """Where external data may lie: `folder` is None for a model without a file. Maps each file once."""

    source: str
    folder: Path | None
    limits: Limits
    _maps: dict[Path, memoryview] = field(default_factory=dict)

    def read(self, location: str, offset: int, length: int | None, place: str) -> memoryview:
        """Bytes of a file whose real path lies in the folder."""
        data = self._map(location, place)
        end = len(data) if length is None else offset + length
        if not 0 <= offset <= end <= len(data):
            raise FileError(f"{self.source}: {place} lies beyond its file {location!r}")
        return data[offset:end]

    def _map(self, location: str, place: str) -> memoryview:
        if self.folder is None:
            raise FileError(f"{self.source}: {place} lies in a file of its own; load the model by its path")
        folder = self.folder.resolve()
        try:
            path = (folder / location).resolve(strict=True)
            if not path.is_relative_to(folder) or not path.is_file():
                raise FileError(f"{self.source}: {place} names {location!r}, no file in the model's folder")
            if path not in self._maps:
                with path.open("rb") as file:
                    self._maps[path] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{self.source}: {place}: {location!r} cannot be read: {error}") from None
        return self._maps[path]


def dtype_of(number: int, source: str, place: str) -> np.dtype:
    """The dtype of an element type."""
    if number not in DTYPES:
        raise UnsupportedError(source, [(place, f"element type {_NAMES.get(number, number)}")])
    return DTYPES[number].newbyteorder("=")


def array_of(tensor: Message, files: Files, place: str) -> np.ndarray:
    """The array of a TensorProto, a view of the file where it can be; of bfloat16 the same numbers in float32.

    Raises
    ------
    FileError, UnsupportedError
        If the tensor is malformed or passes a limit, or is of a dtype that is not supported.
    """
    source = files.source
    is_bfloat16 = tensor.data_type == _BFLOAT16
    dtype = dtype_of(_BITS if is_bfloat16 else tensor.data_type, source, place)
    shape = tuple(int(size) for size in tensor.dims)
    if len(shape) > MAX_AXES or any(size < 0 for size in shape):
        raise FileError(f"{source}: {place} has the shape {shape}")
    if math.prod(size or 1 for size in shape) * dtype.itemsize * (
        1 + is_bfloat16
    ) > files.limits.tensor_bytes or tensor.has("segment"):
        raise FileError(f"{source}: {place} of shape {shape} is larger than the limit, or segmented")
    count = math.prod(shape)
    if tensor.data_location:
        numbers = _of_bytes(_external(tensor, files, place), dtype)
    elif tensor.has("raw_data"):
        numbers = _of_bytes(tensor.raw_data, dtype)
    else:
        numbers = _typed(tensor, dtype)
    if numbers is None or numbers.size != count:
        raise FileError(f"{source}: {place} does not have the {count} numbers of its shape {shape}")
    if is_bfloat16:
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.reshape(shape)


def _of_bytes(data: memoryview, dtype: np.dtype) -> np.ndarray | None:
    if len(data) % dtype.itemsize:
        return None
    if dtype.kind == "b":
        result: np.ndarray | None = np.frombuffer(data, np.uint8) != 0
        return result
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)


def _external(tensor: Message, files: Files, place: str) -> memoryview:
    words = {entry.key: entry.value for entry in tensor.external_data}
    numbers = [words.get("offset", "0"), words.get("length", "")]
    if any(not (number.isascii() and number.isdigit() and len(number) < 19) for number in filter(None, numbers)):
        raise FileError(f"{files.source}: {place} has an offset or a length that is no number")
    offset, length = (int(number) if number else None for number in numbers)
    return files.read(words.get("location", ""), offset or 0, length, place)


def _typed(tensor: Message, dtype: np.dtype) -> np.ndarray:
    name = _TYPED.get(dtype.newbyteorder("<").str, "int32_data")
    if not tensor.has(name):
        return np.empty(0, dtype)
    stored = getattr(tensor, name)
    if dtype == np.float16:  # its bits
        result: np.ndarray = stored.astype(np.uint16).view(np.float16)
        return result
    result = stored.astype(dtype)
    return result
