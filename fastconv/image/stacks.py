"""One kernel, or one for each, over stacks of images: any axes, every dtype of numbers, results in another dtype."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

from .. import _args, _core
from .axes import SHAPES, from_stack, image_axes, to_stack
from .convolve import ALGORITHMS, run
from .correlation import anchor_of, arrays_of, correlate, kind_of, outside, taps_of
from .factors import Factors

_WIDE = tuple(np.dtype(name) for name in ("uint32", "int64", "uint64"))  # summed in float64
_COMPLEX = {np.dtype("complex64"): np.dtype("float32"), np.dtype("complex128"): np.dtype("float64")}
_BOOL = np.dtype(bool)
_DTYPES = (
    "bool, an integer of 8 to 64 bits, float16, bfloat16, float32, float64, complex64 or complex128; received dtype"
)


class Options(NamedTuple):
    """What filters take beside an image and a kernel."""

    border: object = "reflect101"
    value: object = 0
    out: np.ndarray | None = None
    algorithm: str = "auto"
    anchor: object = None
    axes: object = None
    channel_axis: object = None
    dtype: object = None
    delta: object = 0


def any_image(image: Any) -> np.ndarray:
    """image as an array of numbers in native byte order, of two axes or more."""
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"`image` must be an array of shape {SHAPES}: {error}") from None
    if array.ndim < 2:
        raise ValueError(f"`image` must have shape {SHAPES}; received {array.shape}")
    array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if not is_number(array.dtype):
        raise TypeError(f"`image` must be {_DTYPES} {array.dtype}")
    return array


def is_number(dtype: np.dtype) -> bool:
    return kind_of(dtype) is not None or dtype == _BOOL or dtype in _WIDE or dtype in _COMPLEX


def float_of(dtype: np.dtype) -> np.dtype:
    """The dtype that sums of such cells are formed in."""
    if dtype in _WIDE:
        return np.dtype(np.float64)
    if dtype in _COMPLEX:
        return dtype
    kind = kind_of(np.dtype(np.uint8) if dtype == _BOOL else dtype)
    assert kind is not None
    return kind.work


def derivative_dtype(dtype: np.dtype) -> np.dtype:
    """Of a derivative of such an image by small integers, whose sums of bytes do not leave int16."""
    if dtype.kind not in "iub":
        return dtype
    return np.dtype(np.int16) if dtype.itemsize == 1 else float_of(dtype)


def filter_image(image: Any, kernel: Any, options: Options, result: np.dtype | None = None) -> np.ndarray:
    """Correlate images with a kernel, in `options.dtype`, else `result`, else the image's dtype."""
    border, value, out, algorithm, anchor, axes, channel_axis, dtype, delta = options
    # What asks for nothing beyond an image's own axes and dtype goes straight to the core.
    if axes is channel_axis is dtype is None and type(delta) is int and not delta and type(image) is np.ndarray:
        kind = kind_of(image.dtype) if image.ndim in (2, 3) and getattr(kernel, "ndim", 2) == 2 else None
        if kind is not None and (result is None or result is image.dtype or _stored(image.dtype, result)):
            return correlate(image, kernel, border, value, out, anchor, result, algorithm)
    array = any_image(image)
    rows, columns = image_axes(array.shape, options.axes, options.channel_axis)
    wanted = result_dtype(options.dtype, result or array.dtype, array.dtype)
    taps = _kernel(kernel, array.ndim, rows, columns)
    if taps.ndim > 2:
        return _each(array, taps, (rows, columns), options, wanted)
    if wanted not in _COMPLEX and taps.dtype.kind == "c":
        raise TypeError(f"`kernel` must hold real numbers for a result of dtype {wanted}; received dtype {taps.dtype}")
    computed, returned = _args.output(options.out, array.shape, wanted, (array, *arrays_of(taps)))
    delta = _delta(options.delta, wanted)
    if wanted in _COMPLEX:
        store(_complex_sums(array, taps, (rows, columns), options, wanted), delta, computed)
    else:
        sums = _sums(array, taps, (rows, columns), options, wanted, computed)
        if sums is not computed:
            store(sums, delta, computed)
    return _args.finish(computed, returned)


def result_dtype(given: Any, default: np.dtype, image: np.dtype) -> np.dtype:
    try:
        wanted = np.dtype(default if given is None else given).newbyteorder("=")
    except TypeError:
        raise TypeError(f"`dtype` must be a dtype; received {given!r}") from None
    if not is_number(wanted):
        raise TypeError(f"`dtype` must be {_DTYPES} {wanted}")
    if image in _COMPLEX and wanted not in _COMPLEX:
        raise TypeError(f"`dtype` must be complex for images of dtype {image}; received {wanted}")
    return wanted


def _kernel(kernel: Any, ndim: int, rows: int, columns: int) -> Any:
    """The taps as (kh, kw); with all axes of the image where they differ along others."""
    if type(kernel) is Factors:
        return kernel
    try:
        taps = np.asarray(kernel)
    except ValueError as error:
        raise ValueError(f"`kernel` must be numbers of shape (kh, kw): {error}") from None
    if taps.dtype.kind == "c":
        taps = taps.astype(np.complex128)
    if taps.ndim == 2 or taps.ndim != ndim:
        return taps if taps.dtype.kind == "c" and taps.ndim == 2 else taps_of(taps, "kernel", 2, taps.dtype)
    moved = np.moveaxis(taps, (rows, columns), (-2, -1))
    return moved.reshape(moved.shape[-2:]) if moved.size == moved.shape[-2] * moved.shape[-1] else taps


def _each(array: np.ndarray, taps: Any, axes: tuple[int, int], options: Options, wanted: Any) -> np.ndarray:
    """Images and kernels whose other axes are broadcast."""
    images, kernels = np.moveaxis(array, axes, (-2, -1)), np.moveaxis(taps, axes, (-2, -1))
    try:
        stack = np.broadcast_shapes(images.shape[:-2], kernels.shape[:-2])
    except ValueError:
        raise ValueError(
            f"`kernel` must have shape (kh, kw), or one whose axes other than `axes` are broadcast with the image's; "
            f"received {taps.shape} with an image of shape {array.shape}"
        ) from None
    images = np.broadcast_to(images, stack + images.shape[-2:])
    kernels = np.broadcast_to(kernels, stack + kernels.shape[-2:])
    results = np.empty(images.shape, wanted)
    for place in np.ndindex(stack):
        plane = options._replace(out=results[place], axes=None, channel_axis=None, dtype=wanted)
        filter_image(images[place], kernels[place], plane)
    results = np.moveaxis(results, (-2, -1), axes)
    computed, returned = _args.output(options.out, results.shape, wanted, ())
    computed[...] = results
    return _args.finish(computed, returned)


def _complex_sums(array: np.ndarray, taps: Any, axes: tuple[int, int], options: Options, wanted: Any) -> np.ndarray:
    """Real and imaginary parts apart: the taps are not conjugated."""
    part = _COMPLEX[wanted]
    value = options.value.item() if isinstance(options.value, (np.generic, np.ndarray)) else options.value
    # The value outside has parts too. What is no number is for `outside` to refuse.
    values = (value.real, value.imag) if isinstance(value, numbers.Complex) else (value, 0)
    images = (np.real(array), np.imag(array)) if array.dtype.kind == "c" or values[1] else (array,)
    kernels = (taps.real, taps.imag) if taps.dtype.kind == "c" else (taps,)
    total = np.zeros(array.shape, wanted)
    for i, image in enumerate(images):
        for j, kernel in enumerate(kernels):
            sums = _sums(image, kernel, axes, options._replace(value=values[i]), part)
            into = total.imag if i + j == 1 else total.real
            (np.subtract if i + j == 2 else np.add)(into, sums, out=into)
    return total


def _sums(
    array: np.ndarray, taps: Any, axes: tuple[int, int], options: Options, wanted: Any, into: np.ndarray | None = None
) -> np.ndarray:
    """The correlation in `wanted` where the core stores it and nothing is added to it, else in the dtype of sums.

    Returns `into`, which is contiguous, where the core could store all there.
    """
    source = _source(array, wanted)
    kind = kind_of(source.dtype)
    assert kind is not None
    boundary, fill = outside(options.border, options.value, kind, array.dtype)
    chosen = ALGORITHMS[_args.choice(options.algorithm, "algorithm", ALGORITHMS)]
    taps = taps_of(taps, "kernel", 2, kind.work)
    anchor = anchor_of(options.anchor, taps.shape)
    stack = np.ascontiguousarray(to_stack(source, *axes), kind.source)
    whole = type(options.delta) is int and not options.delta and _stored(source.dtype, wanted)
    held = wanted if whole else kind.work
    target = into if whole and into is not None and axes[1] == axes[0] + 1 else None
    planes = _args.aligned(stack.shape, held) if target is None else to_stack(target, *axes)
    if planes.size:
        numbers = kind.number, _args.dtype_id(held), kind.work_number
        shape = stack.shape[1:]
        geometry = _core.Filter2D(*numbers, shape, taps.shape, anchor, boundary, chosen)
        for image, plane in zip(stack, planes, strict=True):
            if isinstance(taps, Factors):
                _core.sep_filter2d(image, taps.column, taps.row, fill, plane, *numbers, shape, anchor, boundary)
            else:
                run(options.algorithm, taps, geometry.run, image, taps, fill, plane)
    return from_stack(planes, array.shape, *axes) if target is None else target


def _source(array: np.ndarray, wanted: np.dtype) -> np.ndarray:
    """array in a dtype that the core reads, float64 where float32 would round what `wanted` tells apart."""
    if array.dtype == _BOOL:
        array = array.view(np.uint8)
    return array.astype(np.float64, copy=False) if _is_wide(array.dtype, wanted) else array


def _is_wide(image: np.dtype, wanted: np.dtype) -> bool:
    """Whether real images are summed as float64 for results in `wanted`."""
    # float32 tells apart what 24 bits hold; the image's own integers, of 32 bits too, are summed as they are.
    exact = wanted in (image, _BOOL) or wanted.itemsize <= (2 if wanted.kind in "iu" else 4)
    return image in _WIDE or not exact


def sums_dtype(image: np.dtype, wanted: np.dtype) -> np.dtype:
    """The dtype that sums of such cells are formed in for results in `wanted`."""
    return np.dtype(np.float64) if image not in _COMPLEX and _is_wide(image, wanted) else float_of(image)


def _stored(source: np.dtype, wanted: np.dtype) -> bool:
    """Whether the core stores sums of such images in `wanted`."""
    kind = kind_of(source)
    assert kind is not None
    own = wanted == kind.source == source
    return own or wanted == kind.work or (wanted == np.int16 and source.kind in "iu" and source.itemsize == 1)


def _delta(delta: Any, wanted: np.dtype) -> complex | float:
    if wanted in _COMPLEX and isinstance(delta, numbers.Complex):
        return complex(delta)
    return _args.real(delta, "delta")


def store(sums: np.ndarray, delta: complex | float, out: np.ndarray) -> None:
    """out = sums + delta, rounded, halves to even, and saturated where it holds integers. Overwrites sums."""
    with np.errstate(over="ignore", invalid="ignore"):
        if delta:
            sums += delta
        if out.dtype.kind not in "iub" or sums.dtype.kind in "iu":
            out[...] = sums
            return
        least, most = (0, 1) if out.dtype.kind == "b" else (np.iinfo(out.dtype).min, np.iinfo(out.dtype).max)
        np.rint(sums, out=sums)
        full = sums >= float(most)
        sums[np.isnan(sums) | (sums < float(least))] = least
        sums[full] = 0
        out[...] = sums
        out[full] = most
