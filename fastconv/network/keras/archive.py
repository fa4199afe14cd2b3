"""A ``.keras`` file: a zip archive of a configuration and weights."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from ..errors import FileError
from ..hdf5 import open_hdf5
from ..limits import Limits
from .model import Source
from .weights import StoredWeights

__all__ = ["parse_json", "read_archive"]

_JSON_BYTES = 256 << 20


def read_archive(file: Any, name: str, limits: Limits, open_file: Callable[..., Any] = open_hdf5) -> Source:
    """The model in a ``.keras`` file, of which members of three names are read, in memory.

    Parameters
    ----------
    file : binary file
        One that can seek.
    name : str
        What errors call it.
    limits : Limits
    open_file : callable
        What gives the root group of the weights' bytes and name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            config = parse_json(_member(archive, "config.json", name, _JSON_BYTES), f"{name}: config.json")
            metadata = {}
            if "metadata.json" in names:
                metadata = parse_json(_member(archive, "metadata.json", name, _JSON_BYTES), f"{name}: metadata.json")
            stored = _member(archive, "model.weights.h5", name, limits.file_bytes)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise FileError(f"{name}: not a readable zip archive: {error}") from None
    kind, inner = config.get("class_name"), config.get("config")
    if not isinstance(kind, str) or not isinstance(inner, dict):
        raise FileError(f"{name}: config.json describes no model")
    weights = StoredWeights(open_file(stored, f"{name}: model.weights.h5"))
    build = config.get("build_config")
    return Source(
        name,
        kind,
        inner,
        weights,
        major_version(metadata.get("keras_version")),
        build if isinstance(build, dict) else None,
    )


def major_version(text: Any) -> int:
    """The first number of a version, 3 if there is none."""
    first = str(text or "3").partition(".")[0]
    return int(first) if first.isdecimal() and len(first) < 4 else 3


def _member(archive: zipfile.ZipFile, member: str, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise FileError(f"{name}: no {member} in the archive") from None
    if info.file_size > most:
        raise FileError(f"{name}: {member} unpacks to {info.file_size} bytes, more than the limit of {most}")
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise FileError(f"{name}: {member} has {len(data)} bytes where the archive says {info.file_size}")
    return data


def parse_json(data: bytes | str, place: str) -> dict[str, Any]:
    """An object of JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{place}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FileError(f"{place}: not an object")
    return value
