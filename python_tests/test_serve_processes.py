"""Servers in processes of their own: signals, workers that die, and files that change."""

import json
import os
import signal
import threading
import time

import pytest
import requests
from serving import process, scaled

ROWS = {"instances": [[[1, 2, 3], [4, 5, 6]]]}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "scaled.fcn"
    scaled(2).save(path)
    return path


def answers(url, session=requests) -> list:
    return session.post(f"{url}/v1/models/scaled:predict", json=ROWS, timeout=20).json()["predictions"]


def factor(url) -> float:
    return answers(url)[0][0][0]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


class Load(threading.Thread):
    """A client that asks on one connection until the server closes it after an answer."""

    def __init__(self, url):
        super().__init__()
        self.url, self.answered, self.error = url, 0, None

    def run(self):
        try:
            with requests.Session() as session:
                while True:
                    answer = session.post(f"{self.url}/v1/models/scaled:predict", json=ROWS, timeout=20)
                    assert answer.status_code == 200
                    self.answered += 1
                    if answer.headers.get("Connection") == "close":
                        return
        except Exception as error:
            self.error = error


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_answers_every_request(model, workers):
    with process(model, "--workers", workers, "--no-access-log") as (url, server):
        load = [Load(url) for _ in range(8)]
        for client in load:
            client.start()
        until(lambda: all(client.answered > 5 for client in load))
        server.send_signal(signal.SIGTERM)
        for client in load:
            client.join(20)
        assert [client.error for client in load] == [None] * 8
        assert server.wait(20) == 0


def children(pid: int) -> set[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return {int(child) for child in file.read().split()}


def test_a_worker_that_dies_is_started_anew(model):
    with process(model, "--workers", 2) as (url, server):
        until(lambda: len(children(server.pid)) == 2)
        before = children(server.pid)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(children(server.pid) - before) == 1)
        assert [factor(url) for _ in range(4)] == [2] * 4
        assert "fastconv_requests_total" in requests.get(f"{url}/metrics", timeout=20).text
        os.kill(server.pid, signal.SIGKILL)  # without their supervisor workers end
        server.wait(20)
        until(lambda: not any(os.path.exists(f"/proc/{child}") for child in before))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_changed_file_is_exchanged(model, workers, tmp_path):
    with process(model, "--watch", "--workers", workers) as (url, _):
        assert factor(url) == 2
        scaled(3).save(model)
        until(lambda: {factor(url) for _ in range(6)} == {3})
        model.write_bytes(model.read_bytes()[:100])
        until(lambda: 'result="failure"' in requests.get(f"{url}/metrics", timeout=20).text)
        assert {factor(url) for _ in range(6)} == {3}
        scaled(4).save(model)
        until(lambda: {factor(url) for _ in range(6)} == {4})


def test_keys_and_log(model, tmp_path):
    (tmp_path / "keys").write_text("first\n\nsecond\n")
    with process(model, "--api-key-file", tmp_path / "keys", "--name", "other") as (url, server):
        for key, status in (("first", 200), ("second", 200), ("third", 401)):
            headers = {"Authorization": f"Bearer {key}"}
            answer = requests.post(f"{url}/v1/models/other:predict", json=ROWS, headers=headers, timeout=20)
            assert answer.status_code == status
        with open(f"/proc/{server.pid}/cmdline") as file:
            assert "first" not in file.read()
        server.terminate()
        lines = [json.loads(line) for line in server.stderr if line.startswith("{")]
    assert [(line["status"], line["path"], line["client"]) for line in lines] == [
        (status, "/v1/models/other:predict", "127.0.0.1") for status in (200, 200, 401)
    ]
    with process(model, FASTCONV_API_KEY="third") as (url, _):
        assert requests.get(f"{url}/v1/models/scaled", timeout=20).status_code == 401


def test_a_log_that_nobody_reads_does_not_stop_the_server(model):
    """The error stream is a pipe, which takes 64 KiB until somebody reads."""
    with process(model) as (url, server), requests.Session() as session:
        for _ in range(600):
            assert answers(url, session)
        server.terminate()
        lines = [json.loads(line) for line in server.stderr if line.startswith("{")]
        assert sum(line["path"].endswith(":predict") for line in lines) == 600
        assert sum(map(len, map(json.dumps, lines))) > 1 << 16


@pytest.mark.parametrize("workers", [1, 2])
def test_labels(tmp_path, workers):
    model, labels = tmp_path / "rows.fcn", tmp_path / "labels.txt"
    scaled(2, (3,)).save(model)
    labels.write_text("one\ntwo\n")
    with pytest.raises(AssertionError, match="2 labels; the network has 3 classes"), process(model, "--labels", labels):
        pass
    labels.write_text("one\ntwo\ndrei\n")
    with process(model, "--labels", labels, "--workers", workers) as (url, _):
        assert requests.get(f"{url}/page/model", timeout=20).json()["classes"] == 0  # of pictures alone
