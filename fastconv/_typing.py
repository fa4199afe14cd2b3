"""Names of types that several modules share. Only checkers of types import this module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsIndex, TypeAlias

__all__ = ["Ints", "PaddingLike", "Shape"]

Shape: TypeAlias = tuple[int, ...]
# An integer, or one for rows and one for columns.
Ints: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
PaddingLike: TypeAlias = str | SupportsIndex | Sequence[SupportsIndex] | Sequence[Sequence[SupportsIndex]]
