"""A written digit in the form of MNIST's images."""

from __future__ import annotations

import numpy as np

from ..nn import max_pool2d
from .components import labelled
from .resize import resize

__all__ = ["Writing"]

_SIDE, _BOX = 28, 20
_WORKING_SIDE = 256  # of a picture that is looked at
_STROKE = 0.13  # width of a line over the larger side of a digit, measured on MNIST's training images
_CONTRAST = 0.02  # of a picture's largest number that a digit is above its ground at least
_SPECK = 0.04  # parts smaller than that share of the largest are no ink
_MOST_INK, _IN_LINES = 0.4, 0.7  # shares of a picture that ink covers, and of ink that is in a few lines


class Writing:
    """A picture looked at as a digit on even ground.

    Shadows are taken for the ground, specks and what touches the picture's edge are left out where more is there.

    Parameters
    ----------
    picture : ndarray, (H, W)
        Grey levels.
    inverted : bool, optional
        Whether the digit is darker than its ground; found where it is not given.

    Attributes
    ----------
    inverted : bool

    Examples
    --------
    >>> paper = np.full((100, 80), 200.0)
    >>> paper[30:70, 38:42] = 40
    >>> writing = Writing(paper)
    >>> writing.inverted, writing.is_likely
    (True, True)
    >>> rows = np.flatnonzero(writing.as_mnist().max(1) > 0.5)
    >>> print(rows[0], rows[-1])
    5 24
    """

    def __init__(self, picture: np.ndarray, inverted: bool | None = None) -> None:
        picture = np.asarray(picture, np.float32)
        times = _WORKING_SIDE / max(picture.shape)
        if times < 1:
            picture = resize(picture, *(max(1, round(size * times)) for size in picture.shape))
        above = picture - _ground(picture)
        self.inverted = bool((above**3).sum() < 0) if inverted is None else inverted
        self._above = np.clip(-above if self.inverted else above, 0, None)
        contrast = self._above.max() > _CONTRAST * np.abs(picture).max()
        self._edge = _threshold(self._above) if contrast else 0.0
        self._mask = self._above > self._edge

    @property
    def is_likely(self) -> bool:
        """Whether the picture shows lines on even ground.

        Examples
        --------
        >>> Writing(np.random.default_rng(0).random((50, 50))).is_likely
        False
        """
        return bool(self._edge and self._mask.mean() < _MOST_INK and _digit_of(self._mask)[1] > _IN_LINES)

    def as_mnist(self) -> np.ndarray:
        """The digit as MNIST has it: light on black, in a box of 20x20 by its centre of mass in 28x28.

        Lines that are thin for their digit are made as wide as MNIST's.

        Returns
        -------
        ndarray of float32, (28, 28)
            From 0, the ground, to 1; all 0 where there is no digit.

        Notes
        -----
        Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST database of handwritten digits*.
        """
        if not self._edge:
            return np.zeros((_SIDE, _SIDE), np.float32)
        mask, _ = _digit_of(self._mask)
        top, bottom, left, right = _bounds(mask)
        ink = self._ink(mask)[top:bottom, left:right]
        wider = _missing_width(mask, max(ink.shape))
        if wider:
            ink = _maximum(np.pad(ink, wider // 2 + 1), wider + 1)
            top, bottom, left, right = _bounds(ink > 0.5)
            ink = ink[top:bottom, left:right]
        return _centred(_boxed(ink))

    def _ink(self, mask: np.ndarray) -> np.ndarray:
        """How much ink there is, from 0 to 1, of the digit alone."""
        full, low = float(np.percentile(self._above[mask], 75)), self._edge / 2
        ink = np.clip((self._above - low) / max(full - low, 1e-6), 0, 1)
        result: np.ndarray = ink * _maximum(mask.astype(np.float32), 5)
        return result


def _maximum(image: np.ndarray, size: int) -> np.ndarray:
    """The maximum of a square around each pixel."""
    return max_pool2d(image[None, :, :, None], size, strides=1, padding="same")[0, :, :, 0]


def _ground(picture: np.ndarray) -> np.ndarray:
    """What a picture would be without its lines: a surface of second degree, fitted to what lies near it."""
    y, x = (np.linspace(-1, 1, size) for size in picture.shape)
    by = tuple(slice(None, None, max(1, size // 64)) for size in picture.shape)
    few, values = _terms(y[by[0]], x[by[1]]), picture[by].ravel().astype(np.float64)
    factors = np.array([np.median(values), 0, 0, 0, 0, 0])
    for _ in range(6):
        rest = np.abs(values - few @ factors)
        near = few[kept := rest <= 3 * max(float(np.median(rest)), 1e-3)]
        factors = np.linalg.lstsq(near.T @ near, near.T @ values[kept], rcond=None)[0]
    constant, by_x, by_y, by_xx, by_xy, by_yy = factors
    rows, columns = constant + y * (by_y + by_yy * y), x * (by_x + by_xx * x)
    result: np.ndarray = (rows[:, None] + columns + by_xy * y[:, None] * x).astype(np.float32)
    return result


def _terms(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The terms of a surface of second degree at each place, (places, 6)."""
    y, x = (array.ravel() for array in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)


def _threshold(values: np.ndarray) -> float:
    """The number that parts two classes best (N. Otsu, "A threshold selection method from gray-level histograms")."""
    most = float(values.max(initial=0))
    if most <= 0:
        return 0.0
    counts, edges = np.histogram(values, 128, (0, most))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + int(np.nanargmax(np.where(above > 0, between, np.nan)))]) if (above > 0).any() else 0.0


def _digit_of(mask: np.ndarray) -> tuple[np.ndarray, float]:
    """The parts of a mask that are a digit's, and the share of the three largest in all that came into question."""
    labels, count = labelled(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    at_edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    inside = sizes.copy()
    inside[at_edge] = 0
    if inside.max() >= _SPECK * sizes.max():
        sizes = inside
    chosen = sizes >= max(_SPECK * sizes.max(), 1)
    return chosen[labels], float(np.sort(sizes)[-3:].sum() / max(sizes.sum(), 1))


def _missing_width(mask: np.ndarray, size: int) -> int:
    """By how many pixels a digit's lines are too thin; a line has twice its area over its outline as width."""
    padded = np.pad(mask, 1)
    outline = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()
    result: int = max(0, round(_STROKE * size - 2 * mask.sum() / (outline * np.pi / 4)))
    return result


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _boxed(digit: np.ndarray) -> np.ndarray:
    times = _BOX / max(digit.shape)
    return resize(digit, *(max(1, round(size * times)) for size in digit.shape))


def _centred(digit: np.ndarray) -> np.ndarray:
    """A digit with its centre of mass on the pixel (14, 14) of the image."""
    total = max(float(digit.sum()), 1e-6)
    image = np.zeros((_SIDE, _SIDE), np.float32)
    places = []
    for axis, size in enumerate(digit.shape):
        centre = float((digit.sum(1 - axis) * np.arange(size)).sum()) / total
        begin = min(max(round(_SIDE / 2 - centre), 0), _SIDE - size)
        places.append(slice(begin, begin + size))
    image[tuple(places)] = digit
    return np.clip(image, 0, 1)
