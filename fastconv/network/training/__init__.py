"""Training of networks: gradients of plans, losses, optimizers, and `fit`."""

from __future__ import annotations

from .errors import UntrainableError
from .history import History
from .losses import loss_of
from .metrics import metric_of
from .optimizers import optimizer_of
from .trainer import Trainer

__all__ = ["History", "Trainer", "UntrainableError", "loss_of", "metric_of", "optimizer_of"]
