"""Malformed files: flips, extreme numbers, truncations and splices, drawn from a seed; places in JSON."""

import numpy as np

from fastconv.network import Limits

LIMITS = Limits(file_bytes=1 << 22, tensor_bytes=1 << 22, plan_bytes=1 << 24, nodes=1000, depth=10)
# What stands in the place of a value.
VALUES = [
    None,
    0,
    -1,
    2,
    3,
    2**31,
    2**63,
    -(2**70),
    1e308,
    float("nan"),
    "",
    "same",
    "relu",
    True,
    [],
    [[]],
    {},
    [1, 2],
    [[1, 2], [3, 4]],
    {"class_name": "Dense"},
    10**6,
]

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 2**16 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]


def mutated(data: bytes, seed: int, hot: tuple[int, int] | None = None) -> bytes:
    """`data` with one to four changes; three in four fall between the offsets `hot`, where a format is densest."""
    rng = np.random.default_rng(seed)
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        low, high = hot if hot and rng.random() < 0.75 else (0, len(changed))
        place = int(rng.integers(low, max(min(high, len(changed)), low + 1)))
        KINDS[rng.integers(len(KINDS))](changed, place, rng)
    return bytes(changed)


def places(value, found):
    """Every (container, key) in JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        places(item, found)
    return found


def _flip(data, place, rng):
    if place < len(data):
        data[place] ^= 1 << int(rng.integers(8))


def _number(data, place, rng):
    size = int(rng.choice([1, 2, 4, 8]))
    value = EXTREMES[rng.integers(len(EXTREMES))] % 256**size
    data[place : place + size] = value.to_bytes(size, "little")


def _copy(data, place, rng):
    start, size = int(rng.integers(len(data) + 1)), int(rng.integers(1, 65))
    part = data[start : start + size]
    data[place : place + len(part)] = part


def _insert_or_delete(data, place, rng):
    size = int(rng.integers(1, 33))
    if rng.random() < 0.5:
        del data[place : place + size]
    else:
        data[place:place] = rng.bytes(size)


def _truncate(data, place, rng):
    if rng.random() < 0.2:
        del data[place:]


KINDS = [_flip, _flip, _flip, _number, _number, _copy, _insert_or_delete, _truncate]
