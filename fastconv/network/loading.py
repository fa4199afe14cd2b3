"""`load`, `from_keras` and `from_onnx`: which reader a file is for, and how large it may be."""

from __future__ import annotations

import io
import os
from typing import Any

from . import fcn
from .errors import FileError
from .limits import Limits
from .net import Net

__all__ = ["from_keras", "from_onnx", "load"]


_HDF5 = b"\x89HDF\r\n\x1a\n"
_IR_VERSION = b"\x08"  # the tag of the first field of an ONNX model, which has no signature


def load(file: Any, *, limits: Limits | None = None, allow_h5py: bool = False) -> Net:
    """A trained network from a file, ready to run on NumPy arrays.

    Parameters
    ----------
    file : path or binary file object
        A whole model saved by Keras, a ``.keras`` file or a legacy ``.h5`` file, an ``.onnx`` file, or an ``.fcn`` file
        of `Net.save`. Its beginning tells which. Of an ``.onnx`` file given by its path, weights may be in files of
        their own in its folder. An ``.fcn`` file given by its path is mapped into memory, so that processes share its
        weights; it must not be written to while a network of it is there, but may be replaced.
    limits : Limits, optional
        Bounds on what the file may ask for.
    allow_h5py : bool, optional
        Read a file of HDF5, or the weights in a ``.keras`` file, by h5py where they are stored in ways that the
        reader of this package does not know, such as chunks and compression. HDF5's own library is large, and not
        made for files of strangers. Links out of the file are refused all the same.

    Returns
    -------
    Net
        One of Keras computes in float32, or in float64 where a layer does, and mixed precision in float32; others
        in the dtypes of the file.

    Raises
    ------
    FileError
        A ValueError: the file is damaged, passes a limit, or is no file of a model.
    UnsupportedError
        A ValueError that lists all layers or nodes that are not served. Lambda and custom layers are among them:
        nothing in a file is imported or evaluated.

    Examples
    --------
    >>> import io
    >>> from fastconv.network import load
    >>> load(io.BytesIO(b"no network"))
    Traceback (most recent call last):
        ...
    fastconv.network.errors.FileError: <BytesIO>: neither a .keras, nor an .h5, nor an .onnx, nor an .fcn file
    """
    limits = limits or Limits()
    if hasattr(file, "read"):
        name = os.path.basename(str(getattr(file, "name", ""))) or f"<{type(file).__name__}>"
        return _load(_read(file, name, limits), name, None, limits, allow_h5py)
    path = os.fspath(file)
    with open(path, "rb") as opened:
        name = os.path.basename(os.fsdecode(path))
        if opened.peek(len(fcn.MAGIC)).startswith(fcn.MAGIC):
            return Net(fcn.map_fcn(opened, name, limits), limits)
        return _load(_read(opened, name, limits), name, path, limits, allow_h5py)


def _read(file: Any, name: str, limits: Limits) -> bytes:
    """All bytes of a file, if they are within the limit."""
    data = file.read(limits.file_bytes + 1)
    if not isinstance(data, bytes):
        raise TypeError(f"`file` must be a path or a binary file object; {name} gives {type(data).__name__}")
    if len(data) > limits.file_bytes:
        raise FileError(f"{name}: more than the limit of {limits.file_bytes} bytes")
    return data


def _load(data: bytes, name: str, path: Any, limits: Limits, allow_h5py: bool) -> Net:
    if data.startswith(_IR_VERSION):
        from pathlib import Path

        from . import onnx

        folder = None if path is None else Path(os.fsdecode(path)).parent
        return Net(onnx.read_onnx(data, name, folder, limits), limits)
    if data.startswith(fcn.MAGIC):
        return Net(fcn.read_fcn(data, name, limits), limits)
    if not data.startswith((b"PK", _HDF5)):
        raise FileError(f"{name}: neither a .keras, nor an .h5, nor an .onnx, nor an .fcn file")
    from .hdf5 import open_by_h5py, open_hdf5

    try:
        return _of_keras(data, name, limits, open_hdf5)
    except FileError:
        if not allow_h5py:
            raise
    return _of_keras(data, name, limits, lambda data, name: open_by_h5py(data, name, limits.tensor_bytes))


def _of_keras(data: bytes, name: str, limits: Limits, open_file: Any) -> Net:
    from . import keras

    if data.startswith(_HDF5):
        source = keras.read_legacy(data, name, open_file)
    else:
        source = keras.read_archive(io.BytesIO(data), name, limits, open_file)
    return Net(keras.model_graph(source, limits), limits)


def from_keras(model: Any, *, limits: Limits | None = None) -> Net:
    """The network of a live Keras 3 model of any backend, with copies of its weights.

    Parameters
    ----------
    model : keras.Model
        Sequential or Functional.
    limits : Limits, optional

    Returns
    -------
    Net

    Raises
    ------
    UnsupportedError
        A ValueError that lists all layers that are not served.
    TypeError
        If it is no Keras model.
    """
    from . import keras

    limits = limits or Limits()
    return Net(keras.model_graph(keras.read_live(model), limits), limits)


def from_onnx(model: Any, *, limits: Limits | None = None) -> Net:
    """The network of an ONNX model in memory, of operator sets 6 to 28.

    Parameters
    ----------
    model : bytes-like, or onnx.ModelProto
        With all weights inside; `load` reads those in files of their own.
    limits : Limits, optional

    Returns
    -------
    Net

    Raises
    ------
    FileError, UnsupportedError
        ValueErrors, as of `load`.
    TypeError
        If it is neither bytes nor a ModelProto.

    Examples
    --------
    >>> from fastconv.network import from_onnx
    >>> from_onnx(b"")
    Traceback (most recent call last):
        ...
    fastconv.network.errors.FileError: model: not an ONNX model
    """
    from . import onnx

    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString()
    try:
        data = memoryview(model)
    except TypeError:
        raise TypeError(f"`model` must be bytes or a ModelProto; received {type(model).__name__}") from None
    limits = limits or Limits()
    return Net(onnx.read_onnx(data, "model", None, limits), limits)
