"""The ASGI app for WSGI servers: an event loop in a thread, which all of the server's threads ask."""

from __future__ import annotations

import asyncio
import threading
from http import HTTPStatus
from typing import Any

__all__ = ["WSGIAdapter"]

_PIECE = 1 << 16


class WSGIAdapter:
    """A WSGI app around an ASGI one.

    Parameters
    ----------
    app : Application
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, environ: dict[Any, Any], start_response: Any) -> list[bytes]:
        answer = _Answer(environ)
        asyncio.run_coroutine_threadsafe(
            self.app(_scope(environ), answer.receive, answer.send), self._running()
        ).result()
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", answer.headers)
        return answer.parts

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, started by the first request: a server may have forked before."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="fastconv-wsgi", daemon=True).start()
            return self._loop


class _Answer:
    """What the ASGI app reads and writes of one request."""

    def __init__(self, environ: dict[Any, Any]) -> None:
        self._body = environ["wsgi.input"]
        self._left = int(environ.get("CONTENT_LENGTH") or 0)
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self.parts: list[bytes] = []

    async def receive(self) -> dict[Any, Any]:
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(None, self._body.read, min(self._left, _PIECE)) if self._left else b""
        self._left = self._left - len(piece) if piece else 0
        return {"type": "http.request", "body": piece, "more_body": self._left > 0}

    async def send(self, message: dict[Any, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            self.parts.append(message.get("body", b""))


def _scope(environ: dict[Any, Any]) -> dict[Any, Any]:
    """The request as ASGI has it."""
    names = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    names |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    headers = [(name.replace("_", "-").lower().encode(), value.encode("latin-1")) for name, value in names.items()]
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "headers": headers,
        "client": (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0)),
        "server": (environ.get("SERVER_NAME", ""), int(environ.get("SERVER_PORT") or 0)),
    }
