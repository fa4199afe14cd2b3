"""Digits as the strokes of a pen, from MNIST's images: their skeletons, followed from end to end."""

from __future__ import annotations

import numpy as np
from PIL import Image
from skimage.morphology import skeletonize

_TIMES = 4  # images are enlarged before they are thinned, so that lines are smooth
_EVERY = 8  # points of a stroke that are kept
_SHORT = 8  # strokes of fewer points, beside others, are burrs of the skeleton


def strokes_of(image: np.ndarray) -> list[np.ndarray]:
    """Strokes (points, 2) of x and y in 0..1 of an image (28, 28) of uint8."""
    side = 28 * _TIMES
    large = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
    left = {(int(y), int(x)) for y, x in np.argwhere(skeletonize(large > 110))}
    found = []
    while left:
        ends = [point for point in left if len(_near(point, left)) == 1]
        found.append(_followed(min(ends or left), left))
    kept = [path for path in found if len(path) >= _SHORT] or found
    return [(np.array([*path[::_EVERY], path[-1]])[:, ::-1] + 0.5) / side for path in kept]


def _near(point: tuple[int, int], left: set) -> list[tuple[int, int]]:
    y, x = point
    around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    return [place for place in around if place in left]


def _followed(point: tuple[int, int], left: set) -> list[tuple[int, int]]:
    """A path from a point on, as straight as it goes, taken out of what is left."""
    path = [point]
    left.discard(point)
    while places := _near(path[-1], left):
        back = path[max(len(path) - 6, 0)]
        ahead = np.subtract(path[-1], back)
        path.append(max(places, key=lambda place: float(np.subtract(place, path[-1]) @ ahead)))
        left.discard(path[-1])
    # The junction where it ends belongs to the other line, too.
    return path
