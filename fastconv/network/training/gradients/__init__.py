"""The gradients of operators, a file for each family."""

from __future__ import annotations

from . import activation, arithmetic, convolution, dense, dropout, normalization, pooling, reduction, shape
from .registry import Gradient, Reverse, gradient, gradient_of, training_step_of

__all__ = ["FAMILIES", "Gradient", "Reverse", "gradient", "gradient_of", "training_step_of"]

FAMILIES = (activation, arithmetic, convolution, dense, dropout, normalization, pooling, reduction, shape)
