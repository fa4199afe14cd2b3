"""Pictures from files that Pillow or NumPy reads."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

__all__ = ["read_picture"]

_MAGIC, _HEADER_BYTES = b"\x93NUMPY", 10_000


def read_picture(source: Any, max_pixels: int = 100_000_000, formats: Any = None) -> np.ndarray:
    """A picture as an array, upright as its EXIF orientation says.

    Parameters
    ----------
    source : path or binary file object
        Any picture that Pillow reads, or an ``.npy`` file; its beginning tells which.
    max_pixels : int
        Of a picture, or numbers of an array.
    formats : sequence of str, optional
        Pillow's names of the formats that a picture may have. By default all that it knows; it reads some of them,
        such as EPS, by other programs, which is nothing for files of strangers.

    Returns
    -------
    ndarray, (H, W), (H, W, 3) or (H, W, 4)
        uint8, or float32 in 0..1 of a picture with more bits. Of an ``.npy`` file the array as it is.

    Raises
    ------
    ValueError
        If it is neither, is damaged, or passes the limit.
    ImportError
        Without Pillow, which the extra ``serve`` installs, unless it is an ``.npy`` file.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 3), np.uint8))
    >>> _ = file.seek(0)
    >>> read_picture(file).shape
    (2, 3)
    """
    if not hasattr(source, "read"):
        with open(source, "rb") as file:
            return read_picture(file, max_pixels, formats)
    begin = source.read(len(_MAGIC))
    source.seek(-len(begin), os.SEEK_CUR)
    return _read_npy(source, max_pixels) if begin == _MAGIC else _read_by_pillow(source, max_pixels, formats)


def _read_npy(file: Any, most: int) -> np.ndarray:
    start = file.tell()
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file, max_header_size=_HEADER_BYTES)
        if dtype.kind not in "biuf":
            raise ValueError(f"numbers are needed, and it holds {dtype}")
        if np.prod(shape, dtype=object) > most:
            raise ValueError(f"{shape} is more than the limit of {most} numbers")
        file.seek(start)
        return np.lib.format.read_array(file, allow_pickle=False, max_header_size=_HEADER_BYTES)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        raise ValueError(f"no .npy file that can be read: {error}") from None


def _read_by_pillow(file: Any, most: int, formats: Any) -> np.ndarray:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise ImportError("reading pictures needs Pillow: pip install 'fastconv[serve]'") from None
    try:
        with Image.open(file, formats=formats) as image:
            _check_size(image, most)
            image.load()
            _check_size(image, most)  # of formats that hold another file, it is known only then
            return _pixels(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:  # whose words name the file object
        raise ValueError("no picture that Pillow reads") from None
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # of many kinds, among them warnings where these are errors
        raise ValueError(f"no picture that can be read: {error}") from None


def _check_size(image: Any, most: int) -> None:
    if image.width * image.height > most:
        raise ValueError(f"{image.width} x {image.height} is more than the limit of {most} pixels")


def _pixels(image: Any) -> np.ndarray:
    """An image's numbers: grey levels, red, green and blue, or these with opacity."""
    if image.mode.startswith("I") or image.mode == "F":
        numbers = np.asarray(image, np.float32)
        return numbers / 65535 if image.mode.startswith("I") else numbers
    transparent = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if transparent:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
