import inspect
import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import fastconv.cpu

# Triton, which torch.compile imports, ends the process if TensorFlow was imported before; the other order is fine.
with suppress(ImportError):
    import triton  # noqa: F401

# The tests of frameworks that are not installed.
collect_ignore_glob = [f"test_{name}*.py" for name in ("jax", "torch") if find_spec(name) is None]


def pytest_configure():
    # Keras' NumPy backend finds a layer's output shape by calling it on uninitialized arrays.
    if os.environ.get("KERAS_BACKEND") == "numpy":
        from keras.src import backend

        backend.compute_output_spec = np.errstate(all="ignore")(backend.compute_output_spec)


def pytest_collection_modifyitems(items):
    """Mark the tests that take the instruction sets in turn or, by Hypothesis, at random."""
    for item in items:
        given = getattr(getattr(item.obj, "hypothesis", None), "inner_test", None)
        if "isa" in item.fixturenames or (given and "isa" in inspect.signature(given).parameters):
            item.add_marker("every_isa")


@pytest.fixture(params=fastconv.cpu.available_isas())
def isa(request):
    """Every instruction set of this CPU in turn, in use inside the test."""
    with fastconv.cpu.use_isa(request.param):
        yield request.param


@pytest.fixture(scope="session", autouse=True)
def _empty_folder(tmp_path_factory):
    """Run in an empty folder, so that child processes import the installed package, not the source tree."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("empty"))
    yield
    os.chdir(before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def demo_net():
    """The LeNet that ``python -m fastconv demo`` serves."""
    return fastconv.load(Path(fastconv.__file__).parent / "cli/lenet.fcn")


@pytest.fixture
def restored_precision():
    before = fastconv.get_float32_precision()
    yield
    fastconv.set_float32_precision(before)


@pytest.fixture(scope="module")
def jax_float64():
    """JAX with float64, which it rounds to float32 by default."""
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)
