"""Modules and functions with the names and arguments of `torch.nn` and `torch.nn.functional`."""

from . import functional
from .modules import *  # noqa: F403
from .modules import __all__ as _modules

__all__ = ["functional", *_modules]
