"""Reader of Keras' models: ``.keras`` files, legacy ``.h5`` files, live models.

Nothing of a file is imported or evaluated: classes of layers are looked up in the tables of `layer`, which the modules
of families fill.
"""

from __future__ import annotations

from . import activations, convolutions, core_layers, merges, normalizations, operations, pools, recurrent, reshapes
from .archive import read_archive
from .legacy import read_legacy
from .live import read_live
from .model import Source, model_graph

FAMILIES = (activations, convolutions, core_layers, merges, normalizations, operations, pools, recurrent, reshapes)

__all__ = ["FAMILIES", "Source", "model_graph", "read_archive", "read_legacy", "read_live"]
