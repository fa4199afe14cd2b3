"""The short way: what the core is told of dtypes and borders where Python's checks would take longer than the sums."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .. import _core
from .borders import BORDERS
from .correlation import KINDS
from .stacks import derivative_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

KEPT_SIZE = 31  # of kernels that are kept


def _entry(dtype: np.dtype) -> tuple[Any, ...]:
    kind = KINDS[dtype]
    derived = derivative_dtype(dtype)
    return dtype, kind.number, kind.work, derived, kind.work_number, _core.DTYPES[derived.name]


_KINDS = {dtype: _entry(dtype) for dtype, kind in KINDS.items() if kind.source is dtype}

# filter_directly(image, make, key, derives, options)
filter_directly: Callable[..., np.ndarray | None] = partial(_core.filter2d_directly, _KINDS, BORDERS)
