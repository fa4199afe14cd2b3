"""Requests that a server must refuse: the status, a word that names the field, and the next request served."""

import contextlib
import io
import json
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from serving import exchange, scaled, serving

from fastconv.serve import Settings

KEY = "a key with spaces"
BOUNDS = Settings(max_body=20_000, timeout=1.0, api_keys=("another", KEY), allowed_hosts=("model.example",))
ROWS = {"instances": [[[1, 2, 3], [4, 5, 6]]]}
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer another\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
TENSOR = {"name": "x", "shape": [1, 2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}


@pytest.fixture(scope="module")
def url():
    with serving(scaled(), BOUNDS) as (url, _):
        yield url


@pytest.fixture(autouse=True)
def serves_afterwards(url):
    yield
    answer = post(url, "/v1/models/scaled:predict", json=ROWS)
    assert answer.json() == {"predictions": [[[2, 4, 6], [8, 10, 12]]]}


SESSION = requests.Session()


def post(url, path, headers=(), **body):
    return SESSION.post(url + path, headers={"Authorization": f"Bearer {KEY}", **dict(headers)}, timeout=10, **body)


def npy(header: str, data=b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def numbers(shape) -> bytes:
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n", bytes(24))


def bomb() -> bytes:
    """A PNG file of a few bytes that says it is of 4 thousand million pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 1 << 16, 1 << 16, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def saved(kind: str) -> bytes:
    """A picture without fault."""
    stream = io.BytesIO()
    Image.new("L", (16, 16)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[1]", "JSON object"),
        (b"\xff\xfe{}", "JSON"),
        (b'{"instances": ' + b"[" * 9000 + b"]" * 9000 + b"}", "JSON"),
        (b"[" * 9000 + b"NaN" + b"]" * 9000, "JSON"),
        (json.dumps({}).encode(), "'instances'"),
        (json.dumps({"instances": [], "inputs": []}).encode(), "'instances'"),
        (json.dumps({"instances": []}).encode(), "instances"),
        (json.dumps({"instances": 7}).encode(), "instances"),
        (json.dumps({"instances": [[1, 2], [3]]}).encode(), "instances"),
        (json.dumps({"instances": ["a"]}).encode(), "instances"),
        (json.dumps({"instances": [[[1, 2, "3"], [4, 5, 6]]]}).encode(), "instances"),
        (json.dumps({"instances": [{"b64": "AAAA"}]}).encode(), "instances"),
        (json.dumps({"instances": [None]}).encode(), "instances"),
        (json.dumps({"instances": [[[1, 2], [3, 4]]]}).encode(), "input 'x'"),
        (json.dumps({"inputs": {"y": [[1]]}}).encode(), "inputs"),
        (json.dumps({**ROWS, "signature_name": "train"}).encode(), "signature_name"),
        (b'{"instances": [1' + b"0" * 5000 + b"]}", "in"),
    ],
)
def test_tensorflow_serving(url, body, field):
    answer = post(url, "/v1/models/scaled:predict", data=body)
    assert answer.status_code == 400 and field in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"inputs": None}, "inputs"),
        ({"inputs": [3]}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [TENSOR, TENSOR]}, "inputs[1].name"),
        ({"inputs": [{**TENSOR, "name": 3}]}, "inputs[0].name"),
        ({"inputs": [{**TENSOR, "datatype": "BYTES"}]}, "inputs[0].datatype"),
        ({"inputs": [{**TENSOR, "shape": "1"}]}, "inputs[0].shape"),
        ({"inputs": [{**TENSOR, "shape": [-1, 2, 3]}]}, "inputs[0].shape"),
        ({"inputs": [{**TENSOR, "shape": [2**39] * 30}]}, "inputs[0].data"),
        ({"inputs": [{**TENSOR, "data": [1]}]}, "inputs[0].data"),
        ({"inputs": [{**TENSOR, "data": ["a"] * 6}]}, "inputs[0].data"),
        ({"inputs": [{**TENSOR, "parameters": 1}]}, "inputs[0].parameters"),
        ({"inputs": [{**TENSOR, "parameters": {"binary_data_size": 24}}]}, "binary_data_size"),
        ({"inputs": [{**TENSOR, "parameters": {"binary_data_size": -1}}]}, "binary_data_size"),
        ({"outputs": [{"name": "z"}]}, "outputs[0].name"),
        ({"outputs": 3}, "outputs"),
        ({"parameters": []}, "parameters"),
    ],
)
def test_inference_protocol(url, change, field):
    answer = post(url, "/v2/models/scaled/infer", json={"inputs": [TENSOR], **change})
    assert answer.status_code == 400 and field in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "9999999", "9" * 5000, "3"])
def test_lengths_of_the_json_before_tensors(url, length):
    headers = {"Inference-Header-Content-Length": length}
    answer = post(url, "/v2/models/scaled/infer", headers, data=json.dumps({"inputs": [TENSOR]}))
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        npy("{'descr': '<f4'}"),
        npy("__import__('os').getpid()"),
        npy("(" * 3000),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }" + " " * 9000, bytes(24)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1, 2, 3), }", bytes(48)),
        npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2, 3), }", bytes(48)),
        npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2, 3), }", bytes(24)),
        numbers((1 << 60, 2, 3)),
        numbers((-1, -2, 3)),
        numbers((1, 2, 4)),
        numbers((2, 3, 1)),
        b"neither a picture nor an array",
        saved("EPS"),  # Pillow has another program read it
        saved("ICO"),  # which may hold a PNG of another size than it says
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(100),
        bomb(),
    ],
)
def test_files(url, body):
    answer = post(url, "/predict", data=body)
    assert answer.status_code in (400, 413) and answer.json()["error"]


def test_large_bodies(url):
    assert post(url, "/predict", data=bytes(20_001)).status_code == 413
    assert post(url, "/predict", data=(bytes(5000) for _ in range(9))).status_code == 413


def test_compressed_bodies_are_not_unpacked(url):
    body = zlib.compress(bytes(10_000_000))
    assert post(url, "/predict", {"Content-Encoding": "gzip"}, data=body).status_code == 415


@pytest.mark.parametrize("key", ["", KEY, "Basic another", "Bearer", "Bearer wrong", f"Bearer {KEY}x", "Bearer \xe9"])
def test_a_key_is_needed(url, key):
    for path in ("/v1/models/scaled:predict", "/v2/models/scaled/infer", "/predict"):
        answer = requests.post(url + path, json=ROWS, headers={"Authorization": key.encode("latin-1")}, timeout=10)
        assert answer.status_code == 401 and "WWW-Authenticate" in answer.headers
    assert (
        requests.get(f"{url}/metrics", headers={"Authorization": key.encode("latin-1")}, timeout=10).status_code == 401
    )
    assert requests.get(f"{url}/v2/health/live", timeout=10).status_code == 200
    assert post(url, "/v1/models/scaled:predict", {"Authorization": "bearer another"}, json=ROWS).status_code == 200


def test_origins_and_hosts(url):
    path, own = "/v1/models/scaled:predict", url.removeprefix("http://")
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://["):
        answer = post(url, path, {"Origin": origin}, json=ROWS)
        assert answer.status_code == 403 and "Origin" in answer.json()["error"]
        assert not [name for name in answer.headers if name.lower().startswith("access-")]
    assert post(url, path, {"Origin": f"http://{own}"}, json=ROWS).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:8501"):
        assert post(url, path, {"Host": host}, json=ROWS).status_code == 400
    for host in ("localhost", "LOCALHOST:80", "[::1]:8501", "192.168.0.7", "model.example:443"):
        assert post(url, path, {"Host": host}, json=ROWS).status_code == 200


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((b"",), b"408"),
        ((b"POST / HTTP/1.1\r\nHost: localhost\r\n",), b"408"),
        ((HEAD + b"Content-Length: 9\r\n\r\n1",), b"408"),
        ((b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"a" * 100_000,), b"431"),
        ((CHUNKED + b"0\r\n" + b"a: b\r\n" * 50_000,), b"431"),
        ((CHUNKED + b"0\r\n", b"a: " + b"b" * 300_000), b"431"),
        ((CHUNKED, b"1;a=" + b"b" * 300_000), b"431"),
        ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), b"400"),
        ((b"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\nConnection: close\r\n\r\n",), b"400"),
        ((b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",), b"400"),
        ((b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",), b"400"),
    ],
)
def test_connections(url, parts, status):
    assert exchange(url, *parts).startswith(b"HTTP/1.1 " + status)


def test_a_trickle_of_a_body_is_cut_off(url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 0.05) as connection:
        connection.sendall(HEAD + b"Content-Length: 900\r\n\r\n")
        for _ in range(400):
            connection.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                assert b" 408 " in connection.recv(1000)
                return
        raise AssertionError


def test_clients_that_leave(url):
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps(ROWS).encode()
    head = f"POST /v1/models/scaled:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (head[:20], head, head + body[:5], head + body):
        for _ in range(20):
            connection = socket.create_connection((host, int(port)))
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            connection.close()


PATHS = st.sampled_from(
    ["/v1/models/scaled:predict", "/v2/models/scaled/infer", "/predict", "/v2/models/scaled", "/nothing"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
MESSAGES = VALUES | st.fixed_dictionaries(
    {}, optional={name: VALUES for name in ("instances", "inputs", "outputs", "parameters", "id", "signature_name")}
)
TENSORS = st.fixed_dictionaries({}, optional={name: VALUES for name in (*TENSOR, "parameters")})


@settings(max_examples=80, deadline=None)
@given(path=PATHS, message=MESSAGES | st.builds(lambda tensors: {"inputs": tensors}, st.lists(TENSORS, max_size=2)))
def test_drawn_messages(url, path, message):
    answer = post(url, path, data=json.dumps(message))
    assert answer.status_code in (200, 400, 404, 405, 413)
    assert answer.status_code == 200 or answer.json()["error"]


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 151), value=st.integers(0, 255), cut=st.integers(0, 152))
def test_damaged_files(url, place, value, cut):
    stream = io.BytesIO()
    np.save(stream, np.ones((1, 2, 3), np.float32))
    body = bytearray(stream.getvalue())
    body[place] = value
    assert post(url, "/predict", data=bytes(body[:cut] if cut % 2 else body)).status_code in (200, 400)


def test_a_full_queue():
    entered, leave = threading.Event(), threading.Event()

    def slow(*inputs):
        entered.set()
        leave.wait(20)
        return compute(*inputs)

    with serving(scaled(), Settings(max_queue=2)) as (url, service):
        compute, service.model.net = service.model.net, slow
        answers = []

        def ask():
            answers.append(requests.post(f"{url}/v1/models/scaled:predict", json=ROWS, timeout=20))

        threads = [threading.Thread(target=ask) for _ in range(5)]
        threads[0].start()
        assert entered.wait(20)
        for thread in threads[1:]:
            thread.start()
        end = time.monotonic() + 20
        while len(answers) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert all(refused.status_code == 503 and refused.headers["Retry-After"] for refused in answers)
        leave.set()
        for thread in threads:
            thread.join(20)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503]


def test_what_takes_too_long():
    leave = threading.Event()
    with serving(scaled(), Settings(timeout=0.3)) as (url, service):
        compute = service.model.net
        service.model.net = lambda *inputs: leave.wait(20) and compute(*inputs)
        answer = requests.post(f"{url}/v1/models/scaled:predict", json=ROWS, timeout=20)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        leave.set()
        assert requests.post(f"{url}/v1/models/scaled:predict", json=ROWS, timeout=20).status_code == 200


def test_a_network_that_fails_tells_its_client_nothing():
    def fails(*inputs):
        raise RuntimeError("a secret path")

    with serving(scaled()) as (url, service):
        service.model.net = fails
        answer = requests.post(f"{url}/v1/models/scaled:predict", json=ROWS, timeout=10)
        assert answer.status_code == 500 and "secret" not in answer.text and "Traceback" not in answer.text
