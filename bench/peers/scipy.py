"""SciPy: signal's direct and FFT convolutions and ndimage's. Only the FFTs have threads to offer."""
from __future__ import annotations

from scipy import fft, ndimage, signal

from peers import Candidate

_workers = 1


def setup(threads):
    global _workers
    _workers = threads


def candidate(problem, variant):
    image, kernel = problem.arrays["x"], problem.arrays["kernel"]
    if variant == "direct":
        return Candidate(lambda: signal.convolve2d(image, kernel, mode="same"))
    if problem.dtype == "uint8":
        return None             # they do not wrap: another result, not a faster way to this one
    if variant == "ndimage":
        return Candidate(lambda: ndimage.convolve(image, kernel, mode="constant"))
    function = {"fft": signal.fftconvolve, "oa": signal.oaconvolve}[variant]

    def run():
        with fft.set_workers(_workers):
            return function(image, kernel, mode="same")
    return Candidate(run)
