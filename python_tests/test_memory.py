"""The memory of results: never shared while an array is alive, and found again by the next result."""

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastconv

SHAPE = (1, 256, 256, 16)  # 4 MiB


def ones(value):
    return fastconv.conv2d(np.full(SHAPE, value, np.float32), np.eye(16, dtype=np.float32)[None, None])


def test_live_results_are_apart():
    kept = [ones(i) for i in range(24)]  # more than are kept once gone
    views = [y[0, ::7] for y in kept[::2]]
    del kept[::2]
    gc.collect()
    later = [ones(100 + i) for i in range(24)]
    for i, view in enumerate(views):
        assert (view == 2 * i).all()
    for i, y in enumerate(kept):
        assert (y == 2 * i + 1).all()
    for i, y in enumerate(later):
        assert (y == 100 + i).all()


def test_results_are_ordinary_arrays():
    y = ones(1)
    assert y.flags.writeable
    assert y.flags.c_contiguous
    y += 1
    assert (y == 2).all()
    assert y.ctypes.data % 64 == 0


def test_memory_is_found_again_and_given_back():
    first = ones(1)
    place = first.ctypes.data
    del first
    gc.collect()
    again = ones(2)
    assert again.ctypes.data == place
    del again
    fastconv.release_memory()
    fastconv.release_memory()
    assert (ones(3) == 3).all()


def test_threads_hand_memory_to_one_another():
    with ThreadPoolExecutor(6) as pool:
        for round_ in range(10):
            results = list(pool.map(ones, range(round_, round_ + 12)))
            assert all((y == round_ + i).all() for i, y in enumerate(results))


FORK = """
import os
import numpy as np
import fastconv

x, kernel = np.ones((1, 256, 256, 16), np.float32), np.eye(16, dtype=np.float32)[None, None]
fastconv.conv2d(x, kernel)
child = os.fork()
y = fastconv.conv2d(x * (2 + (child == 0)), kernel)
if child:
    assert (y == 2).all() and os.waitpid(child, 0)[1] == 0
else:
    os._exit(int(not (y == 3).all()))
"""


def test_a_forked_child_has_results_of_its_own():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, timeout=120)


def test_too_large_a_result_is_a_memory_error():
    x = np.broadcast_to(np.float32(1), (1, 1, 1, 1))
    with pytest.raises(MemoryError):
        fastconv.conv2d(x, np.ones((1, 1, 1, 1), np.float32), padding=((2**23, 2**23), (2**23, 2**23)))
