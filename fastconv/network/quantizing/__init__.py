"""Networks in 8 bits made of networks of floats: scales from samples, and what that loses."""

from .making import quantized
from .report import QuantizationReport

__all__ = ["QuantizationReport", "quantized"]
