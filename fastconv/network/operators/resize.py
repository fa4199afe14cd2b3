"""Resizing of images: ONNX's operator of the same name, an axis at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import _args, _core
from .registry import Step, Tensor, operator
from .shape import axis_in, constant, integers

__all__ = ["cubic", "resize", "weighted_sums"]


@operator("Resize")
def resize(node: Any, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    """x with other sizes along axes, by constant scales or to constant sizes.

    Attributes: ``mode`` ('nearest', 'linear', 'cubic'); ``transform``, ONNX's coordinate_transformation_mode;
    ``rounding``, its nearest_mode; ``policy``, its keep_aspect_ratio_policy; ``cubic``, the cubic's coefficient;
    ``exclude_outside``; ``outside``, the value beyond the image for 'tf_crop_and_resize'; ``antialias``; ``axes``, None
    for all.
    """
    words = node.attributes
    axes = [axis_in(axis, x.ndim) for axis in words["axes"]] if words["axes"] else list(range(x.ndim))
    lengths, factors = _lengths(x, axes, scales, sizes, words["policy"])
    region = np.zeros(2 * len(axes)) if roi is None else constant(roi, "roi").astype(np.float64)
    if region.size != 2 * len(axes):
        raise ValueError(f"`roi` must have two numbers for each of {len(axes)} axes; received {region.size}")
    shape = list(x.shape)
    taps = []
    for i, axis in enumerate(axes):
        if lengths[i] == x.shape[axis] and factors[i] == 1 and words["transform"] != "tf_crop_and_resize":
            continue
        shape[axis] = lengths[i]
        places = _places(words["transform"], x.shape[axis], lengths[i], factors[i], region[i], region[i + len(axes)])
        taps.append((axis, *_taps(words, places, x.shape[axis], factors[i]), _beyond(words, places, x.shape[axis])))
    work = np.result_type(x.dtype, np.float32) if words["mode"] != "nearest" else x.dtype

    def run(*arrays: Any) -> None:
        y = arrays[0].astype(work, copy=False)
        for axis, indices, weights, _ in taps:
            y = weighted_sums(y, axis, indices, weights, arrays[-1])
        y = _with_outside(y, taps, words["outside"])
        if y is not arrays[-1]:
            np.copyto(arrays[-1], y, casting="unsafe")

    return Step((Tensor(tuple(shape), x.dtype),), run, reads=(0,), algorithm=words["mode"])


def _lengths(x: Tensor, axes: Any, scales: Any, sizes: Any, policy: Any) -> tuple[list[int], list[float]]:
    """The new size of each axis, and the factor that coordinates follow."""
    old = [x.shape[axis] for axis in axes]
    if sizes is not None:
        new = integers(sizes, "sizes")
        if len(new) != len(axes) or min(new, default=1) < 0 or (0 in old and any(new)):
            raise ValueError(f"sizes {new} do not fit axes {axes} of shape {x.shape}")
        factors = [n / m if m else 1.0 for n, m in zip(new, old, strict=True)]
        if policy != "stretch":
            factor = (min if policy == "not_larger" else max)(factors)
            factors, new = [factor] * len(axes), [math.floor(factor * m + 0.5) for m in old]
        return new, factors
    factors = [float(number) for number in constant(scales, "scales").ravel()]
    if len(factors) != len(axes) or not all(0 < factor < 2**31 for factor in factors):
        raise ValueError(f"scales {factors} do not fit axes {axes} of shape {x.shape}")
    return [math.floor(factor * m) for factor, m in zip(factors, old, strict=True)], factors


def _places(transform: str, old: int, new: int, factor: float, begin: float, end: float) -> np.ndarray:
    """Where each new element lies among the old ones."""
    if new > 2**24:
        raise ValueError(f"an axis of {new} elements is too long")
    i = np.arange(new, dtype=np.float64)
    if transform == "tf_crop_and_resize":
        if new == 1:
            return np.array([0.5 * (begin + end) * (old - 1)])
        return begin * (old - 1) + i * (end - begin) * (old - 1) / (new - 1)
    if transform == "align_corners":
        return i * (old - 1) / (old * factor - 1) if new > 1 else i * 0
    if transform == "half_pixel_symmetric":
        return old / 2 * (1 - new / (factor * old)) + (i + 0.5) / factor - 0.5
    if transform == "pytorch_half_pixel" and new == 1:
        return i * 0
    return {"asymmetric": i, "tf_half_pixel_for_nn": i + 0.5}.get(transform, i + 0.5 - 0.5 * factor) / factor


_ROUNDINGS = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _taps(words: dict[str, Any], places: np.ndarray, old: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices and weights of the old elements that each new one is a sum of, both of shape (new, taps)."""
    if words["mode"] == "nearest":
        round_to: Any = _ROUNDINGS[words["rounding"]]
        nearest = round_to(places)
        return np.clip(nearest, 0, old - 1).astype(np.intp)[:, None], np.ones((len(places), 1))
    reach = 1 if words["mode"] == "linear" else 2
    shrink = min(factor, 1.0) if words["antialias"] else 1.0
    count = math.ceil(reach / shrink)
    if count > 2 * old + 4:
        shrink, count = reach / (2 * old + 4), 2 * old + 4
    base = np.floor(places)
    indices = base[:, None] + np.arange(1 - count, count + 1)
    distance = np.abs((indices - places[:, None]) * shrink)
    weights = np.maximum(1 - distance, 0) if reach == 1 else cubic(distance, words["cubic"])
    if words["exclude_outside"]:
        weights = np.where((indices >= 0) & (indices < old), weights, 0)
    total = weights.sum(1, keepdims=True)
    return np.clip(indices, 0, old - 1).astype(np.intp), weights / np.where(total == 0, 1, total)


def cubic(x: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution kernel at distances: R. Keys, IEEE Transactions on Acoustics 29(6), 1981."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def weighted_sums(x: np.ndarray, axis: int, indices: np.ndarray, weights: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The weighted sums of elements along an axis, in float32 at least where they are sums.

    They are written to `out` where they have its shape and dtype, and x does not lie there.
    """
    if indices.shape[1] == 1:
        return np.take(x, indices[:, 0], axis)
    x = np.ascontiguousarray(x, np.result_type(x.dtype, np.float32))
    before, behind = x.shape[:axis], x.shape[axis + 1 :]
    shape = (*before, len(indices), *behind)
    y = out if (shape, x.dtype) == (out.shape, out.dtype) and x is not out else np.empty(shape, x.dtype)
    used = weights.any(0)
    places, weights = (np.ascontiguousarray(array[:, used]) for array in (indices, weights.astype(x.dtype)))
    sizes = math.prod(before), x.shape[axis], math.prod(behind)
    _core.resample(_args.dtype_id(x.dtype), *sizes, places, weights, x, y)
    return y


def _beyond(words: dict[str, Any], places: np.ndarray, old: int) -> np.ndarray | None:
    """Which new elements lie beyond the image, where those get a value of their own."""
    return (places < 0) | (places > old - 1) if words["transform"] == "tf_crop_and_resize" else None


def _with_outside(y: np.ndarray, taps: list[Any], value: float) -> np.ndarray:
    for axis, _, _, beyond in taps:
        if beyond is not None and beyond.any():
            y[(*[slice(None)] * axis, beyond)] = value
    return y
