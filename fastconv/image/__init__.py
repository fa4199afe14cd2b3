"""Convolution and filters of images: NumPy arrays of shape (h, w), or (h, w, channels) where a filter takes them."""

from . import convolve, derivatives, filtering, filters, planning
from .convolve import *  # noqa: F403
from .derivatives import *  # noqa: F403
from .filtering import *  # noqa: F403
from .filters import *  # noqa: F403
from .planning import *  # noqa: F403

__all__ = [*convolve.__all__, *derivatives.__all__, *filtering.__all__, *filters.__all__, *planning.__all__]
