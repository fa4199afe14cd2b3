"""Servers for ``serve_load.py``: ``python serve_servers.py KIND FILE FD`` serves on the socket of that descriptor."""

import json
import os
import socket
import sys

import numpy as np

from fastconv.serve.application import Application
from fastconv.serve.endpoints import endpoint, read_body
from fastconv.serve.http import Server
from fastconv.serve.running import prepare_interpreter
from fastconv.serve.service import Service
from fastconv.serve.settings import Settings

SETTINGS = Settings(access_log=True)  # as the command has it


def fastconv_server(file: str) -> Application:
    """The network as ``python -m fastconv serve`` serves it."""
    import fastconv

    return Application(Service(fastconv.load(file), "model", SETTINGS))


def constant_server(file: str) -> Application:
    """The same stack, which reads the same body and answers what it knows beforehand."""
    from starlette.responses import Response

    import fastconv

    async def constant(service, request):
        await read_body(request)
        return Response(answer, headers={"content-type": "application/octet-stream"})

    answer = json.dumps({"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 10]}]}).encode() + bytes(40)
    service = Service(fastconv.load(file), "model", SETTINGS)
    return Application(service, [endpoint("/v2/models/model/infer", "constant", constant, service, ["POST"])])


def onnxruntime_server(file: str) -> Application:
    """The same stack around a session of ONNX Runtime."""
    import onnxruntime

    from fastconv.network import Value

    class Network:
        def __init__(self):
            self._session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
            self.inputs, self.outputs = map(_values, (self._session.get_inputs(), self._session.get_outputs()))

        def __call__(self, *inputs):
            return self._session.run(None, dict(zip((value.name for value in self.inputs), inputs, strict=True)))

    def _values(nodes):
        return [
            Value(node.name, tuple(n if isinstance(n, int) else None for n in node.shape), np.dtype("float32"))
            for node in nodes
        ]

    return Application(Service(Network(), "model", SETTINGS))


def keras_server(file: str):
    """A plain server of Keras: FastAPI and ``predict_on_batch``, on bare float32 numbers."""
    import keras
    from fastapi import FastAPI, Request

    model, app = keras.saving.load_model(file), FastAPI()
    shape = (-1, *model.input_shape[1:])
    model.predict_on_batch(np.zeros((1, *shape[1:]), np.float32))

    @app.post("/v2/models/model/infer")
    async def predict(request: Request):
        images = np.frombuffer(await request.body(), np.float32).reshape(shape)
        return {"predictions": model.predict_on_batch(images).tolist()}

    return app


def main(kind: str, file: str, fd: str) -> None:
    app = globals()[f"{kind}_server"](file)
    with socket.socket(fileno=int(fd)) as listener:
        if isinstance(app, Application):
            prepare_interpreter()
            Server(app, lambda: print("ready", flush=True)).run([listener])
            return
        import uvicorn

        print("ready", flush=True)
        uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run([listener])


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(*sys.argv[1:])
