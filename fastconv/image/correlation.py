"""The correlation that every filter is: how images of each dtype are filtered, and what the core is told."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from .. import _args, _core
from .borders import border_number
from .convolve import ALGORITHMS, run
from .factors import Factors

_TAP_SHAPES = {2: "(kh, kw)", 3: "(k, kh, kw)"}


class _Kind(NamedTuple):
    """How images of one dtype are filtered."""

    number: int  # the C core's number of the dtype it reads
    source: np.dtype  # that dtype: the image's own, or float32 for the two of 16 bits
    work: np.dtype  # of the taps and sums
    work_number: int


def _kind(source: str, work: str) -> _Kind:
    return _Kind(_args.dtype_id(np.dtype(source)), np.dtype(source), np.dtype(work), _args.dtype_id(np.dtype(work)))


KINDS = {
    np.dtype(name): _kind(name, work)
    for name, work in [
        ("uint8", "float32"),
        ("int8", "float32"),
        ("uint16", "float32"),
        ("int16", "float32"),
        ("float32", "float32"),
        ("int32", "float64"),
        ("float64", "float64"),
    ]
}
_HALF = _kind("float32", "float32")
KINDS[np.dtype("float16")] = _HALF


def kind_of(dtype: np.dtype) -> _Kind | None:
    """How images of this native dtype are filtered, None where they are not."""
    found = KINDS.get(dtype)
    # ml_dtypes is not imported here: its bfloat16 is known by name.
    return _HALF if found is None and dtype.name == "bfloat16" else found


def image_array(image: Any, name: str = "image", shapes: str = "(h, w) or (h, w, channels)") -> np.ndarray:
    """image as an array of two or three axes, in native byte order and a dtype that can be filtered."""
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"`{name}` must be an array of shape {shapes}: {error}") from None
    if array.ndim not in (2, 3):
        raise ValueError(f"`{name}` must have shape {shapes}; received {array.shape}")
    if array.dtype not in KINDS:
        array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        if kind_of(array.dtype) is None:
            raise TypeError(
                f"`{name}` must be uint8, int8, uint16, int16, int32, float16, bfloat16, float32 or "
                f"float64; received dtype {array.dtype}"
            )
    return array


def correlate(
    image: np.ndarray,
    kernel: Any,
    border: Any,
    value: Any,
    out: Any,
    anchor: Any = None,
    result: np.dtype | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """An `image_array` with a kernel, in the dtype `result`: the image's, or a wider one for integers."""
    kind, dtype = kind_of(image.dtype), result or image.dtype
    assert kind is not None
    boundary, fill = outside(border, value, kind)
    chosen = ALGORITHMS[_args.choice(algorithm, "algorithm", ALGORITHMS)]
    taps = taps_of(kernel, "kernel", 2, kind.work)
    anchor = anchor_of(anchor, taps.shape)
    image = np.ascontiguousarray(image, kind.source)
    computed, returned = _args.output(out, image.shape, dtype, (image, *arrays_of(taps)))
    if kind is _HALF:
        dtype = kind.work
        computed = np.empty(image.shape, dtype)
    if computed.size:
        shape: tuple[int, ...] = image.shape if image.ndim == 3 else (*image.shape, 1)
        numbers = kind.number, _args.dtype_id(dtype), kind.work_number
        if type(taps) is Factors:
            _core.sep_filter2d(image, taps.column, taps.row, fill, computed, *numbers, shape, anchor, boundary)
        else:
            call = image, taps, fill, computed, *numbers, shape, taps.shape, anchor, boundary, chosen
            run(algorithm, taps, _core.filter2d, *call)
    if computed is not returned:
        with np.errstate(over="ignore"):
            returned[...] = computed
    return returned


def outside(border: Any, value: Any, kind: _Kind, image: np.dtype | None = None) -> tuple[int, np.ndarray | None]:
    """The C core's number of a border, and its fill value, which must be a number of the image's dtype."""
    boundary = border_number(border)
    return boundary, None if boundary or (type(value) is int and value == 0) else _fill(value, kind, image)


def taps_of(kernel: Any, name: str, ndim: int, work: np.dtype) -> Any:
    """One kernel or a stack of them as a C-contiguous array of the dtype work; factors as they are."""
    if type(kernel) is Factors:
        return kernel
    try:
        array = np.asarray(kernel)
    except ValueError as error:
        raise ValueError(f"`{name}` must be numbers of shape {_TAP_SHAPES[ndim]}: {error}") from None
    if array.ndim != ndim or 0 in array.shape[-2:]:
        raise ValueError(f"`{name}` must have shape {_TAP_SHAPES[ndim]}, kh and kw at least 1; received {array.shape}")
    if array.dtype is not work and array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise TypeError(f"`{name}` must hold real numbers; received dtype {array.dtype}")
    return np.ascontiguousarray(array, work)


def arrays_of(taps: np.ndarray | Factors) -> tuple[np.ndarray, ...]:
    return (taps.column, taps.row) if isinstance(taps, Factors) else (taps,)


def anchor_of(anchor: Any, shape: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the kernel's cell over the output; None and OpenCV's -1 are the middle."""
    if anchor is None:
        return shape[0] // 2, shape[1] // 2
    given = _args.pair(anchor, "anchor", -1)
    row, column = (size // 2 if cell < 0 else cell for cell, size in zip(given, shape, strict=True))
    if row >= shape[0] or column >= shape[1]:
        raise ValueError(f"`anchor` must lie within the kernel, of shape {shape}; received {anchor!r}")
    return row, column


def _fill(value: Any, kind: _Kind, image: np.dtype | None) -> np.ndarray:
    """value as one element of the dtype that sums are formed in."""
    given = value.item() if isinstance(value, (np.generic, np.ndarray)) and value.size == 1 else value
    if not isinstance(given, numbers.Real):
        raise TypeError(f"`value` must be a real number; received {value!r}")
    number: Any = given
    dtype = image if image is not None and image.kind in "iub" else kind.source
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        held = float(limits.min) <= number <= float(limits.max) or not math.isfinite(number)
    else:
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        held = least <= number <= most and number == int(number)
    if not held:
        raise ValueError(f"`value` must fit dtype {dtype}; received {value!r}")
    return np.array(number, kind.work)
