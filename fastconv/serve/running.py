"""What ``fastconv.serve.run`` does: a socket, and one process or several that serve it."""

from __future__ import annotations

import gc
import logging
import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..network import load
from .settings import Settings

__all__ = ["listen", "model_name", "prepare_interpreter", "serve", "serve_here", "url_of"]

_log = logging.getLogger("fastconv.serve")
_BACKLOG = 2048
_SWITCH = 0.0005  # seconds until the event loop lets the computing thread run; Python's own 5 ms are long for that
_ALLOCATIONS = 50_000  # before Python looks for cycles; one JSON body makes more than the 700 it has by itself


def serve(
    model: Any, name: Any, host: Any, port: Any, settings: Settings, workers: int, watch: bool, ready: Any
) -> None:
    """As `fastconv.serve.run`."""
    is_path = isinstance(model, (str, os.PathLike))
    if workers < 1:
        raise ValueError(f"`workers` must be at least 1; received {workers}")
    if not is_path and (watch or workers > 1):
        raise ValueError("`watch` and several `workers` need the path of a file")
    name = name or (model_name(model) if is_path else "model")
    with listen(host, port) as listener:
        url = url_of(listener)
        tell = (lambda: ready(url)) if ready else None
        if workers > 1:
            from .supervisor import Supervisor

            Supervisor(model, name, listener, settings, workers, watch).run(tell)
        elif watch:
            serve_here(load_copy(model), name, listener, settings, tell, model)
        else:
            serve_here(load(model) if is_path else model, name, listener, settings, tell)


def model_name(path: Any) -> str:
    """The name of a file's model: what is before the suffix, as far as a name may have it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", Path(os.fsdecode(path)).stem).lstrip("._-")[:100] or "model"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address."""
    if not 0 <= port < 1 << 16:  # the system would take the rest by 65536
        raise ValueError(f"`port` must be from 0 to 65535; received {port}")
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    if not str(address[0]).startswith("127.") and address[0] != "::1":
        _log.warning("%s can be reached from other machines: use a key, and a proxy that speaks TLS", host)
    return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def prepare_interpreter() -> None:
    """What a process that does nothing but serve wants of Python."""
    sys.setswitchinterval(_SWITCH)
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


def load_copy(path: Any) -> Any:
    """The network of a file that may be written to: an .fcn file is read, not mapped."""
    if os.fsdecode(path).endswith(".fcn"):
        with open(path, "rb") as file:
            return load(file)
    return load(path)


def serve_here(
    net: Any, name: Any, listener: Any, settings: Settings, ready: Callable[[], None] | None, watched: Any = None
) -> None:
    """Serve in this process; a file that is watched takes the network's place when it changes."""
    from .application import Application
    from .http import Server
    from .service import Service
    from .watching import Watcher

    service = Service(net, name, settings)
    server = Server(Application(service), ready)
    prepare_interpreter()
    if watched is None:
        server.run([listener])
        return
    watcher = Watcher(watched, lambda: service.exchange(load_copy(watched)), service.metrics.load_failed)
    watcher.start()
    server.run([listener])
    watcher.stop()
