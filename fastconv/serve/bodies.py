"""``POST /predict``: a picture or an ``.npy`` file as the body."""

from __future__ import annotations

import functools
import io
import math
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from .endpoints import endpoint, json_response, read_body
from .errors import RequestError
from .service import Service
from .settings import Settings

__all__ = ["read_npy", "read_picture", "routes"]

_NPY = b"\x93NUMPY"
_HEADER_BYTES = 4096
# Of pictures: decoders that Pillow has itself, and which hold the sizes that a picture says it has.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM")


def routes(service: Service) -> list[Any]:
    """The path for bodies that are files."""
    return [endpoint("/predict", "predict", _predict, service, ["POST"])]


async def _predict(service: Service, request: Request) -> Response:
    body, model = await read_body(request), service.model
    if body.startswith(_NPY):
        arrays = _with_rows(read_npy(body), model)
    else:
        arrays = await service.run(_fitted, body, model.net, service.settings)
    outputs = await service.infer(model, arrays)
    if request.headers.get("accept") == "application/x-npy":
        return Response(_npy(outputs), headers={"content-type": "application/x-npy"})
    names = [value.name for value in model.outputs]
    predictions = outputs[0] if len(names) == 1 else dict(zip(names, outputs, strict=True))
    return json_response({"predictions": predictions}, arrays=outputs)


def read_npy(body: bytes) -> np.ndarray:
    """The numbers in an ``.npy`` file, as a view of the body; RequestError 400 if it is damaged or has objects."""
    try:
        begin = len(_NPY) + 2 + (2 if body[len(_NPY)] == 1 else 4)
        size = int.from_bytes(body[len(_NPY) + 2 : begin], "little")
        shape, fortran, dtype = _header(body[: begin + min(size, _HEADER_BYTES + 1)])
    except Exception as error:
        raise RequestError(400, f"the .npy file's header: {str(error).splitlines()[0]}") from None
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or any(size < 0 for size in shape):
        raise RequestError(400, f"the .npy file: must hold numbers; its dtype is {dtype}, its shape {shape}")
    data = memoryview(body)[begin + size :]
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise RequestError(400, f"the .npy file: {dtype} of shape {shape} do not take {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


@functools.lru_cache(64)
def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and dtype; clients send the same ones over and over, and reading them takes a while."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream)[0] == 1:
        return np.lib.format.read_array_header_1_0(stream, max_header_size=_HEADER_BYTES)
    return np.lib.format.read_array_header_2_0(stream, max_header_size=_HEADER_BYTES)


def _with_rows(array: np.ndarray, model: Any) -> np.ndarray:
    """The array, one of a single example with an axis for it in front."""
    shape = model.inputs[0].shape
    return array[np.newaxis] if model.batched and array.ndim == len(shape) - 1 else array


def read_picture(body: bytes, settings: Settings) -> np.ndarray:
    """The picture in a body, as of `fastconv.vision.read_picture`; ValueError if it is none that a server reads."""
    from .. import vision

    return vision.read_picture(io.BytesIO(body), settings.max_pixels, _FORMATS)


def _fitted(body: bytes, net: Any, settings: Settings) -> np.ndarray:
    """A picture as the network's input."""
    from .. import vision

    return vision.Fitter(net)(read_picture(body, settings)).array


def _npy(outputs: list[np.ndarray]) -> bytes:
    if len(outputs) > 1:
        raise RequestError(406, "header Accept: the network has several outputs, which are no .npy file")
    stream = io.BytesIO()
    np.save(stream, outputs[0], allow_pickle=False)
    return stream.getvalue()
