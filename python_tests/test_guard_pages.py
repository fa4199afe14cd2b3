"""Filters, conv2d and its kernel gradient beside pages that may not be touched: every algorithm, every ISA."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONV2D = """
import contextlib
import numpy as np
import fastconv
from fastconv import cpu
from fastconv.nn.convolution import ALGORITHMS
from guard_pages import guarded

rng = np.random.default_rng(0)
runs = 0
for _ in range(60):
    groups, size, stride = int(rng.choice([1, 1, 2])), int(rng.choice([1, 1, 2, 3, 5])), int(rng.choice([1, 1, 2, 3]))
    c_in, c_out = (groups * int(rng.choice(c)) for c in ([1, 2, 3, 16, 17, 70], [1, 2, 6, 16, 33, 70]))
    if rng.random() < 0.3:
        groups = c_out = c_in
    n, h, w = int(rng.integers(1, 3)), int(rng.integers(size, 30)), int(rng.integers(size, 45))
    layout = str(rng.choice(["channels_last", "channels_first"]))
    shape = (n, h, w, c_in) if layout == "channels_last" else (n, c_in, h, w)
    x, kernel = (rng.standard_normal(s, dtype=np.float32) for s in (shape, (size, size, c_in // groups, c_out)))
    words = {"strides": stride, "groups": groups, "data_format": layout, "padding": str(rng.choice(["same", "valid"]))}
    for isa in cpu.available_isas():
        with cpu.use_isa(isa):
            for algorithm in ALGORITHMS:
                with contextlib.suppress(ValueError):
                    want = fastconv.conv2d(x, kernel, algorithm=algorithm, **words)
                    for at_end in False, True:
                        inner = [guarded(a, at_end) for a in (x, kernel, np.zeros_like(want))]
                        fastconv.conv2d(*inner[:2], algorithm=algorithm, out=inner[2], **words)
                        assert (inner[2] == want).all(), (algorithm, isa, words, shape)
                        runs += 1
print(runs)
"""

KERNEL_GRAD = """
import contextlib
import numpy as np
import fastconv
from fastconv import cpu
from fastconv.nn.convolution_grad import KERNEL_ALGORITHMS
from guard_pages import guarded

rng = np.random.default_rng(0)
runs = 0
for _ in range(50):
    groups, size, stride = int(rng.choice([1, 1, 2])), int(rng.choice([1, 2, 3, 3, 5])), int(rng.choice([1, 1, 1, 2]))
    c_in, c_out = (groups * int(rng.choice(c)) for c in ([1, 3, 16, 17, 70], [1, 6, 16, 33, 70]))
    if rng.random() < 0.2:
        groups = c_out = c_in
    n, h, w = int(rng.integers(1, 3)), int(rng.integers(size, 20)), int(rng.integers(size, 30))
    layout = str(rng.choice(["channels_last", "channels_first"]))
    words = {"strides": stride, "groups": groups, "data_format": layout, "padding": str(rng.choice(["same", "valid"]))}
    shape = (n, h, w, c_in) if layout == "channels_last" else (n, c_in, h, w)
    x, kernel = (rng.standard_normal(s, dtype=np.float32) for s in (shape, (size, size, c_in // groups, c_out)))
    dy = rng.standard_normal(fastconv.conv2d(x, kernel, **words).shape, dtype=np.float32)
    for isa in cpu.available_isas():
        with cpu.use_isa(isa):
            for algorithm in KERNEL_ALGORITHMS:
                with contextlib.suppress(ValueError):
                    want = fastconv.conv2d_kernel_grad(x, dy, kernel.shape, algorithm=algorithm, **words)
                    for at_end in False, True:
                        inner = [guarded(a, at_end) for a in (x, dy, np.zeros_like(want))]
                        fastconv.conv2d_kernel_grad(*inner[:2], want.shape, algorithm=algorithm, out=inner[2], **words)
                        assert (inner[2] == want).all(), (algorithm, isa, words, shape)
                        runs += 1
print(runs)
"""

FILTERS = """
import numpy as np
import fastconv
from fastconv import cpu
from guard_pages import guarded

DTYPES = ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"]
rng = np.random.default_rng(0)
runs = 0
for turn in range(150):
    dtype = np.dtype(DTYPES[turn % len(DTYPES)])
    shape = tuple(int(rng.integers(1, n)) for n in (40, 90, 5))
    image = rng.integers(0, 100, shape).astype(dtype)
    kernel = rng.integers(-3, 4, (int(rng.integers(1, 9)), int(rng.integers(1, 9)))).astype("f8")
    if rng.random() < 0.4:
        kernel = np.outer(kernel[:, 0], kernel[0])
    elif rng.random() < 0.3:
        kernel = np.full(kernel.shape, 1 / kernel.size)
    words = {"border": str(rng.choice(["reflect101", "reflect", "nearest", "wrap", "constant"]))}
    flat = np.array(image[..., 0])
    for isa in cpu.available_isas():
        with cpu.use_isa(isa):
            want, full = fastconv.filter2d(image, kernel, **words), fastconv.convolve2d(flat, kernel.astype(dtype))
            for at_end in False, True:
                inner = [guarded(a, at_end) for a in (image, kernel, np.zeros_like(want))]
                fastconv.filter2d(*inner[:2], out=inner[2], **words)
                assert (inner[2] == want).all(), (isa, words, shape, dtype)
                inner = [guarded(a, at_end) for a in (flat, kernel.astype(dtype), np.zeros_like(full))]
                fastconv.convolve2d(*inner[:2], out=inner[2])
                assert (inner[2] == full).all(), (isa, shape, dtype)
                runs += 2
print(runs)
"""


@pytest.mark.parametrize("code", [CONV2D, KERNEL_GRAD, FILTERS], ids=["conv2d", "kernel_grad", "filters"])
def test_nothing_outside_the_arrays_is_touched(code):
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 500
