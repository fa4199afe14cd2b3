"""Windows of a convolution or pooling, from their definition, in Python's integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def padding_pair(padding, size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """'valid' and 'same' of one axis as cells before and after it: TensorFlow's, the odd one after."""
    if padding == "valid":
        return 0, 0
    outputs, span = -(-size // stride), (window - 1) * dilation + 1
    total = max((outputs - 1) * stride + span - size, 0) if size else 0
    return total // 2, total - total // 2


@dataclass
class Axis:
    """Windows along one axis."""

    size: int
    window: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def outputs(self) -> int:
        """How many fit."""
        room = self.size + self.before + self.after - (self.window - 1) * self.dilation - 1
        return max(room // self.stride + 1, 0)

    def taps(self, more: int = 0) -> np.ndarray:
        """(outputs, window): the cell under each tap, `size` for one outside.

        `more` widens the window by so many cells to both sides, without gaps.
        """
        if more:
            reach = range(-more, (self.window - 1) * self.dilation + 1 + more)
        else:
            reach = range(0, self.window * self.dilation, self.dilation)
        cells = [[o * self.stride + j - self.before for j in reach] for o in range(self.outputs)]
        places = [[c if 0 <= c < self.size else self.size for c in row] for row in cells]
        return np.array(places, np.intp).reshape(self.outputs, len(reach))


@dataclass
class Windows:
    """Windows of both axes."""

    rows: Axis
    cols: Axis

    @property
    def outputs(self) -> tuple[int, int]:
        return self.rows.outputs, self.cols.outputs

    def index(self, more: int = 0):
        """An index that takes (n, h, w, ...) to (n, out_h, out_w, window_h, window_w, ...)."""
        rows, cols = self.rows.taps(more), self.cols.taps(more)
        return slice(None), rows[:, None, :, None], cols[None, :, None, :]

    def outside(self) -> np.ndarray:
        """(out_h, out_w, window_h, window_w): taps that lie on padding."""
        _, rows, cols = self.index()
        return (rows == self.rows.size) | (cols == self.cols.size)


def windows(size, window, strides, dilation, padding) -> Windows:
    """Of an image of `size` = (h, w); padding is a word or ((top, bottom), (left, right))."""
    axes = []
    for i in range(2):
        numbers = size[i], window[i], strides[i], dilation[i]
        pads = padding_pair(padding, *numbers) if isinstance(padding, str) else padding[i]
        axes.append(Axis(*numbers, *pads))
    return Windows(*axes)


def extended(x: np.ndarray, outside=0) -> np.ndarray:
    """x (n, h, w, c) with one row and column more, which stand for all padding."""
    n, h, w, c = x.shape
    result = np.full((n, h + 1, w + 1, c), outside, x.dtype)
    result[:, :h, :w] = x
    return result


def patches(x: np.ndarray, where: Windows, more: int = 0, outside=0) -> np.ndarray:
    """(n, out_h, out_w, window_h, window_w, c)."""
    return extended(x, outside)[where.index(more)]


def scatter(cells: np.ndarray, where: Windows, shape) -> np.ndarray:
    """The adjoint of `patches`: what each cell of (n, h, w, c) was given."""
    n, h, w, c = shape
    result = np.zeros((n, h + 1, w + 1, c), cells.dtype)
    np.add.at(result, where.index(), cells)
    return result[:, :h, :w]
