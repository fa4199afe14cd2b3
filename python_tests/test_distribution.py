"""tf.distribute on fastconv's layers: two devices and two workers train LeNet-5 as one does on stock layers."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import fastconv

SCRIPT = Path(__file__).parent / "distributed_lenet.py"
NETWORKS = Path(__file__).resolve().parents[1] / "examples" / "networks"


def start(kind, *options, **environment):
    environment = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1])} | environment
    environment.pop("FASTCONV_MNIST", None)
    return subprocess.Popen(
        [sys.executable, *options, str(SCRIPT), kind, str(NETWORKS)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def expected():
    found = finish(start("one"))
    assert (found["layers"], found["replicas"]) == ("keras.src.layers.convolutional.conv2d", 1)
    assert found["losses"][-1] < found["losses"][0]
    return found["losses"]


def check(found, expected):
    assert found["layers"].startswith("fastconv.keras") and found["replicas"] == 2
    # Adam makes much of roundings, which differ where a batch is summed in two parts.
    np.testing.assert_allclose(found["losses"], expected, rtol=1e-3)


def test_two_devices_of_one_process(expected):
    check(finish(start("mirrored", "-m", "fastconv")), expected)


def test_two_workers(expected):
    with ExitStack() as free:
        sockets = [free.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        workers = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    processes = [
        start(
            "workers",
            "-m",
            "fastconv",
            TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    try:
        for process in processes:
            check(finish(process), expected)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
