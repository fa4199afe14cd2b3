"""Places for the boxes of a diagram: ranks from top to bottom, few crossings, lines as straight as may be.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981): a line
that passes ranks has a place in each of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["place_boxes"]

_SWEEPS = 8


def place_boxes(sources: list[list[int]], width: float, narrow: float) -> Any:
    """Ranks and horizontal places of boxes, and the lines between them.

    Parameters
    ----------
    sources : list of list of int
        For each box those before it that it follows.
    width, narrow : float
        Room for a box, and for a line that passes a rank.

    Returns
    -------
    ranks : list of list of int
        The boxes and passing lines of each rank, from left to right; a passing line has a number beyond the boxes.
    places : list of float
        Of the middle of each, above 0.
    lines : list of (int, int)
        From one of a rank to one of the next.

    Examples
    --------
    >>> ranks, places, lines = place_boxes([[], [0], [0, 1]], 4.0, 1.0)
    >>> ranks, lines
    ([[0], [1, 3], [2]], [(0, 1), (0, 3), (3, 2), (1, 2)])
    """
    ranks, lines, count = _ranked(sources)
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in lines:
        above[lower].append(upper)
        below[upper].append(lower)
    room = np.array([width if item < len(sources) else narrow for item in range(count)])
    places = np.zeros(count)
    for rank in ranks:
        places[rank] = np.cumsum(room[rank]) - room[rank] / 2 - room[rank].sum() / 2
    for sweep in range(2 * _SWEEPS):
        neighbours, order = (above, ranks) if sweep % 2 == 0 else (below, ranks[::-1])
        for rank in order:
            wanted = {item: float(np.mean(places[neighbours[item] or item])) for item in rank}
            if sweep < _SWEEPS:
                rank.sort(key=wanted.__getitem__)
            places[rank] = _apart([wanted[item] for item in rank], room[rank])
    return ranks, (places - min((places - room / 2), default=0)).tolist(), lines


def _ranked(sources: list[list[int]]) -> tuple[list[list[int]], list[tuple[int, int]], int]:
    """Boxes below all that they follow, with a passing line in each rank that a line crosses; how many there are."""
    depth: list[int] = []
    for before in sources:
        depth.append(1 + max((depth[i] for i in before), default=-1))
    ranks: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for box, rank in enumerate(depth):
        ranks[rank].append(box)
    lines, count = [], len(sources)
    for box, before in enumerate(sources):
        for source in before:
            last = source
            for rank in range(depth[source] + 1, depth[box]):
                ranks[rank].append(count)
                lines.append((last, count))
                last, count = count, count + 1
            lines.append((last, box))
    return ranks, lines, count


def _apart(wanted: list[float], room: np.ndarray) -> np.ndarray:
    """Places in that order, as near as may be to the wanted ones, with room for each.

    Neighbours that would overlap move as one, in the middle of what they want (isotonic regression).
    """
    offsets = np.concatenate([[0], np.cumsum((room[1:] + room[:-1]) / 2)])
    groups: list[tuple[float, int]] = []  # sum of what is wanted, number of members
    for target in np.asarray(wanted) - offsets:
        groups.append((target, 1))
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, members = groups.pop()
            groups[-1] = groups[-1][0] + total, groups[-1][1] + members
    result: np.ndarray = (
        np.repeat([total / members for total, members in groups], [members for _, members in groups]) + offsets
    )
    return result
