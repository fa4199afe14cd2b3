"""The short way: what the core is told of dtypes and borders where Python's checks would take longer than the sums."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .borders import BORDERS
from .correlation import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

_INT16 = np.dtype(np.int16)


def _entry(dtype: np.dtype) -> tuple[Any, ...]:
    kind = KINDS[dtype]
    derived = dtype if dtype.kind == "f" else _INT16 if dtype.itemsize == 1 else kind.work
    return dtype, kind.number, kind.work, derived, kind.work_number, _core.DTYPES[derived.name]


_KINDS = {dtype: _entry(dtype) for dtype, kind in KINDS.items() if kind.source is dtype}

# filter_directly(image, make, key, derives, options)
filter_directly: Callable[..., np.ndarray | None] = partial(_core.filter2d_directly, _KINDS, BORDERS)
