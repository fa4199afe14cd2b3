"""How ATen's operators become nodes of a network, a file for each family."""

from ..nodes import MAPPING
from . import arithmetic, images, normalizations, products, reductions, shapes

FAMILIES = (arithmetic, images, normalizations, products, reductions, shapes)

__all__ = ["FAMILIES", "MAPPING"]
