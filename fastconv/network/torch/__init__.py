"""Programs that torch.export wrote, as graphs. Nothing here imports torch."""

from .reader import read_exported

__all__ = ["read_exported"]
