"""Servers for tests: in a thread of this process, or in processes of their own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

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


def exchange(url: str, *parts: bytes, pause: float = 0.0, timeout: float = 10.0) -> bytes:
    """What a server sends on a connection of its own for these bytes, until it closes it or the time is over."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout) as connection:
        found = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while data := connection.recv(1 << 16):
                found += data
        except (TimeoutError, ConnectionError):
            pass
        return found


@contextlib.contextmanager
def process(*arguments: str, **environment: str):
    """The URL and the process of ``python -m fastconv serve`` at a free port."""
    command = [sys.executable, "-m", "fastconv", "serve", "--port", "0", *map(str, arguments)]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        line = started.stdout.readline()
        assert line.startswith("serving "), started.stderr.read()
        yield line.split()[-1].rstrip("/"), started
    finally:
        started.terminate()
        try:
            started.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            started.kill()
            raise
