"""A function of a request as a route, and JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .errors import RequestError
from .service import Service

__all__ = ["endpoint", "json_bytes", "json_response", "parse_json"]

Function = Callable[[Service, Request], Awaitable[Response]]


def endpoint(path: str, name: str, function: Function, service: Service, methods: list[str]) -> Route:
    """A route; the name is what metrics and the log call it."""
    return Route(path, _Endpoint(name, function, service), methods=methods, name=name)


class _Endpoint:
    """An ASGI app. Starlette takes it as it is, which spares the half of a short request's time."""

    def __init__(self, name: str, function: Function, service: Service):
        self._name, self._function, self._service = name, function, service

    async def __call__(self, scope, receive, send) -> None:
        scope["fastconv.endpoint"] = self._name
        response = await self._function(self._service, Request(scope, receive, send))
        await response(scope, receive, send)


def parse_json(body: bytes) -> dict:
    """The object in a body; RequestError 400 if there is none. As in TensorFlow Serving, NaN is a number."""
    try:
        found = orjson.loads(body)
    except ValueError as error:
        found = _parse_with_nan(body, error)
    if not isinstance(found, dict):
        raise RequestError(400, "the body must be a JSON object")
    return found


def _parse_with_nan(body: bytes, error: ValueError):
    if b"NaN" not in body and b"Infinity" not in body:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None


def json_bytes(value) -> bytes:
    """JSON of dicts, lists and arrays, NaN and Infinity as TensorFlow Serving writes them."""
    if _finite(value):
        return orjson.dumps(value, default=_lists, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(value, default=_lists).encode()


def _finite(value) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biu" or bool(np.isfinite(value).all())
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or all(map(_finite, value))


def _lists(value):
    """What an array that the encoder has no words for holds."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def json_response(value, status: int = 200) -> Response:
    """A response of dicts, lists and arrays."""
    return Response(json_bytes(value), status, headers={"content-type": "application/json"})
