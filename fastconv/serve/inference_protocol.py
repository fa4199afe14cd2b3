"""The Open Inference Protocol, version 2, with the extension for binary tensors.

https://github.com/kserve/open-inference-protocol and Triton's protocol extensions.
"""

from __future__ import annotations

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from .endpoints import endpoint, json_bytes, json_response, parse_json, read_body
from .errors import RequestError
from .model import Model
from .service import Service
from .tensors import from_bytes, from_json, kind_name, kind_of

__all__ = ["routes"]

_HEADER = "inference-header-content-length"


def routes(service: Service) -> list:
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


def _described(value) -> dict:
    shape = [-1 if size is None else size for size in value.shape]
    return {"name": value.name, "datatype": kind_name(value.dtype), "shape": shape}


async def _infer(service: Service, request: Request) -> Response:
    model = _model(service, request)
    message, binary = _split(await read_body(request), request.headers.get(_HEADER))
    arrays = _arrays(message, binary)
    wanted = _wanted(message, model)
    outputs = await service.infer(model, arrays)
    answer = {"model_name": service.name, "model_version": str(model.version), "outputs": []}
    if isinstance(message.get("id"), str):
        answer["id"] = message["id"]
    parts = []
    for value, array in zip(model.outputs, outputs, strict=True):
        if value.name in wanted:
            answer["outputs"].append(_output(value.name, array, wanted[value.name], parts))
    text = json_bytes(answer, [output["data"] for output in answer["outputs"] if "data" in output])
    if not parts:
        return Response(text, headers={"content-type": "application/json"})
    headers = {"content-type": "application/octet-stream", _HEADER: str(len(text))}
    return Response(b"".join([text, *parts]), headers=headers)


def _split(body: bytes, length: str | None) -> tuple[dict, memoryview]:
    """The JSON of a body, and the bytes of tensors after it."""
    if length is None:
        return parse_json(body), memoryview(b"")
    if not (length.isascii() and length.isdigit() and int(length) <= len(body)):
        raise RequestError(400, f"header Inference-Header-Content-Length: {length[:40]!r} is no length within the body")
    return parse_json(body[: int(length)]), memoryview(body)[int(length) :]


def _arrays(message: dict, binary: memoryview) -> dict[str, np.ndarray]:
    """The arrays of the inputs by name."""
    found = {}
    for index, tensor in enumerate(_objects(message, "inputs")):
        field = f"inputs[{index}]"
        name = tensor.get("name")
        if not isinstance(name, str) or name in found:
            raise RequestError(400, f"{field}.name: each input has a name of its own")
        found[name], binary = _array(tensor, field, binary)
    if len(binary):
        raise RequestError(400, f"the body has {len(binary)} bytes more than the inputs' binary_data_size")
    return found


def _array(tensor: dict, field: str, binary: memoryview) -> tuple[np.ndarray, memoryview]:
    """The array of an input, and the bytes that are left for the next ones."""
    dtype, shape = kind_of(tensor.get("datatype"), f"{field}.datatype"), _shape(tensor.get("shape"), field)
    size = _parameters(tensor, field).get("binary_data_size")
    if size is None:
        array = from_json(tensor.get("data"), f"{field}.data")
        if array.size != np.prod(shape, dtype=object):
            raise RequestError(400, f"{field}.data: shape {shape} has not {array.size} numbers")
        return array.reshape(shape).astype(dtype), binary
    if not isinstance(size, int) or not 0 <= size <= len(binary):
        raise RequestError(400, f"{field}.parameters.binary_data_size: must be within the body's {len(binary)} bytes")
    return from_bytes(binary[:size], shape, dtype, field), binary[size:]


def _shape(shape, field: str) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise RequestError(400, f"{field}.shape: must be a list of sizes")
    return tuple(shape)


def _objects(message: dict, field: str) -> list[dict]:
    found = message.get(field)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RequestError(400, f"{field}: must be a list of objects")
    return found


def _parameters(owner: dict, field: str) -> dict:
    found = owner.get("parameters", {})
    if not isinstance(found, dict):
        raise RequestError(400, f"{field}.parameters: must be an object")
    return found


def _wanted(message: dict, model: Model) -> dict[str, bool]:
    """The outputs that are asked for, and whether each is to be binary."""
    names = [value.name for value in model.outputs]
    everywhere = bool(_parameters(message, "the body").get("binary_data_output", False))
    if not message.get("outputs"):
        return dict.fromkeys(names, everywhere)
    found = {}
    for index, output in enumerate(_objects(message, "outputs")):
        if output.get("name") not in names:
            raise RequestError(400, f"outputs[{index}].name: must be one of {names}")
        found[output["name"]] = bool(_parameters(output, f"outputs[{index}]").get("binary_data", everywhere))
    return found


def _output(name: str, array: np.ndarray, binary: bool, parts: list[bytes]) -> dict:
    """An output's part of the answer; its bytes go into parts."""
    found = {"name": name, "datatype": kind_name(array.dtype), "shape": list(array.shape)}
    if not binary:
        return found | {"data": np.ascontiguousarray(array).reshape(-1)}
    parts.append(array.tobytes())
    return found | {"parameters": {"binary_data_size": len(parts[-1])}}
