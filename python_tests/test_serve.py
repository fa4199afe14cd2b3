"""A server's protocols: the answers are NumPy's, through public clients too."""

import asyncio
import io
import json
import math
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import numpy as np
import pytest
import requests
import uvloop
from PIL import Image
from serving import scaled, serving

import fastconv.serve
from fastconv import vision
from fastconv.network import Graph, Net, Node, Value
from fastconv.serve import Settings, batching

X = np.arange(18, dtype=np.float32).reshape(3, 2, 3)


@pytest.fixture(scope="module")
def url():
    with serving(scaled()) as (url, _):
        yield url


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_rows_of_tensorflow_serving(url):
    answer = requests.post(f"{url}/v1/models/scaled:predict", json={"instances": X.tolist()}, timeout=10)
    assert answer.status_code == 200 and answer.json() == {"predictions": (2 * X).tolist()}
    named = {"signature_name": "serving_default", "instances": [{"x": row} for row in X.tolist()]}
    answer = requests.post(f"{url}/v1/models/scaled/versions/1:predict", json=named, timeout=10)
    assert answer.json() == {"predictions": (2 * X).tolist()}


@pytest.mark.parametrize("inputs", [X.tolist(), {"x": X.tolist()}])
def test_columns_of_tensorflow_serving(url, inputs):
    answer = requests.post(f"{url}/v1/models/scaled:predict", json={"inputs": inputs}, timeout=10)
    assert answer.json() == {"outputs": (2 * X).tolist()}


def test_nan_and_infinity_are_numbers(url):
    body = '{"instances": [[[NaN, Infinity, -Infinity], [0, 1, 2]]]}'
    answer = requests.post(f"{url}/v1/models/scaled:predict", data=body, timeout=10)
    np.testing.assert_array_equal(answer.json()["predictions"], [[[np.nan, np.inf, -np.inf], [0, 2, 4]]])


def test_state_and_signature_of_tensorflow_serving(url):
    state = requests.get(f"{url}/v1/models/scaled", timeout=10).json()["model_version_status"]
    assert [(s["version"], s["state"]) for s in state] == [("1", "AVAILABLE")]
    found = requests.get(f"{url}/v1/models/scaled/metadata", timeout=10).json()
    described = found["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["x"]
    assert described["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in described["tensor_shape"]["dim"]] == ["-1", "2", "3"]


def test_npy_bodies(url):
    for array in (X, np.asfortranarray(X), X.astype("f8"), X.astype(">f4"), X.astype("i2"), X[0]):
        answer = requests.post(f"{url}/predict", data=npy(array), headers={"Accept": "application/x-npy"}, timeout=10)
        wanted = 2 * array.astype(np.float32).reshape(-1, 2, 3)
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), wanted)
    assert requests.post(f"{url}/predict", data=npy(X), timeout=10).json() == {"predictions": (2 * X).tolist()}


TRITON = """
import sys, numpy as np, tritonclient.http as triton
client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("scaled", "1")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
described = client.get_model_metadata("scaled")
assert described["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2, 3]}]
x = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
for binary_in in (True, False):
    for outputs in (None, [triton.InferRequestedOutput("y", binary_data=True)],
                    [triton.InferRequestedOutput("y", binary_data=False)]):
        tensor = triton.InferInput("x", x.shape, "FP32")
        tensor.set_data_from_numpy(x, binary_data=binary_in)
        result = client.infer("scaled", [tensor], outputs=outputs, request_id="7")
        assert np.array_equal(result.as_numpy("y"), 2 * x) and result.get_response()["id"] == "7"
try:
    client.infer("scaled", [triton.InferInput("x", [1, 2], "FP32").set_data_from_numpy(x[0, :1, :2])])
except triton.InferenceServerException as error:
    assert "input 'x' must have shape" in str(error), error
else:
    raise AssertionError
"""


def test_the_client_of_triton(url):
    found = subprocess.run([sys.executable, "-c", TRITON, url], text=True, capture_output=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr


def test_several_inputs_and_outputs():
    float32 = np.dtype("float32")
    graph = Graph(
        [Value("a", (None, 2), float32), Value("b", (None, 2), float32)],
        [Value("sum"), Value("product")],
        [Node("Add", ("a", "b"), ("sum",)), Node("Mul", ("a", "b"), ("product",))],
    )
    a, b = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
    with serving(Net(graph), name="two") as (url, _):
        rows = [{"a": row, "b": other} for row, other in zip(a, b, strict=True)]
        answer = requests.post(f"{url}/v1/models/two:predict", json={"instances": rows}, timeout=10)
        assert answer.json()["predictions"] == [
            {"sum": [6, 8], "product": [5, 12]},
            {"sum": [10, 12], "product": [21, 32]},
        ]
        answer = requests.post(f"{url}/v1/models/two:predict", json={"inputs": {"b": b, "a": a}}, timeout=10)
        assert answer.json()["outputs"] == {"sum": [[6, 8], [10, 12]], "product": [[5, 12], [21, 32]]}
        message = {
            "inputs": [
                {"name": name, "shape": [2, 2], "datatype": "INT32", "data": data}
                for name, data in (("b", b), ("a", a))
            ],
            "outputs": [{"name": "product"}],
        }
        answer = requests.post(f"{url}/v2/models/two/infer", json=message, timeout=10).json()
        assert answer["outputs"] == [{"name": "product", "datatype": "FP32", "shape": [2, 2], "data": [5, 12, 21, 32]}]


def test_rows_that_depend_on_each_other_are_not_joined():
    """A softmax over the batch axis: the answer of one request must not depend on another's."""
    graph = Graph(
        [Value("x", (None, 2), np.dtype("float32"))], [Value("y")], [Node("Softmax", ("x",), ("y",), {"axis": 0})]
    )
    with serving(Net(graph), name="mixing") as (_, service):
        assert not service.model.batched
    with serving(scaled()) as (_, service):
        assert service.model.batched


def test_metrics(url):
    requests.get(f"{url}/v1/models/scaled", timeout=10)
    text = requests.get(f"{url}/metrics", timeout=10).text
    assert 'fastconv_requests_total{code="200",endpoint="tensorflow_status"}' in text
    assert "fastconv_model_version 1.0" in text


def test_pictures():
    """Pictures are fitted as `fastconv.vision` fits them, whose own tests have their meaning."""
    net = fastconv.load(Path(fastconv.__file__).parent / "cli" / "lenet.fcn")
    drawn = np.zeros((40, 40), np.uint8)
    drawn[6:34, 18:23] = 255
    with serving(net, Settings(max_pixels=1600), "lenet") as (url, _):
        for kind in ("PNG", "JPEG"):
            stream = io.BytesIO()
            Image.fromarray(drawn).save(stream, kind)
            answer = requests.post(f"{url}/predict", data=stream.getvalue(), timeout=10)
            stream.seek(0)
            wanted = net(vision.Fitter(net)(vision.read_picture(stream)).array)
            np.testing.assert_allclose(answer.json()["predictions"], wanted, rtol=1e-4, atol=1e-6)
            assert np.argmax(answer.json()["predictions"]) == 1
        Image.fromarray(np.zeros((41, 40), np.uint8)).save(stream := io.BytesIO(), "PNG")
        assert requests.post(f"{url}/predict", data=stream.getvalue(), timeout=10).status_code == 400


@pytest.fixture(scope="module")
def wsgi_url():
    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments):
            pass

    class Threads(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    fastconv.serve.wsgi(scaled())  # as often as one likes
    app = fastconv.serve.wsgi(scaled(), "scaled", Settings(max_body=1000))
    with make_server("127.0.0.1", 0, app, Threads, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_wsgi(wsgi_url):
    def ask(factor):
        rows = (factor * X[:1]).tolist()
        answer = requests.post(f"{wsgi_url}/v1/models/scaled:predict", json={"instances": rows}, timeout=10)
        return answer.json()["predictions"] == (2 * factor * X[:1]).tolist()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(32)))
    assert requests.post(f"{wsgi_url}/predict", data=bytes(1001), timeout=10).status_code == 413
    assert requests.post(f"{wsgi_url}/predict", data=b"", timeout=10).status_code == 400
    assert requests.get(f"{wsgi_url}/v2/models/scaled?a=b", timeout=10).json()["name"] == "scaled"
    assert requests.get(wsgi_url, headers={"Host": "evil.example"}, timeout=10).status_code == 400


def test_batches_of_waiting_requests_are_joined():
    """What is asked while a batch is computed is one batch after it, and each gets its own rows."""
    sizes, begun, leave = [], threading.Event(), threading.Event()

    def slow(x):
        sizes.append(len(x))
        begun.set()
        assert leave.wait(20)
        return 2 * x

    async def ask(service):
        first = asyncio.create_task(service.predict(X[:1]))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 20)
        others = [asyncio.create_task(service.predict(X[1:] + index)) for index in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leave.set()
        return await first, await asyncio.gather(*others)

    service = fastconv.serve.app(scaled(), "scaled", Settings(max_batch=8)).service
    service.model.net = slow
    first, others = asyncio.run(ask(service))
    np.testing.assert_array_equal(first, 2 * X[:1])
    for index, found in enumerate(others):
        np.testing.assert_array_equal(found, 2 * (X[1:] + index))
    assert sizes == [1, 8, 2]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_full_batch_waits_for_nothing(run):
    """Requests that come while a batch waits for more fill it, and it is computed long before `max_wait` is over."""

    async def ask(service):
        first = [asyncio.create_task(service.predict(X[:1] + index)) for index in range(2)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in first)
        others = [asyncio.create_task(service.predict(X[:1] + index)) for index in (2, 3)]
        return await asyncio.wait_for(asyncio.gather(*first, *others), 20)

    found = run(ask(fastconv.serve.app(scaled(), "scaled", Settings(max_batch=4, max_wait=60_000)).service))
    np.testing.assert_array_equal(found, [2 * (X[:1] + index) for index in range(4)])


def test_small_batches_of_every_size_are_one_call(monkeypatch):
    """Their rows are not divided: a small network's calls cost more than its rows."""
    sizes = []

    def watched(x):
        sizes.append(len(x))
        return 2 * x

    async def ask(service):
        found = await asyncio.gather(*(service.predict(X[:1] + index) for index in range(7)))
        np.testing.assert_array_equal(found, [2 * (X[:1] + index) for index in range(7)])

    service = fastconv.serve.app(scaled(), "scaled").service
    service.model.net = watched
    asyncio.run(ask(service))
    monkeypatch.setattr(batching, "_AT_ONCE", math.inf)
    asyncio.run(ask(service))
    assert sizes == [4, 2, 1, 7]


def test_small_batches_are_computed_at_once_and_slow_ones_in_a_thread(monkeypatch):
    """The event loop computes what took little time in one of the last two batches; the least with one thread."""
    seen = []

    def watched(x):
        seen.append((threading.current_thread() is threading.main_thread(), fastconv.get_num_threads()))
        time.sleep(0.15 if slow else 0)
        return 2 * x

    async def ask(service, count):
        return [await service.predict(X[:1]) for _ in range(count)]

    monkeypatch.setattr(batching, "_AT_ONCE", 0.1)
    monkeypatch.setattr(batching, "_BY_ONE_THREAD", 0.1)
    service = fastconv.serve.app(scaled(), "scaled").service
    service.model.net = watched
    with fastconv.threads(2):
        slow = False
        np.testing.assert_array_equal(asyncio.run(ask(service, 2)), [2 * X[:1]] * 2)
        slow = True
        np.testing.assert_array_equal(asyncio.run(ask(service, 3)), [2 * X[:1]] * 3)
        assert fastconv.get_num_threads() == 2
        assert [here for here, _ in seen] == [False, True, True, True, False] and seen[1][1] == 1
        monkeypatch.setattr(batching, "_BY_ONE_THREAD", 0)
        slow = False
        asyncio.run(ask(service, 2))
        assert seen[-1] == (True, 2)


def test_the_same_words_before_other_numbers(url):
    """Texts that come again are recognized; what follows them is another request's."""
    message = {"inputs": [{"name": "x", "shape": [1, 2, 3], "datatype": "FP32"}], "outputs": [{"name": "y"}]}
    message["inputs"][0]["parameters"] = {"binary_data_size": 24}
    message["outputs"][0]["parameters"] = {"binary_data": True}
    text = json.dumps(message).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    for x in (*X, -X[0]):
        answer = requests.post(f"{url}/v2/models/scaled/infer", data=text + x.tobytes(), headers=headers, timeout=10)
        head = int(answer.headers["Inference-Header-Content-Length"])
        np.testing.assert_array_equal(np.frombuffer(answer.content[head:], np.float32), 2 * x.ravel())
        short = requests.post(f"{url}/v2/models/scaled/infer", data=text + bytes(20), headers=headers, timeout=10)
        assert short.status_code == 400 and "binary_data_size" in short.json()["error"]
    doubles = text.replace(b"FP32", b"FP64").replace(b"24", b"48")
    answer = requests.post(
        f"{url}/v2/models/scaled/infer", data=doubles + X[0].astype("<f8").tobytes(), headers=headers, timeout=10
    )
    assert answer.content.endswith((2 * X[0]).tobytes())
