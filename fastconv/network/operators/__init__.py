"""The operators of networks, a file for each family; `registry` says what an operator is.

Attributes that several operators share:

``data_format``
    'channels_last' or 'channels_first': where the channels of images lie. The axes between are the spatial ones.
``strides``, ``dilations``
    A number for each spatial axis, 1 by default.
``pads``
    'valid', 'same_upper', 'same_lower' (the odd cell after or before), or a pair (before, after) for each spatial axis.
``activation``
    (name, alpha): a function of `fastconv.nn.activations.ACTIVATIONS`, applied to the result.
"""

from . import (
    activation,
    convolution,
    dense,
    detection,
    elementwise,
    functions,
    image_sizes,
    images,
    indexing,
    integer_products,
    normalization,
    norms,
    pooling,
    quantization,
    quantized,
    recurrent,
    reduction,
    resize,
    shape,
)
from .registry import OPERATORS, Step, Tensor, contiguous, fold, operator, plan_node

FAMILIES = (
    activation,
    convolution,
    dense,
    detection,
    elementwise,
    functions,
    image_sizes,
    images,
    indexing,
    integer_products,
    normalization,
    norms,
    pooling,
    quantization,
    quantized,
    recurrent,
    reduction,
    resize,
    shape,
)

__all__ = ["FAMILIES", "OPERATORS", "Step", "Tensor", "contiguous", "fold", "operator", "plan_node"]
