"""Networks over HTTP: an ASGI and a WSGI app of a network, and the server of ``python -m fastconv serve``.

The extra ``serve`` installs what it needs. Nothing of that is imported before it is used.
"""

from __future__ import annotations

from typing import Any

from .errors import RequestError
from .settings import Settings

__all__ = ["RequestError", "Settings", "app", "run", "wsgi"]


def app(net: Any, name: str = "model", settings: Settings | None = None) -> Any:
    """An ASGI app that serves a network.

    Parameters
    ----------
    net : Net
        Of `fastconv.load`, `fastconv.from_keras` or `fastconv.from_onnx`.
    name : str
        What clients call it: letters, digits, ``.``, ``_`` and ``-``.
    settings : Settings, optional

    Returns
    -------
    callable
        For an ASGI server, or to be mounted in another app. Its attribute ``service`` has ``await predict(x)``, which
        joins batches with the requests.

    Raises
    ------
    ValueError
        If `name` is no such name.
    ImportError
        Without the extra ``serve``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.network import Graph, Net, Node, Value
    >>> net = Net(Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")], [Node("Neg", ("x",), ("y",))]))
    >>> from fastconv.serve import app
    >>> app(net, "negative").service.name
    'negative'
    """
    from .application import Application
    from .service import Service

    return Application(Service(net, name, settings))


def wsgi(net: Any, name: str = "model", settings: Settings | None = None) -> Any:
    """A WSGI app that serves a network; requests of several threads share batches.

    Parameters
    ----------
    net, name, settings
        As of `app`.

    Returns
    -------
    callable
        For a WSGI server with threads.

    Raises
    ------
    ValueError, ImportError
        As of `app`.
    """
    from .wsgi_adapter import WSGIAdapter

    return WSGIAdapter(app(net, name, settings))


def run(
    model: Any,
    name: Any = None,
    *,
    host: str = "127.0.0.1",
    port: Any = 8501,
    settings: Any = None,
    workers: Any = 1,
    watch: bool = False,
    ready: Any = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered before it returns.

    Parameters
    ----------
    model : path or Net
    name : str, optional
        By default the file's, or ``model``.
    host : str
    port : int
        0 for one that is free.
    settings : Settings, optional
    workers : int
        Processes. They share the port and the memory of the weights' file.
    watch : bool
        Whether a changed file of the model takes the place of the old one.
    ready : callable, optional
        Called with the URL once the server listens.

    Raises
    ------
    OSError
        If the file cannot be read or the address is not free.
    ValueError
        If the file is no network, or an argument does not fit.
    ImportError
        Without the extra ``serve``.
    """
    from .running import serve

    serve(model, name, host, port, settings or Settings(), workers, watch, ready)
