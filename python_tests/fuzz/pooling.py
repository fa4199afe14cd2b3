"""Pooling, its gradients, and convolution followed by pooling."""

from __future__ import annotations

import numpy as np

import fastconv

from . import conv2d, conv_geometry, draw
from .check import Open, Refused, Want, arithmetic, least, may_overflow, working
from .execution import back, four, verify
from .geometry import Windows, patches, scatter, windows

TIES = draw.VALUES + ("whole", "sparse", "zeros", "constant") * 2


def draw_windows(d: draw.Draw) -> dict:
    """A shape and the keywords of a pooling of it."""
    size = [d.choice((64, 100) if d.large else conv_geometry.NARROW + conv_geometry.WIDE) for _ in range(2)]
    channels = (33, 64) if d.large else (0, 1, 1, 2, 3, 4, 7, 8, 16, 17, 33)
    layout = d.choice(("channels_last", "channels_first"))
    pool = [d.choice((1, 2, 2, 3, 3, 4, 5)) for _ in range(2)] if d.chance(0.4) else [d.choice((2, 2, 3))] * 2
    strides = None if d.chance(0.4) else [d.choice((1, 1, 2, 3, 4)) for _ in range(2)]
    pads = [[d.randrange(p) for _ in range(2)] for p in pool]
    case = {
        "shape": conv_geometry.in_layout(d.choice((0, 1, 1, 2, 3)), *size, d.choice(channels), layout),
        "pool_size": pool,
        "strides": strides,
        "padding": _fitting(d, d.choice(("valid", "valid", "same", pads)), pool, size),
        "data_format": layout,
    }
    if d.chance(0.04):
        value = d.choice(draw.HUGE if d.chance(0.7) else draw.NO_SIZE)
        name = d.choice(("strides", "strides", "pool_size", "padding"))
        case[name] = [value, d.choice((1, value))] if name != "padding" else [[value, 0], [0, 0]]
    return case


def _fitting(d: draw.Draw, padding, pool, size):
    """The padding, or mostly 'same' where without any no window fits."""
    fits = all(p <= s for p, s in zip(pool, size, strict=True))
    return "same" if padding == "valid" and not fits and d.chance(0.8) else padding


def resolve(case: dict) -> Windows:
    pool = case["pool_size"]
    strides = case["strides"] or pool
    pads = [] if isinstance(case["padding"], str) else [*case["padding"][0], *case["padding"][1]]
    if min([*pool, *strides]) < 1 or min(pads, default=0) < 0 or max([*pool, *strides, *pads]) >= 2**63:
        raise Refused("a size out of its range")
    if pads and any(max(axis) >= p for axis, p in zip(case["padding"], pool, strict=True)):
        raise Refused("padding as large as the window")
    _, *size, _ = conv_geometry.nhwc(case["shape"], case["data_format"])
    where = windows(size, pool, strides, (1, 1), case["padding"])
    if min(where.outputs) < 1:
        raise Open
    if max(pool) > 1000:
        raise Open(MemoryError)
    if where.outside().all((2, 3)).any():  # windows of padding alone
        raise Open
    return where


def _keywords(case):
    return {
        "pool_size": case["pool_size"],
        "strides": case["strides"],
        "padding": case["padding"],
        "data_format": case["data_format"],
    }


def largest(x, where: Windows):
    """(maxima, a NaN wins; the first maximum's number among its window's cells, a NaN only as the first of all)."""
    cells = patches(x, where, outside=-np.inf)
    inside = ~where.outside()
    n, h, w, _, _, c = cells.shape
    count = cells.shape[3] * cells.shape[4]
    cells, inside = cells.reshape(n, h, w, count, c), inside.reshape(h, w, count)
    best, place = np.full((n, h, w, c), -np.inf, x.dtype), np.full((n, h, w, c), -1)
    for j in range(count):
        cell, here = cells[:, :, :, j], inside[:, :, j, None]
        better = here & ((place < 0) | (cell > best))
        best, place = np.where(better, cell, best), np.where(better, j, place)
    covered = np.isnan(cells).any(3)
    return np.where(covered, np.nan, best), place


def average(x, where: Windows):
    """(means, means of absolute values)."""
    counts = (~where.outside()).sum((2, 3))[:, :, None]
    return (patches(values, where).sum((3, 4)) / counts for values in (x, np.where(np.isfinite(x), abs(x), 0)))


def draw_pool(d: draw.Draw) -> dict:
    case = draw_windows(d)
    return case | {"x": d.array(case["shape"], d.choice(draw.FLOATS), TIES)} | d.surroundings()


def _run_pool(case: dict, function, pooled) -> None:
    layout = case["data_format"]

    def reference(x):
        where = resolve(case)
        y, bound = pooled(four(x.astype(working(x.dtype)), layout), where, x.dtype)
        return Want(back(y, layout), x.dtype, back(bound, layout))

    verify(case, lambda x, out: function(x, **_keywords(case), out=out), ("x",), reference)


def _max(x, where, dtype):
    y, _ = largest(x, where)
    return y, np.zeros(y.shape)


def _avg(x, where, dtype):
    y, size = average(x, where)
    return y, 8 * arithmetic(dtype) * size


def run_max(case: dict) -> None:
    _run_pool(case, fastconv.max_pool2d, _max)


def run_avg(case: dict) -> None:
    _run_pool(case, fastconv.avg_pool2d, _avg)


def draw_grad(d: draw.Draw) -> dict:
    case = draw_windows(d)
    n, *size, c = conv_geometry.nhwc(case["shape"], case["data_format"])
    pool = [min(max(v, 1), 2**20) for v in case["pool_size"]]
    strides = [max(v, 1) for v in case["strides"] or pool]
    outputs = windows(size, pool, strides, (1, 1), case["padding"]).outputs
    outputs = [count if count < 2**16 else 1 for count in outputs]
    dtype = d.choice(draw.FLOATS)
    finite = tuple(kind for kind in TIES if kind != "special")
    return (
        case
        | {
            "x": d.array(case["shape"], dtype, finite),
            "dy": d.array(conv_geometry.in_layout(n, *outputs, c, case["data_format"]), dtype, finite),
        }
        | d.surroundings()
    )


def _shared(dy, where: Windows, shape, dtype, cells) -> tuple:
    """(what each cell gets of dy by its windows' shares, bound)."""
    dx, size = (scatter(cells * values[:, :, :, None, None, :], where, shape) for values in (dy, abs(dy)))
    half = 2.0**-8 if dtype.name == "bfloat16" else 2.0**-11 if dtype.itemsize == 2 else 0
    return dx, (32 * arithmetic(dtype) + half) * size + 64 * least(dtype)


def run_max_grad(case: dict) -> None:
    layout = case["data_format"]

    def reference(x, dy):
        where = resolve(case)
        dtype = x.dtype
        x, dy = (four(a.astype(working(dtype)), layout) for a in (x, dy))
        _, place = largest(x, where)
        count = case["pool_size"][0] * case["pool_size"][1]
        first = place[:, :, :, None] == np.arange(count)[:, None]
        first = first.reshape(*place.shape[:3], *case["pool_size"], place.shape[3])
        dx, bound = _shared(dy, where, x.shape, dtype, first)
        return Want(back(dx, layout), dtype, back(bound, layout))

    verify(case, lambda x, dy, out: fastconv.max_pool2d_grad(x, dy, **_keywords(case), out=out), ("x", "dy"), reference)


def run_avg_grad(case: dict) -> None:
    layout, shape = case["data_format"], case["shape"]

    def reference(dy):
        where = resolve(case)
        dtype = dy.dtype
        inside = ~where.outside()[None, :, :, :, :, None]
        share = inside / inside.sum((3, 4), keepdims=True).astype(working(dtype))
        dx, bound = _shared(
            four(dy.astype(working(dtype)), layout), where, conv_geometry.nhwc(shape, layout), dtype, share
        )
        return Want(back(dx, layout), dtype, back(bound, layout))

    verify(case, lambda dy, out: fastconv.avg_pool2d_grad(dy, shape, **_keywords(case), out=out), ("dy",), reference)


def draw_fused(d: draw.Draw) -> dict:
    while True:
        case = conv2d.draw_case(d)
        if case["x"]["dtype"] not in conv2d.BYTES:
            break
    pool = draw_windows(d)
    _, *size, _ = conv_geometry.nhwc(case["x_shape"], case["data_format"])
    outputs = conv_geometry.windows_of(case, size).outputs
    return case | {
        "pool": d.choice(("max", "avg")),
        "pool_size": pool["pool_size"],
        "pool_strides": pool["strides"],
        "pool_padding": _fitting(d, pool["padding"], pool["pool_size"], outputs),
    }


def _stored(z, bound, dtype):
    """A convolution's result, in `dtype` before it is pooled: infinite where it surely overflows, open where it may."""
    sure = np.isfinite(z) & (abs(z) - bound >= 2.0**16) & (dtype == np.float16)
    z = np.where(sure, np.copysign(np.inf, z), z)
    return z, np.where(may_overflow(z, bound, dtype), np.nan, bound)


def run_fused(case: dict) -> None:
    fastconv.set_float32_precision(case["precision"])
    layout = case["data_format"]

    def call(x, kernel, bias, out=None):
        words = {name: case[name] for name in ("pool", "pool_size", "pool_strides", "pool_padding")}
        return fastconv.conv2d_pool2d(x, kernel, bias, **conv2d.keywords(case), **words, out=out)

    def reference(x, kernel, bias):
        z, bound = conv2d.sums(case, x, kernel, bias)
        pool = {
            "shape": back(z, layout).shape,
            "pool_size": case["pool_size"],
            "strides": case["pool_strides"],
            "padding": case["pool_padding"],
            "data_format": layout,
        }
        if z.size == 0:
            raise Open
        where = resolve(pool)
        extra = arithmetic(x.dtype) * 64 if x.dtype.itemsize > 2 else 2.0**-8
        bound = np.where(np.isfinite(z), bound + extra * abs(z), bound)
        z, bound = _stored(z, bound, x.dtype)
        if case["pool"] == "max":
            y, _ = largest(z, where)
            bound, _ = largest(bound, where)
            return Want(back(y, layout), x.dtype, back(bound, layout))
        y, _ = average(z, where)
        return Want(back(y, layout), x.dtype, back(patches(bound, where).max((3, 4)) * np.ones_like(y), layout))

    verify(case, call, ("x", "kernel", "bias"), reference, errors=conv_geometry.errors(case))
