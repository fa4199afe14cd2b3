"""conv2d and its gradients from their definition, with the sums of absolute terms that their errors are measured by."""

from __future__ import annotations

import numpy as np

from fastconv import cpu

from .check import UNIT, arithmetic, least, working
from .geometry import Windows, patches, scatter

DIRECT, WINOGRAD, SPLIT = 32, 8, 256  # in units of rounding
LOOSER = 8  # Winograd's large tiles and precision 'high' beside small ones at 'highest'
SPOTTED = {"outlier", "sparse", "special"}  # values of which one may outweigh all others of a tile
OF_SPOTTED = 5  # what Winograd's transforms may lose of those, beside others
INSISTED = 4  # Winograd asked for by name where it would not be chosen
DIRECT_LEAST, WINOGRAD_LEAST, LARGE_TILES_LEAST = 4, 8, 2048  # in smallest subnormal numbers, for each product
WINOGRAD_TILE = 6  # the largest tile reaches so far beyond a window


def clean(x: np.ndarray) -> np.ndarray:
    """Absolute values, 0 for what is not finite."""
    return np.where(np.isfinite(x), abs(x), 0)


def matrices(cells: np.ndarray, groups: int) -> np.ndarray:
    """(..., k_h, k_w, c) as (groups, pixels, k_h * k_w * c / groups)."""
    *pixels, k_h, k_w, c = cells.shape
    cells = cells.reshape(int(np.prod(pixels)), k_h * k_w, groups, c // groups)
    return cells.transpose(2, 0, 1, 3).reshape(groups, len(cells), k_h * k_w * (c // groups))


def kernels(kernel: np.ndarray, groups: int) -> np.ndarray:
    """(k_h, k_w, c / groups, c_out) as (groups, k_h * k_w * c / groups, c_out / groups)."""
    rows, outs = int(np.prod(kernel.shape[:3])), kernel.shape[3]
    return kernel.reshape(rows, groups, outs // groups).transpose(1, 0, 2)


def outputs(y: np.ndarray, groups: int) -> np.ndarray:
    """(..., c_out) as (groups, pixels, c_out / groups)."""
    return y.reshape(int(np.prod(y.shape[:-1])), groups, y.shape[-1] // groups).transpose(1, 0, 2)


def from_outputs(y: np.ndarray, shape) -> np.ndarray:
    return y.transpose(1, 0, 2).reshape(shape)


def convolution(x, kernel, where: Windows, groups: int):
    """(sums, sums of absolute terms), channels_last, in the dtype of x and kernel."""
    shape = len(x), *where.outputs, kernel.shape[3]
    cells, taps = matrices(patches(x, where), groups), kernels(kernel, groups)
    return (from_outputs(matrix @ factor, shape) for matrix, factor in ((cells, taps), (clean(cells), clean(taps))))


def norms(x, kernel, where: Windows, groups: int) -> np.ndarray:
    """||patch|| ||kernel|| of each output: the patch is all that a tile around its window may hold."""
    x, kernel = clean(x), clean(kernel)
    squares = (x * x).reshape(*x.shape[:3], groups, x.shape[3] // groups).sum(-1)
    patch = np.sqrt(patches(squares, where, more=WINOGRAD_TILE).sum((3, 4)))
    lengths = np.sqrt((kernel * kernel).sum((0, 1, 2)))
    return np.repeat(patch, kernel.shape[3] // groups, axis=-1) * lengths


def error_bound(case: dict, algorithm: str, dtype, x, kernel, where: Windows, magnitude):
    """How far each output may be from the exact sum before it is rounded to the dtype."""
    precision, groups = case["precision"], case["groups"]
    eps = arithmetic(dtype)
    bound = DIRECT * eps * magnitude
    # What is prepared or pooled has other costs, and may choose another algorithm than conv2d does.
    any_algorithm = case["algorithm"] == "auto" and ("shapes" in case or "pool" in case)
    large_tiles = precision != "highest" or algorithm in ("winograd_6x3", "winograd_4x5")
    is_plain = case["strides"] == case["dilation_rate"] == [1, 1] and kernel.shape[2] > 1
    if "winograd" in algorithm or (any_algorithm and is_plain):
        factor = LOOSER if large_tiles else 1
        factor *= OF_SPOTTED if SPOTTED & {case["x"]["values"], case["kernel"]["values"]} else 1
        factor *= INSISTED if case["algorithm"] != "auto" else 1
        bound = bound + WINOGRAD * factor * eps * norms(x, kernel, where, groups)
    if algorithm in ("split", "bfloat16") or (any_algorithm and dtype.itemsize < 8):
        bound = bound + _split_loss(algorithm, precision) * magnitude
    if algorithm == "split" and dtype.itemsize == 2:  # without the products of low parts
        bound = bound + 2.0**-16 * magnitude
    if "winograd" in algorithm or any_algorithm:
        each = LARGE_TILES_LEAST if large_tiles else WINOGRAD_LEAST
    else:
        each = DIRECT_LEAST
    return bound + subnormal_room(dtype, np.prod(kernel.shape[:3]), x, kernel, each=each)


def subnormal_room(dtype, terms: int, *factors, each: int):
    """What a sum of so many products may lose where they, or what the factors are transformed to, are subnormal."""
    return least(dtype) * each * (terms + 1) * (1 + sum(clean(factor).max(initial=0) for factor in factors))


def _split_loss(algorithm: str, precision: str) -> float:
    """What products of bfloat16 parts lose of the sums of absolute terms; on AMX `auto` may choose them."""
    if precision == "medium":
        return 2.0**-6
    if algorithm == "split" or cpu.active_isa() == "amx":
        return SPLIT * UNIT["float32"] * (LOOSER if precision == "high" else 1)
    return 0.0


def input_gradient(dy, kernel, where: Windows, groups: int, shape):
    """(dx, sums of absolute terms)."""

    def adjoint(dy, kernel):
        cells = outputs(dy, groups) @ kernels(kernel, groups).transpose(0, 2, 1)
        k_h, k_w, k_c, _ = kernel.shape
        cells = cells.reshape(groups, cells.shape[1], k_h, k_w, k_c).transpose(1, 2, 3, 0, 4)
        return scatter(cells.reshape(*dy.shape[:3], k_h, k_w, groups * k_c), where, shape)

    return adjoint(dy, kernel), adjoint(clean(dy), clean(kernel))


def kernel_gradient(x, dy, where: Windows, groups: int, shape):
    """(dkernel, sums of absolute terms)."""

    def product(cells, dy):
        result = cells.transpose(0, 2, 1) @ dy
        return result.transpose(1, 0, 2).reshape(shape)

    cells, dy = matrices(patches(x, where), groups), outputs(dy, groups)
    return product(cells, dy), product(clean(cells), clean(dy))


def wide(*arrays_):
    """The arrays in what a reference for their dtype is computed in."""
    return [None if a is None else a.astype(working(a.dtype)) for a in arrays_]
