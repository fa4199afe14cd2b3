"""A function of a request as a route, and JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .errors import RequestError
from .service import Service

__all__ = [
    "BytesResponse",
    "endpoint",
    "error_response",
    "header",
    "json_bytes",
    "json_response",
    "own_path",
    "parse_json",
    "read_body",
]

Function = Callable[[Service, Request], Awaitable["Response | BytesResponse"]]


def endpoint(path: str, name: str, function: Function, service: Service, methods: list[str]) -> Route:
    """A route; the name is what metrics and the log call it."""
    return Route(path, _Endpoint(name, function, service), methods=methods, name=name)


class _Endpoint:
    """An ASGI app. Starlette takes it as it is, which spares the half of a short request's time."""

    def __init__(self, name: str, function: Function, service: Service) -> None:
        self._name, self._function, self._service = name, function, service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["fastconv.endpoint"] = self._name
        response = await self._function(self._service, Request(scope, receive, send))
        await response(scope, receive, send)


def header(request: Request, name: bytes) -> str | None:
    """A header by its name in small letters; Starlette's own look-up takes several times as long."""
    found = request.scope["fastconv.headers"].get(name)
    return None if found is None else found.decode("latin-1")


def own_path(scope: Any) -> str:
    """The path below the place where the app is mounted."""
    result: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return result


def parse_json(body: bytes) -> dict[str, Any]:
    """The object in a body; RequestError 400 if there is none. As in TensorFlow Serving, NaN is a number."""
    try:
        found = orjson.loads(body)
    except ValueError as error:
        found = _parse_with_nan(body, error)
    if not isinstance(found, dict):
        raise RequestError(400, "the body must be a JSON object")
    return found


def _parse_with_nan(body: bytes, error: ValueError) -> Any:
    if b"NaN" not in body and b"Infinity" not in body:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as second:
        raise RequestError(400, f"the body is not JSON: {second}") from None


def json_bytes(value: Any, arrays: Any = ()) -> bytes:
    """JSON of a value with these arrays in it, NaN and Infinity as TensorFlow Serving writes them."""
    if all(array.dtype.kind in "biu" or np.isfinite(array).all() for array in arrays):
        return orjson.dumps(value, default=_lists, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(value, default=_lists).encode()


def _lists(value: Any) -> Any:
    """What an array that the encoder has no words for holds."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


class BytesResponse:
    """What answers a request with bytes whose headers are known beforehand, an ASGI app as Starlette's are.

    Parameters
    ----------
    body : bytes
    headers : list of tuple of bytes
        As ASGI has them, all of them.
    """

    __slots__ = ("_body", "_headers")

    def __init__(self, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self._body, self._headers = body, headers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def json_response(value: Any, status: int = 200, arrays: Any = ()) -> Response:
    """A response of a value with these arrays in it."""
    return Response(json_bytes(value, arrays), status, headers={"content-type": "application/json"})


def error_response(error: RequestError) -> Response:
    """The response that a request is refused with."""
    response = json_response({"error": str(error)}, error.status)
    response.headers.update(error.headers)
    return response


async def read_body(request: Request) -> bytes:
    """The body; most come in one message, for which Starlette's loop takes longer than the rest of a request."""
    message = await request.receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        result: bytes = message.get("body", b"")
        return result
    parts = [message]
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await request.receive()
        parts.append(message)
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return b"".join(part.get("body", b"") for part in parts)
