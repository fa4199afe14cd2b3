"""TensorFlow Serving's REST API: https://www.tensorflow.org/tfx/serving/api_rest"""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from .endpoints import endpoint, json_response, parse_json, read_body
from .errors import RequestError
from .model import Model
from .service import Service
from .tensors import from_json

__all__ = ["routes"]

_KINDS = {
    "bool": "DT_BOOL",
    "float16": "DT_HALF",
    "bfloat16": "DT_BFLOAT16",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
}
_SIGNATURE = "serving_default"


def routes(service: Service) -> list[Any]:
    """The paths of this protocol."""
    path = f"/v1/models/{service.name}"
    found = []
    for place in (path, path + "/versions/{version}"):
        found += [
            endpoint(place + ":predict", "tensorflow_predict", _predict, service, ["POST"]),
            endpoint(place, "tensorflow_status", _status, service, ["GET"]),
            endpoint(place + "/metadata", "tensorflow_metadata", _metadata, service, ["GET"]),
        ]
    return found


def _model(service: Service, request: Request) -> Model:
    version = request.scope.get("path_params", {}).get("version")
    return service.model if version is None else service.found(version)


async def _status(service: Service, request: Request) -> Response:
    status = {"error_code": "OK", "error_message": ""}
    state = {"version": str(_model(service, request).version), "state": "AVAILABLE", "status": status}
    return json_response({"model_version_status": [state]})


async def _metadata(service: Service, request: Request) -> Response:
    model = _model(service, request)
    signature = {
        "inputs": {value.name: _tensor_info(value) for value in model.inputs},
        "outputs": {value.name: _tensor_info(value) for value in model.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return json_response(
        {
            "model_spec": {"name": service.name, "signature_name": "", "version": str(model.version)},
            "metadata": {"signature_def": {"signature_def": {_SIGNATURE: signature}}},
        }
    )


def _tensor_info(value: Any) -> dict[Any, Any]:
    dims = [{"size": str(-1 if size is None else size), "name": ""} for size in value.shape]
    kind = _KINDS.get(value.dtype.name, "DT_" + value.dtype.name.upper())
    return {"dtype": kind, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": value.name}


async def _predict(service: Service, request: Request) -> Response:
    model = _model(service, request)
    body = await read_body(request)
    message = parse_json(body)
    if message.get("signature_name", _SIGNATURE) not in ("", _SIGNATURE):
        raise RequestError(400, f"signature_name: must be {_SIGNATURE!r}")
    if ("instances" in message) == ("inputs" in message):
        raise RequestError(400, "either 'instances' or 'inputs' is needed")
    by_rows = "instances" in message
    arrays = (
        _instances(message["instances"], model, len(body)) if by_rows else _inputs(message["inputs"], model, len(body))
    )
    outputs = await service.infer(model, arrays)
    if by_rows:
        return json_response({"predictions": _rows(model, outputs)}, arrays=outputs)
    if len(outputs) == 1:
        return json_response({"outputs": outputs[0]}, arrays=outputs)
    named = dict(zip((value.name for value in model.outputs), outputs, strict=True))
    return json_response({"outputs": named}, arrays=outputs)


def _instances(instances: Any, model: Model, size: int) -> dict[str, np.ndarray]:
    """Arrays of the row format: a list of what each row has."""
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, "instances: must be a list that is not empty")
    names = [value.name for value in model.inputs]
    if not any(isinstance(row, dict) for row in instances):
        if len(names) > 1:
            raise RequestError(400, f"instances: must be objects with the inputs {names}")
        return {names[0]: from_json(instances, "instances", size)}
    if not all(isinstance(row, dict) and row.keys() == set(names) for row in instances):
        raise RequestError(400, f"instances: all must be objects with the inputs {names}")
    return {name: from_json([row[name] for row in instances], f"instances.{name}", size) for name in names}


def _inputs(inputs: Any, model: Model, size: int) -> dict[str, np.ndarray]:
    """Arrays of the column format: one for each input."""
    names = [value.name for value in model.inputs]
    if not isinstance(inputs, dict):
        if len(names) > 1:
            raise RequestError(400, f"inputs: must be an object with the inputs {names}")
        return {names[0]: from_json(inputs, "inputs", size)}
    if inputs.keys() != set(names):
        raise RequestError(400, f"inputs: must be {names}; received {list(inputs)[:20]}")
    return {name: from_json(value, f"inputs.{name}", size) for name, value in inputs.items()}


def _rows(model: Model, outputs: list[np.ndarray]) -> Any:
    if len(outputs) == 1:
        return outputs[0]
    names = [value.name for value in model.outputs]
    return [dict(zip(names, row, strict=True)) for row in zip(*outputs, strict=True)]
