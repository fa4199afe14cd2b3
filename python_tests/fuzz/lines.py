"""Filters along one axis or two, the Laplacian of a Gaussian, and templates."""

from __future__ import annotations

import numpy as np

import fastconv

from . import draw, filters
from .check import Want


def draw_line(d: draw.Draw) -> dict:
    case = filters.draw_blur(d)
    return case | {
        "weights": d.array([d.choice((1, 2, 3, 5, 8))], "float64", ("normal", "whole", "constant", "zeros")),
        "other": d.array([d.choice((1, 3, 4))], "float64", ("normal", "whole", "constant")),
        "axis": d.choice((0, 1)),
    }


def run_line(case: dict) -> None:
    function, axis = getattr(fastconv, case["function"]), case["axis"]

    def reference(image, weights):
        taps = weights[::-1] if case["function"] == "convolve1d" else weights
        anchor = [0, 0]
        anchor[axis] = taps.size - 1 - taps.size // 2 if case["function"] == "convolve1d" else taps.size // 2
        return filters.filtered(case, image, taps[None] if axis else taps[:, None], anchor=anchor)

    def call(image, weights, out=None):
        return function(image, weights, axis, **filters.words(case), out=out)

    filters.verify(case, call, ("image", "weights"), reference)


def run_separable(case: dict) -> None:
    def reference(image, weights, other):
        return filters.filtered(case, image, np.outer(other, weights))

    def call(image, weights, other, out=None):
        return fastconv.sep_filter2d(image, weights, other, **filters.words(case), out=out)

    filters.verify(case, call, ("image", "weights", "other"), reference)


def run_laplace(case: dict) -> None:
    sigmas = case["sigma"] if isinstance(case["sigma"], list) else [case["sigma"]] * 2

    def reference(image):
        lines = [_bends(sigma, case["truncate"]) for sigma in sigmas]
        kernel = np.outer(lines[0][1], lines[1][0]) + np.outer(lines[0][0], lines[1][1])
        result = filters.work_dtype(image.dtype) if image.dtype.kind in "iu" else None
        return filters.filtered(case, image, kernel, result)

    def call(image, out=None):
        return fastconv.gaussian_laplace(image, case["sigma"], **filters.words(case, "truncate"), out=out)

    filters.verify(case, call, ("image",), reference)


def _bends(sigma: float, truncate: float) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian and its second derivative."""
    x = np.arange(-int(truncate * sigma + 0.5), int(truncate * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    weights /= weights.sum()
    return weights, weights * (x * x / sigma**4 - 1 / sigma**2)


def draw_template(d: draw.Draw) -> dict:
    h, w = (d.choice((3, 9, 20, 33)) for _ in range(2))
    kinds = ("normal", "whole", "constant", "zeros")
    return {
        "image": d.array([h, w], d.choice(("uint8", "int16", "float32", "float64")), kinds),
        "template": d.array([d.choice((1, 2, 3)), d.choice((2, 3))], "float64", kinds),
    } | d.surroundings()


def run_template(case: dict) -> None:
    def reference(image, template):
        windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.longdouble), template.shape)
        centred = windows - windows.mean((-2, -1), keepdims=True)
        taps = template.astype(np.longdouble) - template.astype(np.longdouble).mean()
        with np.errstate(all="ignore"):
            lengths = np.sqrt((centred**2).sum((-2, -1)) * (taps**2).sum())
            coefficients = np.where(lengths == 0, 0, (centred * taps).sum((-2, -1)) / lengths)
        # Windows that are nearly flat have no coefficient that rounding leaves.
        varied = centred.std((-2, -1)) > 1e-3 * (np.abs(image.astype(np.longdouble)).max(initial=0) + 1)
        varied &= taps.std() > 1e-9
        return Want(coefficients, np.dtype(np.float64), np.where(varied, 1e-5, 3.0))

    def call(image, template, out=None):
        return fastconv.match_template(image, template, out=out)

    filters.execution.verify(case, call, ("image", "template"), reference)
