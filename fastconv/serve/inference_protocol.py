"""The Open Inference Protocol, version 2, with the extension for binary tensors.

https://github.com/kserve/open-inference-protocol and Triton's protocol extensions.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from .endpoints import BytesResponse, endpoint, header, json_bytes, json_response, parse_json, read_body
from .errors import RequestError
from .model import Model
from .service import Service
from .tensors import from_json, kind_name, kind_of

__all__ = ["routes"]

_HEADER = "inference-header-content-length"
_HEADER_BYTES = _HEADER.encode()
_REPEATED = 2048  # bytes of a text that is kept to be recognized


def routes(service: Service) -> list[Any]:
    """The paths of this protocol."""
    path = f"/v2/models/{service.name}"
    found = []
    for place in (path, path + "/versions/{version}"):
        found += [
            endpoint(place + "/infer", "v2_infer", _infer, service, ["POST"]),
            endpoint(place, "v2_metadata", _metadata, service, ["GET"]),
            endpoint(place + "/ready", "v2_ready", _ready, service, ["GET"]),
        ]
    return [
        *found,
        endpoint("/v2", "v2_server", _server, service, ["GET"]),
        endpoint("/v2/health/live", "v2_live", _ready, service, ["GET"]),
        endpoint("/v2/health/ready", "v2_ready", _ready, service, ["GET"]),
    ]


def _model(service: Service, request: Request) -> Model:
    version = request.scope.get("path_params", {}).get("version")
    return service.model if version is None else service.found(version)


async def _server(service: Service, request: Request) -> Response:
    return json_response({"name": "fastconv", "version": __version__, "extensions": ["binary_tensor_data"]})


async def _ready(service: Service, request: Request) -> Response:
    model = _model(service, request)
    return json_response({"name": service.name, "version": str(model.version), "ready": True, "live": True})


async def _metadata(service: Service, request: Request) -> Response:
    model = _model(service, request)
    return json_response(
        {
            "name": service.name,
            "versions": [str(model.version)],
            "platform": "fastconv",
            "inputs": [_described(value) for value in model.inputs],
            "outputs": [_described(value) for value in model.outputs],
        }
    )


def _described(value: Any) -> dict[Any, Any]:
    shape = [-1 if size is None else size for size in value.shape]
    return {"name": value.name, "datatype": kind_name(value.dtype), "shape": shape}


async def _infer(service: Service, request: Request) -> Response | BytesResponse:
    model = _model(service, request)
    text, binary = _split(await read_body(request), header(request, _HEADER_BYTES))
    message = model.recall(_Message, text) if len(text) <= _REPEATED else _Message(model, text)
    outputs = await service.compute(model, message.arrays(binary))
    return _answer(service, model, message, outputs)


def _split(body: bytes, length: str | None) -> tuple[bytes, memoryview]:
    """The JSON of a body, and the bytes of tensors after it."""
    if length is None:
        return body, memoryview(b"")
    if not (length.isascii() and length.isdigit() and int(length) <= len(body)):
        raise RequestError(400, f"header Inference-Header-Content-Length: {length[:40]!r} is no length within the body")
    return body[: int(length)], memoryview(body)[int(length) :]


class _Message:
    """The JSON of a request.

    Parameters
    ----------
    model : Model
    text : bytes

    Attributes
    ----------
    id : str or None
    wanted : dict of str to bool
        The outputs that are asked for, and whether each is to be binary.
    is_binary : bool
        Whether all of them are.
    """

    def __init__(self, model: Model, text: bytes) -> None:
        message = parse_json(text)
        self.id = message["id"] if isinstance(message.get("id"), str) else None
        self.wanted = _wanted(message, model.output_names)
        self.is_binary = all(self.wanted.values())
        self._model, self._size, self._text_size = model, 0, len(text)
        self._inputs: dict[str, np.ndarray | _Binary] = {}
        for index, tensor in enumerate(_objects(message, "inputs")):
            self._add(tensor, f"inputs[{index}]")
        self._fitting = self._all_fit()

    def _add(self, tensor: dict[Any, Any], field: str) -> None:
        """Take an input."""
        name = tensor.get("name")
        if not isinstance(name, str) or name in self._inputs:
            raise RequestError(400, f"{field}.name: each input has a name of its own")
        dtype, shape = kind_of(tensor.get("datatype"), f"{field}.datatype"), _shape(tensor.get("shape"), field)
        size = _parameters(tensor, field).get("binary_data_size")
        if size is None:
            numbers = from_json(tensor.get("data"), f"{field}.data", self._text_size)
            self._inputs[name] = _with_shape(numbers, shape, dtype, field)
            return
        needed = math.prod(shape) * dtype.itemsize
        if type(size) is not int or size != needed:
            raise RequestError(400, f"{field}.parameters.binary_data_size: shape {shape} takes {needed} bytes")
        self._inputs[name] = _Binary(shape, dtype.newbyteorder("<"), self._size)
        self._size += size

    def _all_fit(self) -> list[_Binary] | None:
        """The inputs in the network's order if they are binary and need no conversion; raises if they do not fit."""
        values = self._model.inputs
        given = [self._inputs.get(value.name) for value in values]
        fitting = [found for found in given if isinstance(found, _Binary)]
        if self._inputs.keys() != {value.name for value in values} or len(fitting) < len(values):
            return None
        self._model.check([found.shape for found in fitting])
        return (
            fitting if all(found.dtype == value.dtype for found, value in zip(fitting, values, strict=True)) else None
        )

    def arrays(self, binary: memoryview) -> list[np.ndarray]:
        """The network's inputs; raises unless the bytes are as many as the message says, and the inputs fit."""
        if len(binary) != self._size:
            raise RequestError(
                400, f"the inputs' binary_data_size is {self._size} bytes; the body has {len(binary)} after its JSON"
            )
        if self._fitting is not None:
            return [np.ndarray(shape, dtype, binary, offset) for shape, dtype, offset in self._fitting]
        arrays = {
            name: np.ndarray(found.shape, found.dtype, binary, found.offset) if isinstance(found, _Binary) else found
            for name, found in self._inputs.items()
        }
        return self._model.arrays(arrays)


class _Binary(NamedTuple):
    """An input whose numbers lie behind the JSON, little-endian."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int


def _with_shape(array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, field: str) -> np.ndarray:
    if array.size != math.prod(shape):
        raise RequestError(400, f"{field}.data: shape {shape} has not {array.size} numbers")
    return array.reshape(shape).astype(dtype)


def _shape(shape: Any, field: str) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise RequestError(400, f"{field}.shape: must be a list of sizes")
    return tuple(shape)


def _objects(message: dict[Any, Any], field: str) -> list[dict[Any, Any]]:
    found = message.get(field)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RequestError(400, f"{field}: must be a list of objects")
    return found


def _parameters(owner: dict[Any, Any], field: str) -> dict[Any, Any]:
    found = owner.get("parameters", {})
    if not isinstance(found, dict):
        raise RequestError(400, f"{field}.parameters: must be an object")
    return found


def _wanted(message: dict[Any, Any], names: tuple[str, ...]) -> dict[str, bool]:
    """The outputs that are asked for, and whether each is to be binary."""
    everywhere = bool(_parameters(message, "the body").get("binary_data_output", False))
    if not message.get("outputs"):
        return dict.fromkeys(names, everywhere)
    found = {}
    for index, output in enumerate(_objects(message, "outputs")):
        if output.get("name") not in names:
            raise RequestError(400, f"outputs[{index}].name: must be one of {list(names)}")
        found[output["name"]] = bool(_parameters(output, f"outputs[{index}]").get("binary_data", everywhere))
    return found


def _answer(service: Service, model: Model, message: _Message, outputs: list[np.ndarray]) -> Response | BytesResponse:
    arrays = {name: y for name, y in zip(model.output_names, outputs, strict=True) if name in message.wanted}
    if message.is_binary:
        described = tuple([(name, array.dtype, array.shape) for name, array in arrays.items()])
        text, headers = model.recall(_before_binary, service.name, message.id, described)
        return BytesResponse(b"".join([text, *map(_little_endian, arrays.values())]), headers)
    answer = _head(model, service.name, message.id)
    binary = []
    for name, array in arrays.items():
        answer["outputs"].append(_output(name, array.dtype, array.shape))
        if message.wanted[name]:
            answer["outputs"][-1]["parameters"] = {"binary_data_size": array.nbytes}
            binary.append(array)
        else:
            answer["outputs"][-1]["data"] = np.ascontiguousarray(array).reshape(-1)
    text = json_bytes(answer, [output["data"] for output in answer["outputs"] if "data" in output])
    if not binary:
        return Response(text, headers={"content-type": "application/json"})
    body = b"".join([text, *map(_little_endian, binary)])
    return BytesResponse(body, _binary_headers(len(text), len(body)))


def _before_binary(model: Model, name: str, identity: str | None, outputs: tuple[Any, ...]) -> tuple[bytes, list[Any]]:
    """The JSON and the headers of an answer whose outputs are all binary."""
    answer, total = _head(model, name, identity), 0
    for output, dtype, shape in outputs:
        size = math.prod(shape) * dtype.itemsize
        answer["outputs"].append(_output(output, dtype, shape) | {"parameters": {"binary_data_size": size}})
        total += size
    text = json_bytes(answer)
    return text, _binary_headers(len(text), len(text) + total)


def _binary_headers(text: int, body: int) -> list[tuple[bytes, bytes]]:
    """The headers of so many bytes, of which the first are JSON."""
    return [
        (b"content-type", b"application/octet-stream"),
        (_HEADER_BYTES, b"%d" % text),
        (b"content-length", b"%d" % body),
    ]


def _little_endian(array: np.ndarray) -> bytes:
    """An array's numbers as the protocol sends them."""
    return array.tobytes() if sys.byteorder == "little" else array.astype(array.dtype.newbyteorder("<")).tobytes()


def _head(model: Model, name: str, identity: str | None) -> dict[Any, Any]:
    answer = {"model_name": name, "model_version": str(model.version)}
    return answer | ({} if identity is None else {"id": identity}) | {"outputs": []}


def _output(name: str, dtype: np.dtype, shape: tuple[int, ...]) -> dict[Any, Any]:
    return {"name": name, "datatype": kind_name(dtype), "shape": list(shape)}
