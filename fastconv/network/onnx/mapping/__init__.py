"""How each of ONNX's operators becomes nodes of a network, a file for each family.

Every operator set from 6 on is served: what is an attribute in one and an input in another becomes an input. A node
with something that no operator of networks has, raises `Refused`, which the reader collects.
"""

from ..nodes import MAPPING
from . import (
    arrays,
    control,
    elementwise,
    images,
    indexing,
    normalization,
    products,
    quantization,
    recurrent,
    reduction,
)

FAMILIES = (arrays, control, elementwise, images, indexing, normalization, products, quantization, recurrent, reduction)

__all__ = ["FAMILIES", "MAPPING"]
