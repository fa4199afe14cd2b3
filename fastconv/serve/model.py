"""A network as the server runs it: rows of several requests in one call."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..network.inputs import arrays_of
from ..network.plans import check_shape

__all__ = ["Model"]

_RECALLED = 64
_SIZE = 64  # stands for a free size of an image


class Model:
    """A network with what the server must know of it.

    Parameters
    ----------
    net : Net
    version : int
    max_batch : int
        Rows computed in one call.

    Attributes
    ----------
    batched : bool
        Whether rows of the inputs are independent, so that those of several requests may be computed together.
    recall : callable
        ``recall(function, *arguments)`` is ``function(model, *arguments)``, or what that was one of the last times.
    """

    def __init__(self, net: Any, version: int, max_batch: int) -> None:
        self.net, self.version = net, version
        self.inputs, self.outputs = net.inputs, net.outputs
        self.output_names = tuple(value.name for value in self.outputs)
        self._max_batch = max_batch
        self.recall = functools.lru_cache(_RECALLED)(functools.partial(_made, self))
        self.batched = self._rows_are_independent()

    def arrays(self, x: Any) -> list[np.ndarray]:
        """The inputs as the network takes them; raises ValueError or TypeError."""
        arrays = arrays_of(self.inputs, [x])
        self.check([array.shape for array in arrays])
        return arrays

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        """Raise a ValueError unless the inputs may have these shapes."""
        for shape, value in zip(shapes, self.inputs, strict=True):
            check_shape(shape, value)
        if self.batched and len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"all inputs must have one number of rows; received {[shape[0] for shape in shapes]}")

    def __call__(self, arrays: list[np.ndarray], at_once: bool = False) -> list[np.ndarray]:
        """The outputs, in order.

        Rows are computed in parts whose numbers are powers of two, so that few plans serve all numbers. With `at_once`
        they are one part: a small network's plans take little, and its calls cost more than their rows.
        """
        if not self.batched or (at_once and 0 < len(arrays[0]) <= self._max_batch):
            return _listed(self.net(*arrays))
        count, begin = len(arrays[0]), 0
        parts: list[list[np.ndarray]] = []
        while begin < count or not parts:
            end = begin + _part(count - begin, self._max_batch)
            parts.append(_listed(self.net(*(array[begin:end] for array in arrays))))
            begin = end
        return parts[0] if len(parts) == 1 else [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _rows_are_independent(self) -> bool:
        """Whether two rows have in one call the answers that they have alone."""
        values = [*self.inputs, *self.outputs]
        if not all(value.shape and value.shape[0] is None for value in values):
            return False
        rng = np.random.default_rng(0)
        both = [_drawn(rng, value) for value in self.inputs]
        try:
            together = _listed(self.net(*both))
            alone = [_listed(self.net(*(array[row : row + 1] for array in both))) for row in (0, 1)]
        except (ValueError, TypeError):
            return False
        return all(
            len(y) == 2 and _close(y, np.concatenate([rows[index] for rows in alone]))
            for index, y in enumerate(together)
        )


def _made(model: Model, function: Any, *arguments: Any) -> Any:
    return function(model, *arguments)


def _listed(outputs: Any) -> list[np.ndarray]:
    return outputs if isinstance(outputs, list) else [outputs]


def _part(rows: int, most: int) -> int:
    """The rows of the next call: a power of two, so that few plans serve all numbers of rows."""
    return most if rows >= most else 1 << max(rows.bit_length() - 1, 0) if rows else 0


def _drawn(rng: Any, value: Any) -> np.ndarray:
    """Two different rows of an input."""
    shape = [2, *(_SIZE if size is None else size for size in value.shape[1:])]
    if value.dtype.kind == "f":
        result: np.ndarray = rng.standard_normal(shape).astype(value.dtype)
        return result
    result = rng.integers(0, 2, shape).astype(value.dtype)
    return result


def _close(a: Any, b: Any) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-3 * max(np.abs(b).max(initial=0), 1e-30))
