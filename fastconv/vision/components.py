"""Connected parts of a mask."""

from __future__ import annotations

import numpy as np

__all__ = ["labelled"]


def labelled(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers from 1 for the connected parts of a mask, 0 for the rest, and how many parts there are.

    Pixels that touch at a corner are connected. Runs of pixels in a row are joined with those of the row above.

    Examples
    --------
    >>> labelled(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]], bool))
    (array([[1, 0, 1],
           [0, 1, 0],
           [0, 0, 0],
           [2, 0, 0]]), 2)
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, begins = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    first = np.searchsorted(rows, np.arange(len(mask) + 1))
    for row in range(1, len(mask)):
        above, here = int(first[row - 1]), int(first[row])
        while above < first[row] and here < first[row + 1]:
            if begins[above] <= ends[here] and begins[here] <= ends[above]:
                parents[root(here)] = root(above)
            if ends[above] < ends[here]:
                above += 1
            else:
                here += 1
    roots, numbers = np.unique([root(run) for run in range(len(rows))], return_inverse=True)
    labels = np.zeros(mask.shape, int)
    for run, (line, number) in enumerate(zip(rows, numbers, strict=True)):
        labels[line, begins[run] : ends[run]] = number + 1
    return labels, len(roots)
