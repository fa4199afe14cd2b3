"""Bounds on what a file may ask for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds that a network's file and its plans are held against; what passes one is a ValueError.

    Parameters
    ----------
    file_bytes : int
        Of a file, and of what is unpacked from it.
    nodes : int
        Nodes or layers of a network, and named objects of a file.
    depth : int
        Nesting of models, groups and messages.
    tensor_bytes : int
        Of one array: a weight, or a result of a node.
    plan_bytes : int
        Of all buffers and results of a plan together.

    Examples
    --------
    >>> Limits(nodes=1000).nodes
    1000
    """

    file_bytes: int = 4 << 30
    nodes: int = 100_000
    depth: int = 64
    tensor_bytes: int = 4 << 30
    plan_bytes: int = 16 << 30
