"""OpenCV: filter2D, which correlates; sepFilter2D and blur where the kernel has factors or is a mean."""

from __future__ import annotations

import cv2
import numpy as np

from peers import Candidate

_BORDERS = {
    "fill": cv2.BORDER_CONSTANT,
    "constant": cv2.BORDER_CONSTANT,
    "symm": cv2.BORDER_REFLECT,
    "reflect101": cv2.BORDER_REFLECT_101,
}


def setup(threads):
    cv2.setNumThreads(threads)


def candidate(problem, variant):
    if problem.dtype in ("int32", "int64"):
        return None
    image, kernel, factors = problem.arrays["x"], problem.arrays["kernel"], problem.options["factors"]
    border = _BORDERS[problem.options["border"]]
    turned = problem.op == "convolve2d"
    if variant == "blur":
        size = kernel.shape[::-1]
        box = problem.options["kind"] == "box"
        return Candidate(lambda: cv2.blur(image, size, borderType=border)) if box else None
    if variant == "sepFilter2D":
        if factors is None:
            return None
        rows, columns = (np.ascontiguousarray(f[::-1]) if turned else f for f in factors)
        return Candidate(lambda: cv2.sepFilter2D(image, -1, columns, rows, borderType=border))
    kernel = np.ascontiguousarray(kernel[::-1, ::-1]) if turned else kernel
    wraps = turned and problem.dtype == "uint8"
    if wraps:
        kernel = kernel.astype(np.float32)
    return Candidate(
        lambda: cv2.filter2D(image, -1, kernel, borderType=border), note="saturates" if wraps else "", check=not wraps
    )
