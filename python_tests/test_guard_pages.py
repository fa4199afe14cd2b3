"""conv2d on arrays beside pages that may not be touched: every algorithm, every instruction set."""
import subprocess
import sys

CODE = """
import contextlib
import ctypes
import mmap
import numpy as np
import fastconv
from fastconv import cpu
from fastconv.nn.convolution import ALGORITHMS

PAGE, NONE = mmap.PAGESIZE, 0
libc = ctypes.CDLL(None)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
maps = []

def guarded(array, at_end):
    pages = -(-array.nbytes // PAGE) + 2
    memory = mmap.mmap(-1, pages * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in start, start + (pages - 1) * PAGE:
        assert libc.mprotect(guard, PAGE, NONE) == 0
    maps.append(memory)
    place = (pages - 1) * PAGE - array.nbytes if at_end else PAGE
    inner = np.frombuffer(memory, array.dtype, array.size, place).reshape(array.shape)
    inner[...] = array
    return inner

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


def test_nothing_outside_the_arrays_is_touched():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 500
