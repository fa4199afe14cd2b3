"""A server's protocols: the answers are NumPy's, through public clients too."""

import io
import subprocess
import sys

import numpy as np
import pytest
import requests
from serving import scaled, serving

from fastconv.network import Graph, Net, Node, Value

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
