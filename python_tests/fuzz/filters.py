"""filter2d and the filters that stand on it, and filter_bank."""

from __future__ import annotations

import numpy as np

import fastconv
from fastconv.image.convolve import ALGORITHMS

from . import draw, execution
from .borders import continued, with_fill
from .check import Want, arithmetic, working
from .conv_reference import clean

DTYPES = ("uint8", "uint8", "int8", "uint16", "int16", "int32", "float16", "bfloat16", "float32", "float32", "float64")
BORDERS = ("reflect101", "reflect", "nearest", "wrap", "constant")
SIZES = (0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 16, 17, 24, 33, 40)
LARGE_SIZES = (301, 400, 517)
DERIVATIVES = {
    name: np.outer((-1.0, 0, 1), smooth)
    for name, smooth in (("sobel", (1, 2, 1)), ("scharr", (3, 10, 3)), ("prewitt", (1, 1, 1)))
}
LAPLACIAN = {
    False: np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    True: np.array([[1.0, 1, 1], [1, -8, 1], [1, 1, 1]]),
}


def _image(d: draw.Draw) -> dict:
    sizes, channels = (LARGE_SIZES, (1, 2, 3)) if d.large else (SIZES, (0, 1, 2, 3, 4, 5))
    shape = [d.choice(sizes) for _ in range(2)] + ([d.choice(channels)] if d.chance(0.35) else [])
    border = d.choice(BORDERS)
    return {
        "algorithm": d.choice(list(ALGORITHMS)) if d.chance(draw.ALGORITHM_SHARE) else "auto",
        "image": d.array(shape, d.choice(DTYPES)),
        "border": border,
        "value": d.choice((0, 0, 1, 7)),
    } | d.surroundings()


def work_dtype(dtype: np.dtype) -> np.dtype:
    """In what sums of an image of this dtype are taken."""
    return np.dtype(np.float64 if dtype in (np.int32, np.float64) else np.float32)


def correlation(image, kernel, border, value, anchor=None):
    """(sums, sums of absolute terms) of an image with a kernel, in the image's wide dtype."""
    anchor = anchor or [k // 2 for k in kernel.shape]
    cells = [
        continued(border, size, np.arange(size)[:, None] + np.arange(k) - a) if size else np.zeros((0, k), int)
        for size, k, a in zip(image.shape, kernel.shape, anchor, strict=False)
    ]
    windows = with_fill(image, value)[cells[0][:, None, :, None], cells[1][None, :, None, :]]
    words = "yxij...,ij->yx..."
    kernel = kernel.astype(image.dtype)
    return np.einsum(words, windows, kernel), np.einsum(words, clean(windows), clean(kernel))


def _weights_of_cells(border, size: int, weights) -> np.ndarray:
    """(size, size + 1): how much each cell of an axis, the last being the fill value, weighs in each output."""
    places = np.arange(size)[:, None] + np.arange(len(weights)) - len(weights) // 2
    matrix = np.zeros((size, size + 1), np.longdouble)
    outputs = np.broadcast_to(np.arange(size)[:, None], places.shape)
    np.add.at(matrix, (outputs, continued(border, size, places)), np.broadcast_to(weights, places.shape))
    return matrix


def product_correlation(image, column, row, border, value):
    """As `correlation`, with the product of a column and a row; sums that meet a number that is not finite are NaN."""
    if not image.size:
        return image, abs(image)
    down, along = (_weights_of_cells(border, n, w) for n, w in zip(image.shape, (column, row), strict=False))
    cells = with_fill(image, value)
    sums, size, met = (
        np.einsum("xj,yj...->yx...", columns, np.einsum("yi,ij...->yj...", rows, x))
        for rows, x, columns in (
            (down, np.where(np.isfinite(cells), cells, 0), along),
            (abs(down), clean(cells), abs(along)),
            (down != 0, (~np.isfinite(cells)).astype(int), (along != 0).astype(int)),
        )
    )
    return np.where(met > 0, np.nan, sums), size


def as_result(sums, bound, image_dtype: np.dtype, result: np.dtype | None = None) -> Want:
    """A Want in the image's dtype, rounded and saturated where that is of integers, or in `result`."""
    dtype = result or image_dtype
    if dtype.kind not in "iu":
        return Want(sums, dtype, bound)
    limits = np.iinfo(dtype)
    left_open = ~np.isfinite(sums)
    return Want(
        np.clip(np.where(left_open, 0, sums), limits.min, limits.max), dtype, np.where(left_open, np.inf, bound + 0.5)
    )


def wide(image):
    return image.astype(working(image.dtype) if image.dtype.kind not in "iu" else np.longdouble)


def rounding(dtype: np.dtype) -> float:
    return arithmetic(work_dtype(dtype))


def least(dtype: np.dtype) -> float:
    return float(np.finfo(work_dtype(dtype)).smallest_subnormal)


def wide_filtered(case: dict, image, column, row) -> Want:
    """What correlating with the product of a column and a row must give."""
    sums, size = product_correlation(wide(image), column, row, case["border"], case["value"])
    bound = 32 * rounding(image.dtype) * size + 64 * len(column) * len(row) * least(image.dtype)
    return as_result(sums, np.where(np.isfinite(sums), bound, np.nan), image.dtype)


def filtered(case: dict, image, kernel, result=None, anchor=None) -> Want:
    """What correlating with a kernel must give."""
    sums, size = correlation(wide(image), kernel, case["border"], case["value"], anchor)
    bound = 32 * rounding(image.dtype) * size + 64 * kernel.size * least(image.dtype)
    if np.any((kernel != 0) & (abs(kernel) < least(image.dtype))):  # such a tap is 0 unless it is taken as two factors
        bound = np.where(np.isfinite(sums), bound, np.nan)
    return as_result(sums, bound, image.dtype, result)


def words(case: dict, *more: str) -> dict:
    return {name: case[name] for name in ("border", "value", "algorithm", *more)}


def verify(case: dict, call, names: tuple[str, ...], reference) -> None:
    """As `execution.verify`, where the algorithm asked for serves."""

    def served(*inputs):
        execution.check_serves(case, lambda: call(*inputs, out=None))
        return reference(*inputs)

    execution.verify(case, call, names, served)


def draw_filter2d(d: draw.Draw) -> dict:
    case = _image(d)
    window = [d.choice((3, 5) if d.large else (1, 2, 3, 3, 3, 5, 5, 7, 9, 15)) for _ in range(2)]
    kinds = ("normal", "whole", "constant", "nonnegative", "zeros", "sparse", "rank1", "rank1")
    anchor = [d.randrange(k) for k in window] if d.chance(0.3) else None
    return case | {
        "kernel": d.array(window, d.choice(("float32", "float64", "float64", "int32")), kinds),
        "anchor": anchor,
    }


def run_filter2d(case: dict) -> None:
    def reference(image, kernel):
        # Taps are rounded to the dtype of sums, and those of whole numbers are whole.
        return filtered(case, image, kernel, anchor=case["anchor"])

    if case["kernel"]["dtype"] == "int32":
        case = case | {"kernel": case["kernel"] | {"values": "whole"}}
    verify(
        case,
        lambda image, kernel, out: fastconv.filter2d(image, kernel, **words(case, "anchor"), out=out),
        ("image", "kernel"),
        reference,
    )


def draw_derivative(d: draw.Draw) -> dict:
    return _image(d) | {"axis": d.choice((None, 0, 1)), "diagonals": d.chance(0.5)}


def _derivative_dtype(dtype: np.dtype, axis=0) -> np.dtype:
    if dtype.kind not in "iu":
        return dtype
    return np.dtype(np.int16) if dtype.itemsize == 1 and axis is not None else work_dtype(dtype)


def run_sobel(case: dict) -> None:
    axis, kernel = case["axis"], DERIVATIVES[case["function"]]

    def reference(image):
        result = _derivative_dtype(image.dtype, axis)
        if axis is not None:
            return filtered(case, image, kernel.T if axis else kernel, result)
        (a, a_size), (b, b_size) = (
            correlation(wide(image), k, case["border"], case["value"]) for k in (kernel, kernel.T)
        )
        bound = 32 * rounding(image.dtype) * (a_size + b_size) + 4096 * least(image.dtype)
        return Want(np.hypot(a, b), result, np.where(np.isnan(a + b), np.nan, bound))

    function = getattr(fastconv, case["function"])
    verify(case, lambda image, out: function(image, axis, **words(case), out=out), ("image",), reference)


def run_laplacian(case: dict) -> None:
    def reference(image):
        return filtered(case, image, LAPLACIAN[case["diagonals"]], _derivative_dtype(image.dtype))

    verify(
        case, lambda image, out: fastconv.laplacian(image, **words(case, "diagonals"), out=out), ("image",), reference
    )


def draw_blur(d: draw.Draw) -> dict:
    pair = d.chance(0.3)
    sigma = [d.choice((0.3, 0.5, 0.8) if d.large else (0.3, 0.5, 0.8, 1.0, 1.7, 2.5, 4.0)) for _ in range(1 + pair)]
    ksize = [d.choice((1, 3, 3, 5, 7, 9)) for _ in range(2)] if d.chance(0.4) else None
    return _image(d) | {
        "sigma": sigma if pair else sigma[0],
        "ksize": ksize,
        "truncate": d.choice((4.0, 3.0, 2.0)),
        "size": [d.choice((1, 2, 3, 4, 5, 9)) for _ in range(2)],
        "amount": d.choice((0, 0.5, 1.0, 2.0, -1.0)),
        "threshold": d.choice((0, 0, 3)),
    }


def gaussian(case: dict) -> np.ndarray:
    return np.outer(*gaussian_factors(case))


def gaussian_factors(case: dict) -> list[np.ndarray]:
    sigmas = case["sigma"] if isinstance(case["sigma"], list) else [case["sigma"]] * 2
    radii = [k // 2 for k in case["ksize"]] if case["ksize"] else [int(case["truncate"] * s + 0.5) for s in sigmas]
    axes = []
    for sigma, radius in zip(sigmas, radii, strict=True):
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        axes.append(weights / weights.sum())
    return axes


def draw_wide(d: draw.Draw) -> dict:
    """Kernels far wider than their image."""
    lengths, case = (1, 3, 30, 61, 130, 501, 2000), _image(d)
    case["image"]["shape"][:2] = [d.choice(SIZES) for _ in range(2)]
    return case | {
        "algorithm": "auto",
        "sigma": [d.choice((0.5, 3.0, 12.0, 40.0, 150.0)) for _ in range(2)],
        "ksize": None,
        "truncate": d.choice((4.0, 3.0)),
        "size": [d.choice(lengths) for _ in range(2)],
        "box": d.chance(0.5),
    }


def run_wide(case: dict) -> None:
    factors = [np.full(n, 1 / n) for n in case["size"]] if case["box"] else gaussian_factors(case)

    def call(image, out=None):
        if case["box"]:
            return fastconv.box_blur(image, case["size"], **words(case), out=out)
        return fastconv.gaussian_blur(image, case["sigma"], **words(case, "truncate"), out=out)

    verify(case, call, ("image",), lambda image: wide_filtered(case, image, *factors))


def run_gaussian(case: dict) -> None:
    verify(
        case,
        lambda image, out: fastconv.gaussian_blur(image, case["sigma"], **words(case, "ksize", "truncate"), out=out),
        ("image",),
        lambda image: filtered(case, image, gaussian(case)),
    )


def run_box(case: dict) -> None:
    kernel = np.full(case["size"], 1 / np.prod(case["size"]))
    verify(
        case,
        lambda image, out: fastconv.box_blur(image, case["size"], **words(case), out=out),
        ("image",),
        lambda image: filtered(case, image, kernel),
    )


def run_sharpen(case: dict) -> None:
    kernel = -case["amount"] * LAPLACIAN[False]
    kernel[1, 1] += 1
    verify(
        case,
        lambda image, out: fastconv.sharpen(image, case["amount"], **words(case), out=out),
        ("image",),
        lambda image: filtered(case, image, kernel),
    )


def run_unsharp(case: dict) -> None:
    amount, threshold = case["amount"], case["threshold"]

    def reference(image):
        blur = gaussian(case)
        detail = -blur
        centre = tuple(k // 2 for k in blur.shape)
        detail[centre] += 1
        cells, (sums, size) = wide(image), correlation(wide(image), detail, case["border"], case["value"])
        error = 32 * rounding(image.dtype) * size
        kept = abs(sums) > threshold if threshold else True
        bound = abs(amount) * (error + 64 * blur.size * least(image.dtype)) + 32 * rounding(image.dtype) * clean(cells)
        if threshold:  # about the threshold either is right
            bound = np.where(abs(abs(sums) - threshold) <= error, np.inf, bound)
        bound = np.where(np.isfinite(sums), bound, np.nan)
        return as_result(cells + np.where(kept, amount * sums, 0 * sums), bound, image.dtype)

    def call(image, out=None):
        return fastconv.unsharp_mask(
            image, case["sigma"], amount, threshold, **words(case, "ksize", "truncate"), out=out
        )

    verify(case, call, ("image",), reference)


def draw_bank(d: draw.Draw) -> dict:
    case = _image(d)
    n = d.choice((None, 1) if d.large else (None, 0, 1, 2, 4))
    shape = case["image"]["shape"][:2]
    kernels = [d.choice((0, 1, 2, 3, 9)), d.choice((1, 2, 3, 5)), d.choice((1, 3, 3) if d.large else (1, 3, 3, 5, 7))]
    return case | {
        "image": case["image"] | {"shape": shape if n is None else [n, *shape]},
        "kernels": d.array(kernels, d.choice(("float32", "float64")), ("normal", "whole", "constant", "sparse")),
    }


def run_bank(case: dict) -> None:
    def reference(image, kernels):
        stack = image if image.ndim == 3 else image[None]
        dtype = work_dtype(image.dtype)
        parts = [[filtered(case, one, kernel, dtype) for kernel in kernels] for one in stack]
        shape = len(stack), len(kernels), *stack.shape[1:]
        value, bound = (
            np.array([[getattr(part, name) for part in row] for row in parts], np.longdouble).reshape(shape)
            for name in ("value", "bound")
        )
        return Want(value if image.ndim == 3 else value[0], dtype, bound if image.ndim == 3 else bound[0])

    verify(
        case,
        lambda image, kernels, out: fastconv.filter_bank(image, kernels, **words(case), out=out),
        ("image", "kernels"),
        reference,
    )
