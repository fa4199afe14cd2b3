"""The paths of the page: its files, and what its script asks for."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ...vision import Fitted
from ..bodies import read_picture
from ..endpoints import endpoint, json_response
from ..errors import RequestError
from ..service import Service
from .view import View

__all__ = ["routes"]

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FILES = ("index.html", "page.css", "page.js", "icon.svg")
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
_DRAWING_SIDE = 1024  # of a drawing at most


def routes(service: Service) -> list[Any]:
    """The routes of the page of a service."""
    page = _Page(service)
    paths = [("/", "index.html"), *((f"/page/{name}", name) for name in _FILES)]
    return [
        *(endpoint(path, "page", _File(name), service, ["GET"]) for path, name in paths),
        endpoint("/page/model", "page_model", page.model, service, ["GET"]),
        endpoint("/page/steps", "page_steps", page.steps, service, ["GET"]),
        endpoint("/page/predict", "page_predict", page.predict, service, ["POST"]),
        endpoint("/page/features", "page_features", page.features, service, ["POST"]),
    ]


class _File:
    """A file of this folder."""

    def __init__(self, name: str) -> None:
        kind = _TYPES[name.rpartition(".")[2]]
        self._body = files("fastconv.serve.page").joinpath(name).read_bytes()
        self._headers = _HEADERS | {"content-type": f"{kind}; charset=utf-8"}

    async def __call__(self, service: Service, request: Request) -> Response:
        return Response(self._body, headers=self._headers)


class _Page:
    """The endpoints of the page's script; the view is that of the network served at the moment."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._view: View | None = None

    async def _current(self) -> View:
        net = self._service.net
        view = self._view
        if view is None or view.net is not net:
            view = self._view = await self._service.run(View, net, self._service.settings.labels)
        return view

    async def model(self, service: Service, request: Request) -> Response:
        view = await self._current()
        return json_response({"name": service.name} | view.described())

    async def steps(self, service: Service, request: Request) -> Response:
        view = await self._current()
        return json_response(await service.run(lambda: view.steps))

    async def predict(self, service: Service, request: Request) -> Response:
        view, fitted = await self._fitted(request)
        output = await service.predict(fitted.array)
        return json_response(view.answer(fitted, output))

    async def features(self, service: Service, request: Request) -> Response:
        view, fitted = await self._fitted(request)
        return json_response(await service.run(view.features, fitted.array))

    async def _fitted(self, request: Request) -> tuple[View, Fitted]:
        """What was drawn, as rows of grey levels, or a picture's file, as the input of the network at the moment."""
        view, body = await self._current(), await request.body()
        if request.headers.get("content-type") == "application/octet-stream":
            drawing = _drawing(body, request.query_params.get("width", ""))
            return view, await self._service.run(view.fitted, drawing, True)
        settings = self._service.settings
        return view, await self._service.run(lambda: view.fitted(read_picture(body, settings), False))


def _drawing(body: bytes, width: str) -> np.ndarray:
    columns = int(width) if width.isascii() and width.isdigit() and len(width) < 6 else 0
    rows = len(body) // columns if columns else 0
    if not rows or rows * columns != len(body) or max(rows, columns) > _DRAWING_SIDE:
        raise RequestError(400, f"query `width`: {len(body)} grey levels are no rows of {width!r}")
    return np.frombuffer(body, np.uint8).reshape(rows, columns)
