"""convolve2d and correlate2d."""

from __future__ import annotations

import numpy as np

import fastconv
from fastconv.image import convolve

from . import draw
from .borders import continued, with_fill
from .check import Mismatch, Open, Refused, Want, arithmetic, least, working
from .conv_reference import clean
from .execution import check_serves, verify

FLOATS = (
    "float32",
    "float32",
    "float32",
    "float64",
    "float64",
    "float16",
    "bfloat16",
    "longdouble",
    "complex64",
    "complex128",
    "clongdouble",
)
INTEGERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SIZES = (0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 24, 33)
WINDOWS = (1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7, 9, 11, 13, 25)
TAPS = 400_000
LINES, LINE_TAPS, LINE_SHARE = (1, 1, 1, 2, 3, 9, 17, 40), 1_000_000, 0.1
LARGE_SIZES, LARGE_WINDOWS, LARGE_TAPS = (200, 257, 400), (2, 3, 3, 4, 5), (1_000_000, 3_000_000)
BOUNDARIES = ("fill", "fill", "wrap", "symm")
KERNELS = (*draw.VALUES, "constant", "sparse", "rank1", "rank1", "rank1")


def draw_case(d: draw.Draw) -> dict:
    floats = [name for name in FLOATS if "long" not in name] if d.large else FLOATS  # those take seconds then
    dtype = d.choice(INTEGERS) if d.chance(0.35) else d.choice(floats)
    while True:
        if not d.large and d.chance(LINE_SHARE):
            size, window = [d.randint(1, 1500), d.choice(LINES)], [d.randint(1, 600), 1]
            if d.chance(0.5):
                size, window = size[::-1], window[::-1]
            if (size[0] + window[0]) * (size[1] + window[1]) * window[0] * window[1] <= LINE_TAPS:
                break
            continue
        size = [d.choice(SIZES) for _ in range(2)] if d.chance(0.85) else [d.randint(20, 80) for _ in range(2)]
        window = [d.choice(WINDOWS) for _ in range(2)]
        if d.large:
            size, window = ([d.choice(s) for _ in range(2)] for s in (LARGE_SIZES, LARGE_WINDOWS))
        if d.chance(0.05):
            window[d.randrange(2)] = 0
        if d.chance(0.1) and not d.large:
            size, window = window, size
        taps = (size[0] + window[0]) * (size[1] + window[1]) * window[0] * window[1]
        if LARGE_TAPS[0] <= taps <= LARGE_TAPS[1] if d.large else taps <= TAPS:
            break
    case = {
        "function_name": d.choice(("convolve2d", "correlate2d")),
        "in1": d.array(size, dtype),
        "in2": d.array(window, dtype, KERNELS),
        "mode": d.choice(("full", "same", "valid")),
        "boundary": d.choice(BOUNDARIES),
        "fillvalue": d.choice((0, 0, 0, 1, 5)),
        "algorithm": d.choice(list(convolve.ALGORITHMS)) if d.chance(draw.ALGORITHM_SHARE) else "auto",
    }
    if d.chance(0.05):
        case["in2"]["dtype"] = d.choice(INTEGERS + FLOATS)
    return case | d.surroundings()


def _windows(image, window, mode, boundary, fill, correlate):
    """(out_h, out_w, k_h, k_w): the cells that each output's taps meet in a correlation."""
    cells = []
    for size, k in zip(image.shape, window, strict=True):
        first, count = {
            "full": (1 - k, size + k - 1),
            "valid": (0, size - k + 1),
            "same": (-((k - 1) // 2) if correlate else -(k // 2), size),
        }[mode]
        cells.append(continued(boundary, size, first + np.arange(count)[:, None] + np.arange(k)))
    return with_fill(image, fill)[cells[0][:, None, :, None], cells[1][None, :, None, :]]


def _swaps(first, second) -> bool:
    """SciPy's rule for 'valid'."""
    if all(a >= b for a, b in zip(first, second, strict=True)):
        return False
    if all(a <= b for a, b in zip(first, second, strict=True)):
        return True
    raise Refused("neither covers the other")


def reference(case: dict, in1, in2) -> Want:
    try:
        dtype = np.result_type(in1, in2)
    except TypeError:
        raise Refused("no common dtype") from None
    mode, correlate = case["mode"], case["function_name"] == "correlate2d"
    swapped = mode == "valid" and _swaps(in1.shape, in2.shape)
    image, kernel = (in2, in1) if swapped else (in1, in2)
    _check_serves(case, image, kernel)
    exact = dtype.kind in "biu"
    wide = np.dtype(np.uint64) if exact else working(dtype)
    fill = np.array(case["fillvalue"]).astype(dtype).astype(wide)
    cells = _windows(image.astype(dtype).astype(wide), kernel.shape, mode, case["boundary"], fill, correlate)
    taps = kernel.astype(dtype).astype(wide)
    taps = taps.conj() if correlate else taps[::-1, ::-1]
    shape = cells.shape[:2]
    cells, taps = cells.reshape(shape[0] * shape[1], kernel.size), taps.reshape(-1)
    y = (cells @ taps).reshape(shape)
    y = y[::-1, ::-1] if swapped and correlate else y
    if exact:
        return Want(y.astype(bool) if dtype.kind == "b" else y.astype(dtype), dtype)
    size = (clean(cells) @ clean(taps)).reshape(shape)
    size = size[::-1, ::-1] if swapped and correlate else size
    bound = 32 * arithmetic(dtype) * size * (2 if dtype.kind == "c" else 1) + 64 * least(dtype) * (
        kernel.size + clean(taps).sum()  # what denormal cells lose is multiplied by the taps
    )
    return Want(y, dtype, np.where(np.isfinite(y), bound, np.nan) if dtype.kind == "c" else bound)


def _check_serves(case, image, kernel) -> None:
    """Raise where the call may, or must, end in an error."""
    sign = {"full": 1, "same": 0, "valid": -1}[case["mode"]]
    shape = [n + sign * (k - 1) for n, k in zip(image.shape, kernel.shape, strict=True)]
    if min(shape) < 0 or not kernel.size or (not image.size and case["boundary"] != "fill"):
        raise Open
    if not image.size:
        return
    dtype = np.result_type(image, kernel)
    plan = fastconv.plan_convolve2d(image.shape, kernel, case["mode"], case["boundary"], dtype=dtype)
    if plan["algorithm"] not in plan["cycles"]:
        raise Mismatch(f"planned what does not serve: {plan}")
    if case["algorithm"] == "auto":
        return
    words = {name: case[name] for name in ("mode", "boundary", "algorithm")}
    check_serves(case, lambda: getattr(fastconv, case["function_name"])(image, kernel, **words))


def run(case: dict) -> None:
    function = getattr(fastconv, case["function_name"])
    words = {name: case[name] for name in ("mode", "boundary", "fillvalue", "algorithm")}
    verify(
        case,
        lambda in1, in2, out: function(in1, in2, **words, out=out),
        ("in1", "in2"),
        lambda *given: reference(case, *given),
    )
