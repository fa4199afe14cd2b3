"""Reader of Keras' models: ``.keras`` files, legacy ``.h5`` files, live models.

Nothing of a file is imported or evaluated: classes of layers are looked up in the tables of `layer`, which the modules
of families fill.
"""

from __future__ import annotations

from . import (
    activations,
    array_operations,
    convolutions,
    core_layers,
    image_operations,
    masks,
    merges,
    normalizations,
    operations,
    pools,
    recurrent,
    reductions,
    reshapes,
    slices,
)
from .archive import read_archive
from .legacy import read_legacy
from .live import read_live
from .model import Source, model_graph

FAMILIES = (
    activations,
    array_operations,
    convolutions,
    core_layers,
    image_operations,
    masks,
    merges,
    normalizations,
    operations,
    pools,
    recurrent,
    reductions,
    reshapes,
    slices,
)

__all__ = ["FAMILIES", "Source", "model_graph", "read_archive", "read_legacy", "read_live"]
