"""The ASGI app: paths, and the endpoints behind them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from . import bodies, inference_protocol, page, tensorflow_rest
from .endpoints import endpoint, own_path
from .errors import RequestError
from .guard import Guard
from .service import Service

__all__ = ["Application"]


class Application:
    """An ASGI app of a service.

    Parameters
    ----------
    service : Service
    routes : sequence, optional
        Routes of Starlette that come first.
    """

    def __init__(self, service: Service, routes: Any = ()) -> None:
        self.service = service
        routes = [
            *routes,
            *tensorflow_rest.routes(service),
            *inference_protocol.routes(service),
            *bodies.routes(service),
            endpoint("/metrics", "metrics", _metrics, service, ["GET"]),
            *page.routes(service),
        ]
        self._app = Guard(_Paths(routes, service), service)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


async def _metrics(service: Service, request: Request) -> Response:
    text, kind = await service.run(service.metrics.text)
    return Response(text, headers={"content-type": kind})


class _Paths:
    """Starlette's router, and before it a table of the paths without parameters, which need no search."""

    def __init__(self, routes: list[Any], service: Service) -> None:
        self._router = Router(routes, redirect_slashes=False, default=self._unknown)
        self._table = {
            (route.path, method): route.app
            for route in reversed(routes)  # the first one wins
            if isinstance(route, Route) and "{" not in route.path
            for method in route.methods or ()
        }
        self._name = service.name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self._table.get((own_path(scope), scope["method"])) if scope["type"] == "http" else None
        await (app or self._router)(scope, receive, send)

    async def _unknown(self, scope: Any, receive: Any, send: Any) -> None:
        raise RequestError(404, f"nothing is served at {scope['path']}; the model's name is {self._name}")
