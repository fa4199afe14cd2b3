"""What the memory allows: the image copied into an array of its size, the same one on every call, a part a thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from peers import Candidate

_threads = 1


def setup(threads):
    global _threads
    _threads = threads


def candidate(problem, variant):
    if not problem.options["copy"]:
        return None
    image = problem.arrays["x"]
    target = np.zeros_like(image)
    bounds = [len(image) * i // _threads for i in range(_threads + 1)]
    first, *others = [(target[a:b], image[a:b]) for a, b in pairwise(bounds)]
    pool = ThreadPoolExecutor(max(_threads - 1, 1))

    def run():
        waiting = [pool.submit(np.copyto, *part) for part in others]
        np.copyto(*first)
        for part in waiting:
            part.result()
        return target

    return Candidate(run, check=False)
