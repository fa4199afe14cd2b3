"""Drawn malformed requests, and clients that neither send nor read as they should."""

import io
import json
import resource
import socket
import threading
import time

import numpy as np
import pytest
import requests
from malformed import ANSWER, GOOD, KINDS, MAX_BODY, MAX_PIXELS, REST, ROW, V2, post
from send_malformed import sent
from serving import exchange, scaled, serving

from fastconv.serve import Settings


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def test_drawn_faults():
    settings = Settings(max_body=MAX_BODY, max_pixels=MAX_PIXELS, timeout=0.5)
    with serving(scaled(2.0, ROW), settings) as (url, _):
        kinds, wrong = sent(address(url), seed=1, count=8 * len(KINDS))
    assert wrong == [] and len(kinds) == len(KINDS)


@pytest.fixture(scope="module")
def url():
    with serving(scaled(2.0, ROW), Settings(max_connections=3, timeout=1.0)) as (url, _):
        yield url


def test_a_client_that_ends_its_side_is_answered(url):
    with socket.create_connection(address(url), 10) as connection:
        connection.sendall(post(REST, GOOD))
        connection.shutdown(socket.SHUT_WR)
        found = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert found.startswith(b"HTTP/1.1 200") and json.loads(found.partition(b"\r\n\r\n")[2]) == ANSWER


@pytest.mark.parametrize("header", ["X: " + "a" * 70_000, "\r\n".join(f"x{i}: {i}" for i in range(9000))])
def test_long_headers_in_one_piece(url, header):
    for before in (b"", post(REST, GOOD)):  # on a new connection, and on one that has been answered
        found = exchange(url, *filter(None, [before, post(REST, GOOD, header)]), pause=0.2, timeout=5)
        assert found.count(b"HTTP/1.1 200") == bool(before) and b"HTTP/1.1 431" in found


@pytest.mark.parametrize("path", [REST, V2])
def test_a_long_text_among_numbers_takes_no_memory(url, path):
    """NumPy makes each of an array's elements as wide as the longest text: 600 MB here."""
    values = [*[0] * 10_000, "a" * 15_000]
    tensor = {"name": "x", "shape": [1, *ROW], "datatype": "FP32", "data": values}
    body = json.dumps({"instances": values} if path == REST else {"inputs": [tensor]})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = requests.post(url + path, data=body, timeout=10)
    assert answer.status_code == 400 and "must be numbers" in answer.json()["error"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_rows_of_a_long_body(url):
    rows = np.arange(6.0 * 900).reshape(900, *ROW)
    answer = requests.post(url + REST, data=json.dumps({"instances": rows.tolist()}), timeout=10)
    assert np.array_equal(answer.json()["predictions"], 2 * rows)
    ragged = [*rows.tolist(), [[[1], [2]], [[3]]]]
    answer = requests.post(url + REST, data=json.dumps({"instances": ragged}), timeout=10)
    assert answer.status_code == 400 and "one length" in answer.json()["error"]


def test_too_many_connections(url):
    opened = [socket.create_connection(address(url), 10) for _ in range(3)]
    try:
        answer = requests.post(url + REST, data=GOOD, timeout=10)
        assert answer.status_code == 503 and answer.headers["Retry-After"] and answer.json()["error"]
    finally:
        for connection in opened:
            connection.close()
    assert requests.post(url + REST, data=GOOD, timeout=10).json() == ANSWER


def test_a_client_that_does_not_read():
    """What it asked for is given up once it takes no more of it; the connection does not stay."""
    stream = io.BytesIO()
    np.save(stream, np.zeros((16, 1 << 18), np.float32))
    request = post("/predict", stream.getvalue(), "Accept: application/x-npy")
    with (
        serving(scaled(2.0, (1 << 18,)), Settings(timeout=1.0, max_connections=1)) as (url, _),
        socket.socket() as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address(url))
        sender = threading.Thread(target=connection.sendall, args=(request,))
        sender.start()
        sender.join(20)
        assert not sender.is_alive()
        end = time.monotonic() + 20
        while requests.get(f"{url}/v2/health/live", timeout=10).status_code == 503:
            assert time.monotonic() < end
            time.sleep(0.05)
