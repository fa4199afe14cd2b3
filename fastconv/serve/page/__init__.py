"""The page at ``/``: draw or drop a picture, and see what the network answers and what its layers give."""

from .routes import routes

__all__ = ["routes"]
