"""fastconv.jax on four devices, which JAX has to know of before it starts: in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).with_name("jax_on_devices.py")


def test_on_devices(tmp_path):
    # JAX spends most of its time compiling what runs once.
    environment = os.environ | {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4",
        "JAX_ENABLE_X64": "1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", str(TESTS)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
