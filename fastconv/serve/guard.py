"""What every request passes: who may ask, how much, and what of it is counted and told."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
import socket
from time import perf_counter
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from .access_log import AccessLog
from .endpoints import error_response, own_path
from .errors import RequestError, busy
from .service import Service

if TYPE_CHECKING:
    from collections.abc import MutableMapping


__all__ = ["Guard"]

_log = logging.getLogger("fastconv.serve")

_OPEN = re.compile(r"/|/v2/health/(live|ready)|/page/[^/]*\.(html|css|js|svg|png|ico)|/favicon\.ico")
_UNDER_WAY = 16  # bodies of the largest size that may be in memory at a time


class Guard:
    """An ASGI app around another.

    Parameters
    ----------
    app : callable
    service : Service
    """

    def __init__(self, app: Any, service: Service) -> None:
        self._app, self._metrics, self.settings = app, service.metrics, service.settings
        self._keys = [key.encode() for key in self.settings.api_keys]
        self._hosts = {"localhost", socket.gethostname().lower(), *map(str.lower, self.settings.allowed_hosts)}
        self._access_log = AccessLog() if self.settings.access_log else None
        self.bytes_under_way = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._pass_on(scope, receive, send)
            return
        exchange, begin = _Exchange(self, scope, receive, send), perf_counter()
        scope["app"] = self  # Starlette raises its errors then, instead of answering in plain text
        try:
            self._admit(scope, exchange)
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            await exchange.fail(error)
        finally:
            self.bytes_under_way -= exchange.received
            seconds = perf_counter() - begin
            self._metrics.request(scope.get("fastconv.endpoint", "other"), exchange.status, seconds)
            if self._access_log:
                self._access_log.request(scope, exchange.status, exchange.received, exchange.sent, seconds)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        """The beginning and the end of the app; there are no websockets."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            if self._access_log:
                self._access_log.flush()
        else:
            await send({"type": "websocket.close", "code": 1003})

    def _admit(self, scope: Any, exchange: _Exchange) -> None:
        """Raise the RequestError of a request that may not pass."""
        scope["fastconv.headers"] = headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]) and sum(name == b"host" for name, _ in scope["headers"]) > 1:
            raise RequestError(400, "header Host: there must be one")
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._known_host(host):
            raise RequestError(400, f"header Host: {host!r} is none of the allowed hosts")
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host:
            raise RequestError(403, "header Origin: requests from other sites are refused")
        if self._keys and not _OPEN.fullmatch(own_path(scope)):
            self._check_key(headers.get(b"authorization", b""))
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise RequestError(415, "header Content-Encoding: compressed bodies are not taken")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.settings.max_body:
            raise self.too_large()

    def _known_host(self, host: str) -> bool:
        if "*" in self._hosts:
            return True
        name = re.sub(r":\d*$", "", host)
        if name in self._hosts:
            return True
        try:  # an address is no name that somebody could let point elsewhere
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _check_key(self, authorization: bytes) -> None:
        scheme, _, given = authorization.partition(b" ")
        matches = [hmac.compare_digest(given.strip(), key) for key in self._keys]  # all, so that time tells nothing
        if scheme.lower() != b"bearer" or not any(matches):
            raise RequestError(401, "header Authorization: a key is needed", {"www-authenticate": "Bearer"})

    def too_large(self) -> RequestError:
        return RequestError(413, f"the body may have {self.settings.max_body} bytes")


class _Exchange:
    """One request and its response: what has come in, what has gone out."""

    __slots__ = ("_deadline", "_guard", "_receive", "_scope", "_send", "complete", "received", "sent", "status")

    def __init__(self, guard: Guard, scope: Any, receive: Any, send: Any) -> None:
        self._guard, self._scope, self._receive, self._send = guard, scope, receive, send
        self._deadline = asyncio.get_running_loop().time() + guard.settings.timeout
        self.received = self.sent = self.status = 0
        self.complete = False

    async def receive(self) -> dict[Any, Any]:
        """The next part of the body, within bounds."""
        if self.complete:
            result: dict[Any, Any] = await self._receive()
            return result
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise RequestError(
                408, f"the body has not come within {self._guard.settings.timeout:g} s", {"connection": "close"}
            ) from None
        size = len(message.get("body", b""))
        self.received += size
        self._guard.bytes_under_way += size
        self.complete = not message.get("more_body", False)
        if self.received > self._guard.settings.max_body:
            raise self._guard.too_large()
        if self._guard.bytes_under_way > _UNDER_WAY * self._guard.settings.max_body:
            raise busy("the bodies of all requests take too much memory")
        result = message
        return result

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer with what was raised, unless the answer has begun or nobody is there to read it."""
        if isinstance(error, ClientDisconnect):
            self.status = self.status or 499
            return
        refused = _as_request_error(error)
        if refused.status == 500:
            _log.error("%s %r failed", self._scope["method"], self._scope["path"], exc_info=error)
        if self.status:
            raise error
        await error_response(refused)(self._scope, self._receive, self.send)


def _as_request_error(error: Exception) -> RequestError:
    if isinstance(error, RequestError):
        return error
    if isinstance(error, HTTPException):
        return RequestError(error.status_code, str(error.detail), dict(error.headers or {}))
    if isinstance(error, (ValueError, TypeError)):
        return RequestError(400, str(error))
    if isinstance(error, MemoryError):
        return busy("not enough memory")
    return RequestError(500, "the server failed; its log says why")
