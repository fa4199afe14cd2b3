"""OpenCV: filter2D, which correlates, with the kernel turned round; sepFilter2D where the kernel has factors."""
from __future__ import annotations

import cv2
import numpy as np

from peers import Candidate


def setup(threads):
    cv2.setNumThreads(threads)


def candidate(problem, variant):
    image, kernel, factors = problem.arrays["x"], problem.arrays["kernel"], problem.options["factors"]
    if variant == "sepFilter2D":
        if factors is None:
            return None
        rows, columns = (np.ascontiguousarray(f[::-1]) for f in factors)
        return Candidate(lambda: cv2.sepFilter2D(image, -1, columns, rows, borderType=cv2.BORDER_CONSTANT))
    integers = problem.dtype == "uint8"
    turned = np.ascontiguousarray(kernel[::-1, ::-1]).astype(np.float32 if integers else kernel.dtype)
    return Candidate(lambda: cv2.filter2D(image, -1, turned, borderType=cv2.BORDER_CONSTANT),
                     note="saturates" if integers else "", check=not integers)
