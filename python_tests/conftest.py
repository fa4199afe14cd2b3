import os

import numpy as np
import pytest

import fastconv.cpu


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


@pytest.fixture
def restored_precision():
    before = fastconv.get_float32_precision()
    yield
    fastconv.set_float32_precision(before)
