"""uvicorn's server and protocol with bounds on what it does not bound, and an end that loses no request."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .application import Application

__all__ = ["Server"]

_HEADER_BYTES = 64 << 10
_DRAIN = 0.5  # seconds in which open connections may still send a request after SIGTERM
_KEEP_ALIVE = 75  # seconds


class _Protocol(HttpToolsProtocol):
    """A connection whose requests must arrive in time, with headers of a bounded size."""

    timeout = 30.0
    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is not None and self._in_headers():
            self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > _HEADER_BYTES and self._in_headers() and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._header_bytes = 0
        super().on_headers_complete()
        if self.server_state.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()

    def _in_headers(self) -> bool:
        return self.cycle is None or not self.cycle.more_body

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.timeout, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """Give up on a request that has not arrived; while its body is read, the app does that."""
        self._timer = None
        if self._in_headers():
            self._refuse(b"408 Request Timeout")
        elif self.cycle.response_complete:
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


class Server(uvicorn.Server):
    """A server of one process.

    Parameters
    ----------
    app : Application
    ready : callable, optional
        Called without arguments once it listens.
    """

    def __init__(self, app: Application, ready: Callable[[], None] | None = None):
        settings = app.service.settings
        config = uvicorn.Config(
            app,
            loop="auto",
            http=type("Protocol", (_Protocol,), {"timeout": settings.timeout}),
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=settings.max_connections,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=int(settings.timeout) + 1,
        )
        super().__init__(config)
        self.server_state.draining = False
        self._ready = ready

    def handle_exit(self, sig, frame) -> None:
        """End, at once when asked twice. uvicorn would raise the signal again in the end, and lose the exit code."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets=None) -> None:
        """Answer what has been sent on open connections, and end."""
        self.server_state.draining = True
        for connection in list(self.server_state.connections):
            if connection.cycle is not None and not connection.cycle.response_complete:
                connection.cycle.keep_alive = False
        end = asyncio.get_running_loop().time() + _DRAIN
        while self.server_state.connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)
