"""Which numbers dropout drops."""

from __future__ import annotations

import numpy as np

from ..graph import Node

__all__ = ["Masks"]


class Masks:
    """Masks from one generator of random numbers.

    Parameters
    ----------
    generator : numpy.random.Generator
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def draw(self, node: Node, dropped: np.ndarray) -> None:
        """Write which numbers a Dropout node drops: each with the probability of its attribute ``rate``."""
        rate = np.float32(node.attributes["rate"])
        np.less(self._generator.random(dropped.shape, np.float32), rate, out=dropped)
