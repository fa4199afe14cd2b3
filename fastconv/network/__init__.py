"""Networks from files, on NumPy and the C core alone: readers, graph, passes, plans, steps."""

from __future__ import annotations

from .errors import FileError, UnsupportedError
from .graph import Graph, Node, Value
from .limits import Limits
from .loading import from_keras, from_onnx, load
from .net import Net

__all__ = [
    "FileError",
    "Graph",
    "Limits",
    "Net",
    "Node",
    "UnsupportedError",
    "Value",
    "from_keras",
    "from_onnx",
    "load",
]
