"""What training changes of a network: its weights in one vector, and what its layers keep beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph
from .errors import UntrainableError
from .gradients import gradient_of

__all__ = ["Parameters", "trainable"]

_LINE = 64  # bytes of a cache line, on which every weight starts


class Parameters:
    """The weights and the state of a graph, and the gradients of the weights.

    Parameters
    ----------
    weights, state : dict of str to numpy.ndarray
        Copied; all of one dtype. The state is what layers move while they train, such as moving means.

    Attributes
    ----------
    values, gradients : numpy.ndarray
        One vector each for all weights; 0 between them.
    weights, state, slopes : dict of str to numpy.ndarray
        The arrays in training; the slopes are each weight's part of `gradients`.

    Examples
    --------
    >>> parameters = Parameters({"kernel": np.ones((2, 3), np.float32)}, {})
    >>> parameters.values[:8]
    array([1., 1., 1., 1., 1., 1., 0., 0.], dtype=float32)
    """

    def __init__(self, weights: dict[str, np.ndarray], state: dict[str, np.ndarray]) -> None:
        dtypes = {array.dtype for array in weights.values()}
        if len(dtypes) != 1 or dtypes - {np.dtype(np.float32), np.dtype(np.float64)}:
            names = sorted(dtype.name for dtype in dtypes)
            raise UntrainableError(f"weights must be of float32, or all of float64; received {names}")
        (dtype,) = dtypes
        step = _LINE // dtype.itemsize
        sizes = [-(-array.size // step) * step for array in weights.values()]
        self.values, self.gradients = np.zeros(sum(sizes), dtype), np.zeros(sum(sizes), dtype)
        begin = 0
        self._places: dict[str, tuple[slice, tuple[int, ...]]] = {}
        for (name, array), size in zip(weights.items(), sizes, strict=True):
            self._places[name] = slice(begin, begin + array.size), array.shape
            begin += size
        self.weights, self.slopes = self.parts(self.values), self.parts(self.gradients)
        for name, array in weights.items():
            self.weights[name][...] = array
        self.state = {name: array.copy() for name, array in state.items()}

    def parts(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Each weight's part of a vector like `values`, in the weight's shape."""
        return {name: vector[place].reshape(shape) for name, (place, shape) in self._places.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and state."""
        return self.weights | self.state

    def in_graph(self, graph: Graph) -> Graph:
        """The graph with copies of these weights in the place of its own."""
        copies = {name: array.copy() for name, array in self.arrays().items()}
        return replace(graph.copy(), constants=graph.constants | copies)


def trainable(graph: Graph) -> tuple[list[str], list[str]]:
    """The names of the constants that training changes: weights, and what layers keep beside them.

    Raises
    ------
    UntrainableError
        If there are no weights.
    """
    weights: dict[str, None] = {}
    state: dict[str, None] = {}
    for node in graph.nodes:
        if not any(name in graph.constants for name in node.inputs):
            continue
        try:
            gradient = gradient_of(node)
        except UntrainableError:
            continue
        for places, found in ((gradient.weights, weights), (gradient.state, state)):
            names = (node.inputs[place] for place in places if place < len(node.inputs))
            found.update((name, None) for name in names if name in graph.constants)
    if not weights:
        raise UntrainableError("the network has no weights that training changes")
    return list(weights), list(state)
