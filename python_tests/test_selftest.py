"""The test that users run: right kernels pass it, a wrong one is named."""

import subprocess
import sys

import numpy as np

import fastconv.testing
from fastconv import cpu, nn


def test_kernels_pass_and_settings_come_back():
    before = cpu.active_isa(), fastconv.get_float32_precision()
    found = fastconv.testing.self_test(seed=3)
    assert (found.failures, cpu.active_isa(), fastconv.get_float32_precision()) == ([], *before)
    assert found.passed > 100 * len(cpu.available_isas())
    assert str(found) == found.report and found.report.endswith(f"{found.passed} passed, 0 failed")


def test_a_wrong_kernel_is_named(monkeypatch):
    right = nn.sigmoid
    monkeypatch.setattr(nn, "sigmoid", lambda x: right(x) * np.asarray(1.001, x.dtype))
    found = fastconv.testing.self_test()
    assert len(found.failures) == 2 * len(cpu.available_isas())
    assert all(": sigmoid, float" in line and " wrong; " in line for line in found.failures)
    assert found.failures[0] in found.report


def test_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "fastconv", "selftest"], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0 and done.stdout.endswith(" passed, 0 failed\n") and "isa: " in done.stdout
