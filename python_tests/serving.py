"""Servers for tests: in a thread of this process, or in processes of their own."""

from __future__ import annotations

import contextlib
import threading

import numpy as np

from fastconv.network import Graph, Net, Node, Value
from fastconv.serve.application import Application
from fastconv.serve.http import Server
from fastconv.serve.running import listen, url_of
from fastconv.serve.service import Service


def scaled(factor=2.0, row=(2, 3)) -> Net:
    """A network that multiplies its input."""
    graph = Graph(
        [Value("x", (None, *row), np.dtype("float32"))],
        [Value("y")],
        [Node("Mul", ("x", "factor"), ("y",))],
        {"factor": np.full(1, factor, np.float32)},
    )
    return Net(graph)


@contextlib.contextmanager
def serving(net, settings=None, name="scaled"):
    """The URL of a server in a thread, without the slash at its end; the service is its second part."""
    service = Service(net, name, settings)
    started = threading.Event()
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener).rstrip("/")
        server = Server(Application(service), started.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert started.wait(20)
        try:
            yield url, service
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
