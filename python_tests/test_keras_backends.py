"""The layers' tests on Keras' other backends, each in a process of its own."""
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

FILES = [str(Path(__file__).with_name(f"test_keras_{part}.py")) for part in ("layers", "models")]
BACKENDS = [name for name in ("tensorflow", "torch", "jax", "numpy")
            if find_spec(name) is not None and name != keras.backend.backend()]


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers(backend, tmp_path):
    # JAX spends most of its time compiling what runs once.
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3",
                                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "--show-capture=no", *FILES],
        cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
