"""Kernels that are given as a column and a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_LENGTH = 1 << 22  # taps of a column or a row
MULTIPLIED = 1 << 11  # a kernel up to this size is multiplied out: what it is made of is known in no time

_FLOAT64 = np.dtype(np.float64)


class Factors(NamedTuple):
    """A kernel that is the product of a column and a row, both C-contiguous and of float64."""

    column: np.ndarray
    row: np.ndarray

    @property
    def ndim(self) -> int:
        return 2

    @property
    def dtype(self) -> np.dtype:
        return _FLOAT64

    @property
    def shape(self) -> tuple[int, int]:
        return self.column.size, self.row.size


def check_sizes(sizes: tuple[int, int], given: str) -> None:
    if max(sizes) > MOST_LENGTH:
        raise ValueError(
            f"{given} must give a kernel of at most {MOST_LENGTH} rows and columns; received {sizes[0]} x {sizes[1]}"
        )
