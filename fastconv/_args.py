"""Argument checking shared by the NumPy-level functions: every ValueError and TypeError with its argument's name."""

from __future__ import annotations

import math
import numbers
import operator
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_BFLOAT16 = _core.DTYPES["bfloat16"]
DTYPE_IDS: dict[np.dtype | int, int] = {
    np.dtype(name): number for name, number in _core.DTYPES.items() if number != _BFLOAT16
}
DTYPE_IDS.setdefault(np.dtype("longlong"), DTYPE_IDS[np.dtype("int64")])
DTYPE_IDS.setdefault(np.dtype("ulonglong"), DTYPE_IDS[np.dtype("uint64")])
FLOAT_IDS = frozenset(_core.DTYPES[name] for name in ("float16", "bfloat16", "float32", "float64"))
# A framework, whose dtypes are not NumPy's, gives the number itself.
DTYPE_IDS.update((number, number) for number in FLOAT_IDS)
BYTES = (np.dtype("int8"), np.dtype("uint8"))
# Those whose arrays export buffers.
PLAIN_FLOAT_IDS = {np.dtype(name): _core.DTYPES[name] for name in ("float16", "float32", "float64")}
_SMALL = 1 << 12  # bytes that are copied in less time than their place is found
LAYOUTS = {"channels_last": 0, "channels_first": 1}


def dtype_id(dtype: Any) -> Any:
    """The C core's number of a dtype in native byte order, None where it has none."""
    found = DTYPE_IDS.get(dtype)
    # ml_dtypes is not imported here: its bfloat16 is known by name.
    return _BFLOAT16 if found is None and dtype.name == "bfloat16" else found


def float_array(value: Any, name: str, ndim: int | None = None) -> np.ndarray:
    """value as a C-contiguous native array of float16, bfloat16, float32 or float64; integers join float32."""
    if (
        type(value) is np.ndarray
        and value.dtype in PLAIN_FLOAT_IDS
        and value.flags.c_contiguous
        and ndim in (None, value.ndim)
    ):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "biu":
        array = array.astype(np.result_type(array.dtype, np.float32))
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype_id(array.dtype) not in FLOAT_IDS:
        raise TypeError(f"`{name}` must be float16, bfloat16, float32 or float64; received dtype {array.dtype}")
    return contiguous(array, name, ndim)


def contiguous(array: np.ndarray, name: str, ndim: int | None) -> np.ndarray:
    """array in C order, if it has `ndim` dimensions."""
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"`{name}` must have {ndim} dimensions; received shape {array.shape}")
    return np.ascontiguousarray(array) if array.ndim else array


def as_type(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """array in C order and of that dtype; itself where it is so."""
    if array.dtype is dtype and array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(array, dtype)


def same_dtype(arrays: Mapping[str, Any]) -> None:
    """Raise unless all arrays (by name) share one dtype."""
    (first, reference), *rest = arrays.items()
    for name, array in rest:
        if array.dtype is not reference.dtype and array.dtype != reference.dtype:
            raise TypeError(f"`{name}` must have the dtype of `{first}`, {reference.dtype}; received {array.dtype}")


# The kernel's order of axes, by the axis of its output channels: of a convolution, a transposed one, a dense layer.
KERNEL_ORDERS = {3: "(k_h, k_w, c_in // groups, c_out)", 2: "(k_h, k_w, c_out, c_in)", 1: "(inputs, outputs)"}
_TORCH_ORDERS = {3: "(c_out, c_in // groups, k_h, k_w)", 2: "(c_in, c_out, k_h, k_w)"}


def kernel_order(kernel_shape: Sequence[int], axis: int, c_in: int, groups: int = 1) -> str:
    """The end of a message about a kernel's shape: what it is, how it is read, and whether it fits as in PyTorch."""
    fits = kernel_shape[1] * groups == c_in if axis == 3 else kernel_shape[0] == c_in
    return f"received shape {tuple(kernel_shape)}, read as {KERNEL_ORDERS[axis]}" + (
        f"; one in PyTorch's order {_TORCH_ORDERS[axis]} goes in transposed by (2, 3, 1, 0)" if fits else ""
    )


def bias_shape(bias_shape: Sequence[int], kernel_shape: Sequence[int], axis: int) -> None:
    """Raise unless the bias has a number for each cell of that axis of the kernel, its outputs."""
    if tuple(bias_shape) != (kernel_shape[axis],):
        raise ValueError(
            f"`bias` must have shape {(kernel_shape[axis],)}; received {tuple(bias_shape)} with a kernel "
            f"of shape {tuple(kernel_shape)}, read as {KERNEL_ORDERS[axis]}"
        )


def buffer(array: np.ndarray | None) -> np.ndarray | None:
    """array as something that exports a buffer: NumPy exports none for bfloat16."""
    # A dtype puts its name together each time, which takes longer than many an operation.
    if array is None or array.dtype.kind != "V" or array.dtype.name != "bfloat16":
        return array
    return array.view(np.uint16)


def output(
    out: object, shape: tuple[int, ...], dtype: np.dtype, inputs: Iterable[np.ndarray | None], elementwise: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(array to compute into, array to return): they differ where `out` is strided or overlaps an input.

    Pass the pair to `finish`. `elementwise` allows `out` to be exactly one of the inputs.
    """
    if out is None:
        fresh = aligned(shape, dtype)
        return fresh, fresh
    if not isinstance(out, np.ndarray):
        raise TypeError(f"`out` must be a NumPy array; received {type(out).__name__}")
    array = np.asarray(out)  # a subclass may answer otherwise than its memory is
    if array.shape != shape:
        raise ValueError(f"`out` must have shape {shape}; received {array.shape}")
    if array.dtype != dtype:
        raise TypeError(f"`out` must have dtype {dtype}; received {array.dtype}")
    if not array.flags.writeable:
        raise ValueError("`out` must be writeable; received a read-only array")
    direct = (
        array.flags.c_contiguous
        and array.dtype.isnative
        and not any(
            np.may_share_memory(array, x) and not (elementwise and _same_memory(array, x))
            for x in inputs
            if x is not None
        )
    )
    return (array if direct else np.empty(shape, dtype)), out


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array; a large one starts on a cache line, and on pages that an earlier result has left."""
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size > sys.maxsize:
        raise ValueError(f"fastconv: a result of shape {shape} overflows the address space")
    if size < _core.LARGE_RESULT:
        return np.empty(shape, dtype)
    memory: Any = _core.Memory(size)
    return np.ndarray(shape, dtype, memory)


def small_float(x: object) -> int | None:
    """The C core's number of the dtype of an array that is copied faster than it is looked at, None for all else."""
    return PLAIN_FLOAT_IDS.get(x.dtype) if type(x) is np.ndarray and x.nbytes < _SMALL else None


def plain_output(out: object, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """A new array, or `out` where it is an array of that shape and dtype; None leaves the rest to `output`."""
    if out is None:
        return aligned(shape, dtype)
    return out if type(out) is np.ndarray and out.dtype is dtype and out.shape == shape else None


def finish(computed: np.ndarray, returned: np.ndarray) -> np.ndarray:
    """Copy to `out` what could not be computed in place."""
    if computed is not returned:
        np.asarray(returned)[...] = computed
    return returned


def _same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    return a.ctypes.data == b.ctypes.data and a.shape == b.shape and a.strides == b.strides


def integer(value: Any, name: str, minimum: int) -> int:
    """value as an int >= minimum."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer; received {value!r}") from None
    if not minimum <= number < 2**63:
        raise ValueError(f"`{name}` must be at least {minimum} and fit 64 bits; received {number}")
    return number


def axes(value: Any, ndim: int) -> tuple[int, ...]:
    """An axis or several of an array, counted from the front, in rising order."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    numbers = [integer(axis, "axis", -(2**63)) for axis in given]
    if not all(-ndim <= axis < ndim for axis in numbers):
        raise ValueError(f"`axis` must be in [{-ndim}, {ndim}); received {value!r}")
    found = tuple(sorted({axis % ndim for axis in numbers}))
    if not found or len(found) < len(numbers):
        raise ValueError(f"`axis` must name one or more axes, each once; received {value!r}")
    return found


def side_by_side(axes: tuple[int, ...], shape: Sequence[int]) -> tuple[list[int] | None, int, int]:
    """(order, begin, end): what to transpose by for `axes` to be those from begin to end, None for nothing.

    Nothing has to move where only axes of one cell lie between them, and else only what lies between them.
    """
    first, last = axes[0], axes[-1]
    between = [axis for axis in range(first, last) if axis not in axes]
    if all(shape[axis] == 1 for axis in between):
        return None, first, last + 1
    return [*range(first), *between, *axes, *range(last + 1, len(shape))], first + len(between), last + 1


def real(value: object, name: str, minimum: float = -math.inf) -> float:
    """value as a finite float >= minimum."""
    if type(value) is float and minimum <= value and -math.inf < value < math.inf:
        return value
    given = value.item() if isinstance(value, (np.generic, np.ndarray)) and value.size == 1 else value
    if not isinstance(given, numbers.Real):
        raise TypeError(f"`{name}` must be a real number; received {value!r}")
    number: Any = given
    try:
        fits = math.isfinite(number) and number >= minimum
    except OverflowError:  # an int beyond every float
        fits = False
    if not fits:
        least = "" if minimum == -math.inf else f" and at least {minimum:g}"
        raise ValueError(f"`{name}` must be finite{least}; received {value!r}")
    return float(number)


def pair(value: Any, name: str, minimum: int = 1) -> tuple[int, int]:
    """An int or two ints, as two ints >= minimum."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"`{name}` must be an integer or two integers; received {value!r}")
    try:
        values = (value, value) if isinstance(value, int) else tuple(value)
    except TypeError:
        values = value, value
    if len(values) != 2:
        raise ValueError(f"`{name}` must be an integer or two integers; received {value!r}")
    return integer(values[0], name, minimum), integer(values[1], name, minimum)


def choice(value: object, name: str, allowed: Iterable[str]) -> str:
    """value, one of the words allowed."""
    if not isinstance(value, str) or value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"`{name}` must be one of {words}; received {value!r}")
    return value


def sizes(shape: Sequence[int], data_format: str) -> tuple[int, int, int, int]:
    """A four-dimensional shape as (n, h, w, c)."""
    n, a, b, c = shape
    return (n, a, b, c) if data_format == "channels_last" else (n, b, c, a)


def shape_of(n: int, h: int, w: int, c: int, data_format: str) -> tuple[int, int, int, int]:
    """The inverse of `sizes`."""
    return (n, h, w, c) if data_format == "channels_last" else (n, c, h, w)


def four_sizes(value: Any, name: str) -> tuple[int, int, int, int]:
    """A shape given as an argument: four integers >= 0."""
    try:
        values = tuple(value)
    except TypeError:
        raise TypeError(f"`{name}` must be four integers; received {value!r}") from None
    if len(values) != 4:
        raise ValueError(f"`{name}` must be four integers; received {value!r}")
    n, h, w, c = (integer(v, name, 0) for v in values)
    return n, h, w, c


Padding = tuple[tuple[int, int], tuple[int, int]]


def padding_pairs(
    padding: Any,
    size: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Padding:
    """'valid', 'same', an int, two ints or ((top, bottom), (left, right)), as the latter."""
    if isinstance(padding, str):
        mode = ("valid", "same").index(choice(padding.lower(), "padding", ("valid", "same")))
        return (
            _core.resolve_padding(mode, size[0], window[0], strides[0], dilation[0]),
            _core.resolve_padding(mode, size[1], window[1], strides[1], dilation[1]),
        )
    message = (
        "`padding` must be 'valid', 'same', an integer, (rows, columns) or ((top, bottom), (left, right)); "
        f"received {padding!r}"
    )
    try:
        rows, columns = (padding, padding) if np.ndim(padding) == 0 else padding
        rows, columns = ((axis, axis) if np.ndim(axis) == 0 else tuple(axis) for axis in (rows, columns))
    except (TypeError, ValueError):
        raise ValueError(message) from None
    if len(rows) != 2 or len(columns) != 2:
        raise ValueError(message)
    (top, bottom), (left, right) = ([integer(v, "padding", 0) for v in axis] for axis in (rows, columns))
    return (top, bottom), (left, right)
