"""Places for buffers in one block of memory: those that are not alive together may overlap."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Span", "place"]

_LINE = 64  # bytes of a cache line, on which every buffer starts


class Span(NamedTuple):
    """Bytes of an arena."""

    begin: int
    end: int


def place(buffers: list[tuple[str, int, int, int]]) -> tuple[dict[str, Span], int]:
    """Spans of buffers given as (name, first step, last step, bytes), and the size of the arena.

    The largest come first, each at the lowest place where nothing lies that is alive with it (Pisarchyk and Lee,
    "Efficient memory management for deep neural net inference", 2020, greedy by size).

    Examples
    --------
    >>> place([("a", 0, 1, 64), ("b", 1, 2, 128), ("c", 2, 3, 64)])
    ({'b': Span(begin=0, end=128), 'a': Span(begin=128, end=192), 'c': Span(begin=128, end=192)}, 192)
    """
    placed: list[tuple[int, int, Span]] = []
    spans: dict[str, Span] = {}
    for name, first, last, size in sorted(buffers, key=lambda buffer: -buffer[3]):
        size = -(-size // _LINE) * _LINE
        begin = 0
        for other in sorted(span for a, b, span in placed if a <= last and first <= b):
            if other.begin - begin >= size:
                break
            begin = max(begin, other.end)
        spans[name] = Span(begin, begin + size)
        placed.append((first, last, spans[name]))
    return spans, max((span.end for span in spans.values()), default=0)
