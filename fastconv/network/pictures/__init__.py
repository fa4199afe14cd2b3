"""Pictures of networks, of their feature maps and kernels, as PNG files; matplotlib draws them."""

from .diagram import plot_network
from .features import plot_features
from .figure import new_figure
from .history import plot_history
from .kernels import plot_kernels
from .layers import blocks

__all__ = ["blocks", "new_figure", "plot_features", "plot_history", "plot_kernels", "plot_network"]
