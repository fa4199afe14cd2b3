"""What training a network may raise."""

from __future__ import annotations

__all__ = ["UnequalShapesError", "UntrainableError"]


class UntrainableError(ValueError):
    """A network, loss, optimizer or option that training does not serve; the message says which."""


class UnequalShapesError(ValueError):
    """What a fused step adds up has several shapes: the step is served only apart."""
