"""The page at `/`."""

from __future__ import annotations

__all__ = ["routes"]


def routes(service) -> list:
    """The routes of the page."""
    return []
