"""Draws the geometry of a convolution, and its windows."""

from __future__ import annotations

import re

from . import draw as words
from .check import Open, Refused
from .geometry import Windows, windows

LARGE = 1 << 40  # bytes that nobody has
CELLS = 40_000  # of all windows together, and products, so that a case takes a millisecond
PRODUCTS = 400_000
LARGE_CELLS, LARGE_PRODUCTS = 1_500_000, (1_050_000, 4_000_000)
FAR = 1 << 20  # cells of padding, or from a window's first to its last, beyond which padded sizes may pass any memory
IMAGES = (0, 1, 1, 1, 2, 3, 5)
NARROW = (0, 1, 1, 1, 2, 2, 3)
WIDE = (3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 20)
WIDER = (16, 20, 28, 33, 47, 64, 100, 203)
CHANNELS = (0, 1, 1, 1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 32, 33, 48, 64, 70, 130)


def in_layout(n, h, w, c, layout: str) -> list[int]:
    return [n, h, w, c] if layout == "channels_last" else [n, c, h, w]


def draw(d: words.Draw, algorithm: str = "auto") -> dict:
    """x_shape, kernel_shape and conv2d's keywords; small unless d is large, and one in twenty extreme or refused.

    Nine in ten are of the kind that the algorithm is for.
    """
    suited = algorithm if d.chance(0.9) else ""
    while True:
        geometry = _draw(d, suited)
        n, *size, c = nhwc(geometry["x_shape"], geometry["data_format"])
        kernel = geometry["kernel_shape"]
        where = windows_of(geometry, size)
        pixels = max(n, 1) * where.outputs[0] * where.outputs[1]
        cells, result = pixels * kernel[0] * kernel[1], pixels * max(kernel[3], 1)
        products = cells * kernel[2] * kernel[3]
        if d.large:
            if max(cells * c, result) <= LARGE_CELLS and LARGE_PRODUCTS[0] <= products <= LARGE_PRODUCTS[1]:
                return geometry
        elif result * 16 > LARGE or (max(cells * c, result) <= CELLS and products <= PRODUCTS):
            return geometry


def nhwc(shape, layout):
    n, a, b, c = shape
    return (n, a, b, c) if layout == "channels_last" else (n, b, c, a)


def _draw(d, algorithm):
    groups = d.choice((1, 1, 1, 1, 2, 3))
    c_in, c_out = d.choice(CHANNELS), d.choice(CHANNELS)
    if d.chance(0.15) or "depthwise" in algorithm:
        groups = max(c_in, 1)
        c_out = c_in * d.choice((1, 1, 2, 3))
    else:
        c_in, c_out = (c * groups if groups > 1 else c for c in (c_in, c_out))
    kernel = d.choice(((1, 1), (3, 3), (3, 3), (5, 5), (2, 2), (d.randint(1, 7), d.randint(1, 7))))
    narrow = d.chance(0.4)
    wide = WIDER if d.large else WIDE
    size = [d.choice(NARROW if narrow or d.chance(0.1) else wide) for _ in range(2)]
    layout = d.choice(("channels_last", "channels_first"))
    geometry = {
        "x_shape": in_layout(d.choice(IMAGES if narrow else IMAGES[1:5]), *size, c_in, layout),
        "kernel_shape": [*kernel, c_in // groups, c_out],
        "groups": groups,
        "data_format": layout,
        "strides": _pair(d, (1, 1, 1, 1, 2, 2, 3)),
        "dilation_rate": _pair(d, (1, 1, 1, 1, 1, 2, 3)),
        "padding": d.choice(
            ("valid", "same", "same", [[d.choice((0, 0, 1, 2, 3, 7)) for _ in range(2)] for _ in range(2)])
        ),
    }
    if window := re.match(r"winograd_\dx(\d)", algorithm):
        geometry["kernel_shape"][:2] = [int(window[1])] * 2
        geometry["strides"] = geometry["dilation_rate"] = [1, 1]
    if d.chance(0.04):
        _make_extreme(d, geometry)
    elif d.chance(0.02):
        geometry[d.choice(("x_shape", "kernel_shape"))][d.randrange(4)] += d.choice((-1, 1)) * 1
        geometry["x_shape"] = [abs(v) for v in geometry["x_shape"]]
        geometry["kernel_shape"] = [abs(v) for v in geometry["kernel_shape"]]
    return geometry


def _pair(d, choices):
    return [d.choice(choices) for _ in range(2)] if d.chance(0.3) else [d.choice(choices)] * 2


def _make_extreme(d, geometry):
    """One number, or a pair of strides, far out of what is usual."""
    name = d.choice(("strides", "strides", "strides", "dilation_rate", "padding", "groups"))
    value = d.choice(words.HUGE if d.chance(0.7) else words.NO_SIZE)
    if name == "groups":
        geometry[name] = value
    elif name == "padding":
        geometry[name] = [[0, 0], [0, 0]]
        geometry[name][d.randrange(2)][d.randrange(2)] = value
        if d.chance(0.5):
            geometry["strides"] = [max(abs(value), 1)] * 2
    else:
        geometry[name] = [value] * 2 if d.chance(0.5) else d.sample([value, 1], 2)


def errors(case: dict) -> tuple:
    """With what the call may end where padded sizes leave memory or 64 bits."""
    pads = [] if isinstance(case["padding"], str) else [*case["padding"][0], *case["padding"][1]]
    reaches = ((k - 1) * d for k, d in zip(case["kernel_shape"], case["dilation_rate"], strict=False))
    return (MemoryError, ValueError) if max([*pads, *reaches]) > FAR else ()


def windows_of(geometry, size) -> Windows:
    strides = [max(v, 1) for v in geometry["strides"]]
    dilation = [max(v, 1) for v in geometry["dilation_rate"]]
    return windows(size, geometry["kernel_shape"][:2], strides, dilation, geometry["padding"])


def resolve(case: dict) -> Windows:
    """The windows of a case, or what must happen where there are none."""
    n, *size, c = nhwc(case["x_shape"], case["data_format"])
    k_h, k_w, k_c, c_out = case["kernel_shape"]
    numbers = [*case["strides"], *case["dilation_rate"], case["groups"]]
    pads = [] if isinstance(case["padding"], str) else [*case["padding"][0], *case["padding"][1]]
    if min(numbers) < 1 or max(numbers + pads) >= 2**63 or min(pads, default=0) < 0:
        raise Refused("a size out of its range")
    if k_h < 1 or k_w < 1 or k_c * case["groups"] != c or c_out % case["groups"]:
        raise Refused("channels or a kernel that do not fit")
    if c == 0 and case["groups"] > 2**12:
        raise Open(MemoryError)
    where = windows_of(case, size)
    if min(where.outputs) < 1:
        if case["padding"] == "same" and min(size) == 0:
            return where
        raise Open
    result = max(n * c_out, 1) * where.outputs[0] * where.outputs[1]
    if result * 16 > LARGE or (errors(case) and result > LARGE_CELLS):
        raise Open(MemoryError)
    return where
