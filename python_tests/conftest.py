import numpy as np
import pytest

import fastconv.cpu


@pytest.fixture(params=fastconv.cpu.available_isas())
def isa(request):
    """Every instruction set of this CPU in turn, in use inside the test."""
    with fastconv.cpu.use_isa(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)
