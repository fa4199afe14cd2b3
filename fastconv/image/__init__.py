"""Convolution and filters of images: NumPy arrays of shape (h, w), or (h, w, channels) where a filter takes them."""

from . import bank, convolve, derivatives, filtering, filters, gaussians, planning, separable, templates
from .bank import *  # noqa: F403
from .convolve import *  # noqa: F403
from .derivatives import *  # noqa: F403
from .filtering import *  # noqa: F403
from .filters import *  # noqa: F403
from .gaussians import *  # noqa: F403
from .planning import *  # noqa: F403
from .separable import *  # noqa: F403
from .templates import *  # noqa: F403

_ROOMS = (bank, convolve, derivatives, filtering, filters, gaussians, planning, separable, templates)
__all__ = [name for room in _ROOMS for name in room.__all__]
