"""What ``fastconv.serve.run`` does: the socket, and a server or several behind it."""

from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path

from ..network import load
from .settings import Settings

__all__ = ["serve"]

_log = logging.getLogger("fastconv.serve")
_BACKLOG = 2048


def serve(model, name, host, port, settings: Settings, workers: int, watch: bool, ready) -> None:
    """As `fastconv.serve.run`."""
    is_path = isinstance(model, (str, os.PathLike))
    if not is_path and (watch or workers > 1):
        raise ValueError("`watch` and several `workers` need the path of a file")
    name = name or (model_name(model) if is_path else "model")
    with listen(host, port) as listener:
        url = url_of(listener)
        _serve_here(load(model) if is_path else model, name, listener, settings, ready and (lambda: ready(url)))


def model_name(path) -> str:
    """The name of a file's model: what is before the suffix, as far as a name may have it."""
    return re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "_", Path(os.fsdecode(path)).stem).lstrip("_")[:100] or "model"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    if not _is_loopback(address[0]):
        _log.warning("%s can be reached from other machines; a key and a proxy with TLS belong in front", host)
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _serve_here(net, name: str, listener: socket.socket, settings: Settings, ready) -> None:
    """Serve in this process."""
    from .application import Application
    from .http import Server
    from .service import Service

    Server(Application(Service(net, name, settings)), ready).run([listener])
