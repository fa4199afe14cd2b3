"""Passes: each rewrites a graph so that fewer or cheaper nodes give the same outputs.

A pass is a function of a `Graph` that it changes in place. It keeps the values that are outputs. It knows nothing of
files, nor of the sizes of inputs. `PASSES` is the order in which they run.
"""

from __future__ import annotations

from typing import Any

from ..graph import Graph
from .activations import fuse_activations
from .channels import fold_channel_factors
from .clips import recognize_clips
from .constants import fold_constants
from .dense import recognize_dense
from .gates import recognize_gates
from .gelu import recognize_gelu
from .identities import drop_identities
from .integers import use_integers
from .kernels import lay_out_kernels
from .layout import put_channels_last
from .padding import fold_padding
from .residuals import fuse_residuals
from .slopes import recognize_slopes
from .sums import recognize_sums
from .unread import drop_unread

__all__ = ["PASSES", "PREPARING", "optimize"]

PASSES = (
    drop_unread,
    use_integers,
    fold_constants,
    drop_identities,
    recognize_dense,
    recognize_clips,
    recognize_gates,
    recognize_gelu,
    recognize_slopes,
    recognize_sums,
    fold_padding,
    put_channels_last,
    fold_channel_factors,
    fuse_residuals,
    fuse_activations,
    lay_out_kernels,
)

# Those after which layers are as they compute, and every value has the meaning that it has in the file.
PREPARING = (
    drop_unread,
    fold_constants,
    drop_identities,
    recognize_dense,
    recognize_clips,
    recognize_gates,
    recognize_gelu,
    fold_padding,
    fold_channel_factors,
)


def optimize(graph: Graph, passes: Any = PASSES) -> Graph:
    """A copy of a graph that all passes have been over.

    Raises
    ------
    ValueError
        If nodes do not have the inputs or attributes of their operator.

    Examples
    --------
    >>> optimize(Graph([], [])).nodes
    []
    """
    graph = graph.copy()
    for rewrite in passes:
        try:
            rewrite(graph)
        except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise ValueError(f"the network does not fit its operators: {rewrite.__name__}: {error!r}") from error
    return graph
