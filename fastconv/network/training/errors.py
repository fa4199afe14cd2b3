"""What training a network may raise."""

from __future__ import annotations

__all__ = ["UntrainableError"]


class UntrainableError(ValueError):
    """A network, loss, optimizer or option that training does not serve; the message says which."""
