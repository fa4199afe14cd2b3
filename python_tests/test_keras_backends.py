"""The layers' tests on Keras' other backends, each in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

FILES = [
    str(Path(__file__).with_name(f"{part}.py"))
    for part in (
        "test_keras_layers",
        "test_keras_models",
        "test_keras_batchnorm",
        "test_keras_chains",
        "test_keras_predictions",
        "test_keras_training",
        "keras_drawn",
    )
]
BACKENDS = [
    name
    for name in ("tensorflow", "torch", "jax", "numpy")
    if find_spec(name) is not None and name != keras.backend.backend()
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All of them at once: each computes on one core most of the time."""
    folders = {backend: tmp_path_factory.mktemp(backend) for backend in BACKENDS}
    started = {backend: start(backend, folder) for backend, folder in folders.items()}
    yield {backend: (process, folders[backend]) for backend, process in started.items()}
    for process in started.values():
        process.kill()
        process.wait()


def start(backend, folder):
    # JAX spends most of its time compiling what runs once.
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    with open(folder / "log", "w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no", *FILES],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers(runs, backend):
    process, folder = runs[backend]
    assert process.wait(600) == 0, (folder / "log").read_text()[-8000:]
