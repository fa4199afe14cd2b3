"""SciPy: signal's direct and FFT convolutions and ndimage's. Only the FFTs have threads to offer."""

from __future__ import annotations

import numpy as np
from images import PADDINGS
from scipy import fft, ndimage, signal

from peers import Candidate

_NDIMAGE_MODES = {"fill": "constant", "constant": "constant", "symm": "reflect", "reflect101": "mirror"}
_workers = 1


def setup(threads):
    global _workers
    _workers = threads


def candidate(problem, variant):
    """Integers that are rounded and saturated are nothing that SciPy gives; those that wrap, only its direct way."""
    if problem.rounds or (problem.dtype == "uint8" and variant != "direct"):
        return None
    if problem.dtype in ("int32", "int64") and variant != "direct":
        return _chosen(problem) if variant == "fft" else None
    if variant.startswith("ndimage"):
        return _ndimage(problem, variant)
    if problem.arrays["x"].ndim == 3:
        return None
    return _direct(problem) if variant == "direct" else _fft(problem, variant)


def _direct(problem):
    image, kernel, border = problem.arrays["x"], problem.arrays["kernel"], problem.options["border"]
    function = signal.convolve2d if problem.op == "convolve2d" else signal.correlate2d
    if border not in ("fill", "constant", "symm"):
        return None
    boundary = "symm" if border == "symm" else "fill"
    return Candidate(lambda: function(image, kernel, mode="same", boundary=boundary))


def _fft(problem, variant):
    """A border that repeats the image is padded to it first."""
    image, kernel, border = problem.arrays["x"], problem.arrays["kernel"], problem.options["border"]
    function = {"fft": signal.fftconvolve, "oa": signal.oaconvolve}[variant]
    turned = kernel if problem.op == "convolve2d" else kernel[::-1, ::-1]
    widths = [(k // 2, k // 2) for k in kernel.shape]

    def run():
        with fft.set_workers(_workers):
            if border in ("fill", "constant"):
                return function(image, turned, mode="same")
            return function(np.pad(image, widths, PADDINGS[border]), turned, mode="valid")

    return Candidate(run)


def _chosen(problem):
    """Of integers: by transforms where these are exact, else directly."""
    image, kernel = problem.arrays["x"], problem.arrays["kernel"]
    return Candidate(lambda: signal.convolve(image, kernel, mode="same"))


def _ndimage(problem, variant):
    """A separable kernel as two passes, a mean as running sums."""
    image, kernel, mode = problem.arrays["x"], problem.arrays["kernel"], _NDIMAGE_MODES[problem.options["border"]]
    factors, size = problem.options["factors"], kernel.shape
    convolves = problem.op == "convolve2d"
    if variant == "ndimage":
        function = ndimage.convolve if convolves else ndimage.correlate
        weights = kernel if image.ndim == 2 else kernel[:, :, None]
        return Candidate(lambda: function(image, weights, mode=mode))
    if factors is None:
        return None
    if problem.options["kind"] == "box":
        return Candidate(lambda: ndimage.uniform_filter(image, size, mode=mode, axes=(0, 1)))
    function = ndimage.convolve1d if convolves else ndimage.correlate1d
    rows, columns = factors
    return Candidate(lambda: function(function(image, rows, 0, mode=mode), columns, 1, mode=mode))
