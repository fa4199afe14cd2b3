"""uvicorn's server and protocol with bounds on what it does not bound, and an end that loses no request."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from collections.abc import Callable
from itertools import chain
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .application import Application
from .endpoints import error_response
from .errors import RequestError, busy

__all__ = ["Server"]

_HEADER_BYTES = 64 << 10
_REFUSED = 64  # connections beyond the most that are told so; more are closed at once
_DRAIN = 0.5  # seconds in which open connections may still send a request after SIGTERM
_KEEP_ALIVE = 75  # seconds


class _Protocol(HttpToolsProtocol):
    """A connection whose requests must arrive in time, with headers of a bounded size, and whose answers are taken."""

    timeout, most = 30.0, 1024  # seconds; connections
    _timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _answered: RequestResponseCycle | None = None  # the request that is answered at the moment
    _in_body = False  # after a request's headers, before its end
    _header_bytes = 0  # since something came that is not a header, a trailer or a chunk's extension

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most + _REFUSED:
            transport.abort()
        else:
            self._start_timer()

    def connection_lost(self, exc: Any) -> None:
        self._stop_timer()
        self._stop_reader_timer()
        # uvicorn tells the request that came last; others of a pipeline would write to what is closed.
        self.pipeline.clear()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> Any:
        """Keep the connection of a client that has ended its side until what it has sent is answered."""
        waits = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        if waits:
            self.cycle.keep_alive = False
        return waits

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(math.inf)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_reader_timer()

    def _watch_reader(self, before: float) -> None:
        """Give up on a client that has taken nothing of its answer since there were so many bytes left."""
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._reader_timer = self.loop.call_later(self.timeout, self._watch_reader, left)
        else:
            self.transport.abort()

    def _stop_reader_timer(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > _HEADER_BYTES and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._start_timer()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # a trailer comes after the body, and nobody reads it
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self.app = self._refusal() or self.config.loaded_app
        self._header_bytes = 0
        super().on_headers_complete()
        if getattr(self.server_state, "draining", False):
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _refusal(self) -> Any:
        """The app that refuses this request for what comes before its body, or None."""
        if len(self.connections) > self.most:
            return _TOO_MANY
        if self._header_bytes > _HEADER_BYTES and sum(map(len, chain(*self.headers, [self.url]))) > _HEADER_BYTES:
            return _TOO_LONG
        return None

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.timeout, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """Give up on a request that has not arrived; while its body is read, the app does that."""
        self._timer = None
        if not self._in_body:
            self._refuse(b"408 Request Timeout")
        elif self.cycle.response_complete:
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        if not self._in_body or not self.cycle.response_started:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


_CLOSE = {"connection": "close"}
_TOO_MANY = error_response(busy("too many connections are open", _CLOSE))
_TOO_LONG = error_response(RequestError(431, f"headers may have {_HEADER_BYTES} bytes", _CLOSE))


class Server(uvicorn.Server):
    """A server of one process.

    Parameters
    ----------
    app : Application
    ready : callable, optional
        Called without arguments once it listens.
    """

    def __init__(self, app: Application, ready: Callable[[], None] | None = None) -> None:
        settings = app.service.settings
        config = uvicorn.Config(
            app,
            loop="auto",
            http=type("Protocol", (_Protocol,), {"timeout": settings.timeout, "most": settings.max_connections}),
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            log_level=logging.ERROR,  # its warnings are of malformed requests, whose senders could fill the log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=int(settings.timeout) + 1,
        )
        super().__init__(config)
        self._ready = ready

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """End, at once when asked twice. uvicorn would raise the signal again in the end, and lose the exit code."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer what has been sent on open connections, and end."""
        state: Any = self.server_state
        state.draining = True
        for connection in list(state.connections):
            if connection.cycle is not None and not connection.cycle.response_complete:
                connection.cycle.keep_alive = False
        end = asyncio.get_running_loop().time() + _DRAIN
        while state.connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)
