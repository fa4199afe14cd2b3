"""The examples of serving: a network inside of FastAPI and Flask, and the options that containers and units give."""

import argparse
import importlib
import json
import re
import shlex
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import requests
import uvicorn
from drawn_digits import digits

import fastconv
from fastconv.cli import serve

SERVING = Path(__file__).resolve().parents[1] / "examples" / "serving"
MODEL = Path(serve.__file__).with_name("lenet.fcn")


@pytest.fixture
def example(monkeypatch):
    """Imports an example by its name, with the network of the demo."""
    monkeypatch.setenv("MODEL", str(MODEL))
    monkeypatch.syspath_prepend(SERVING)
    return importlib.import_module


@pytest.fixture(scope="module")
def image():
    """A digit as rows of numbers, and its class by the network itself."""
    rows = digits()[0][0] / np.float32(255)
    return rows.tolist(), int(fastconv.load(MODEL)(rows[None, :, :, None]).argmax())


def test_fastapi(example, image):
    rows, digit = image
    config = uvicorn.Config(example("fastapi_app").app, log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert requests.post(f"{url}/digit", json=rows, timeout=20).json() == {"digit": digit}
            wrong = requests.post(f"{url}/digit", json=[[1.0, 2.0]], timeout=20)
            assert wrong.status_code == 422 and "shape" in wrong.json()["detail"]
            instances = {"instances": [[[[number] for number in row] for row in rows]]}
            answer = requests.post(f"{url}/model/v1/models/digits:predict", json=instances, timeout=20).json()
            assert np.argmax(answer["predictions"][0]) == digit
            assert requests.get(f"{url}/model/v2/health/ready", timeout=20).status_code == 200
        finally:
            server.should_exit = True
            thread.join(20)


def test_flask(example, image):
    rows, digit = image
    client = example("flask_app").app.test_client()
    assert client.post("/digit", json=rows).get_json() == {"digit": digit}
    for wrong in ([[1.0, 2.0]], [["a"]], [], 3):
        answer = client.post("/digit", json=wrong)
        assert answer.status_code == 422 and answer.get_json()["error"]
    instances = {"instances": [[[[number] for number in row] for row in rows]]}
    answer = client.post("/model/v1/models/digits:predict", json=instances).get_json()
    assert np.argmax(answer["predictions"][0]) == digit


def options_of(name: str) -> list[str]:
    """What a file of the folder gives to ``python -m fastconv serve``."""
    text = (SERVING / name).read_text()
    if name == "kserve.yaml":
        return json.loads(re.search(r"args: (\[.*\])", text)[1])
    if name == "Dockerfile":
        return [*json.loads(re.search(r"ENTRYPOINT (\[.*\])", text)[1])[4:], "lenet.fcn"]
    return shlex.split(re.search(r"ExecStart=\S+ -m fastconv serve (.*)", text)[1])


@pytest.mark.parametrize("name", ["Dockerfile", "fastconv.service", "kserve.yaml"])
def test_options_are_known(name):
    parser = argparse.ArgumentParser(exit_on_error=False)
    serve.add_arguments(parser)
    assert parser.parse_args(options_of(name)).model.endswith("lenet.fcn")
