"""Threads: the setting, the same bits for any number of them, many Python threads at once, life after fork."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import threadpoolctl

import fastconv

rng = np.random.default_rng(7)
X = rng.standard_normal((4, 40, 38, 16), dtype=np.float32)
KERNEL = rng.standard_normal((3, 3, 16, 32), dtype=np.float32)
DY = rng.standard_normal((4, 40, 38, 32), dtype=np.float32)
IMAGE = rng.standard_normal((301, 257))
WEIGHTS = rng.standard_normal((7, 5))

CALLS = {
    "convolve2d": partial(fastconv.convolve2d, IMAGE, WEIGHTS, "same", "symm"),
    "convolve2d integers": partial(fastconv.convolve2d, (IMAGE * 50).astype(np.int16), np.ones((9, 9), np.int16)),
    "conv2d": partial(fastconv.conv2d, X, KERNEL, padding="same", activation="tanh"),
    "conv2d grouped": partial(fastconv.conv2d, X, KERNEL[:, :, :4], groups=4, strides=2),
    "conv2d depthwise": partial(fastconv.conv2d, X, KERNEL[:, :, :1, :16], groups=16),
    "conv2d channels_first": partial(fastconv.conv2d, X.transpose(0, 3, 1, 2), KERNEL, data_format="channels_first"),
    "conv2d_input_grad": partial(fastconv.conv2d_input_grad, DY, KERNEL, X.shape, padding="same"),
    "conv2d_kernel_grad": partial(fastconv.conv2d_kernel_grad, X, DY, KERNEL.shape, padding="same"),
    "max_pool2d": partial(fastconv.max_pool2d, X, 3, strides=2, padding="same"),
    "max_pool2d_grad": partial(fastconv.max_pool2d_grad, DY, DY[:, :20, :19], 2),
    "avg_pool2d": partial(fastconv.avg_pool2d, X, 3, padding="same"),
    "gelu": partial(fastconv.gelu, X),
    "softmax": partial(fastconv.softmax, X, axis=1),
}


@pytest.fixture(autouse=True)
def setting_comes_back():
    yield
    fastconv.set_num_threads(None)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_same_bits_for_any_number_of_threads(call):
    with fastconv.threads(1):
        expected = call()
    for n in (2, 3, 7):
        with fastconv.threads(n):
            np.testing.assert_array_equal(call().view(np.uint8), expected.view(np.uint8))


def test_many_python_threads_at_once_get_the_same_bits():
    expected = {name: call() for name, call in CALLS.items()}
    jobs = [name for _ in range(24) for name in CALLS]
    with ThreadPoolExecutor(8) as pool:
        for name, result in zip(jobs, pool.map(lambda name: CALLS[name](), jobs), strict=True):
            np.testing.assert_array_equal(result, expected[name], err_msg=name)


def test_set_num_threads():
    fastconv.set_num_threads(5)
    assert fastconv.get_num_threads() == 5
    fastconv.set_num_threads(np.int64(2))
    assert fastconv.get_num_threads() == 2
    fastconv.set_num_threads(None)
    assert fastconv.get_num_threads() >= 1


def test_setting_holds_in_every_python_thread():
    fastconv.set_num_threads(3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fastconv.get_num_threads).result() == 3


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_bad_numbers_of_threads(n, error):
    before = fastconv.get_num_threads()
    with pytest.raises(error, match=r"`n` must be .*; received"):
        fastconv.set_num_threads(n)
    with pytest.raises(error, match=r"`n` must be .*; received"), fastconv.threads(n):
        pass
    assert fastconv.get_num_threads() == before


def test_threads_nests_and_comes_back_after_an_exception():
    fastconv.set_num_threads(4)
    with pytest.raises(ZeroDivisionError), fastconv.threads(3):
        with fastconv.threads(2):
            assert fastconv.get_num_threads() == 2
        assert fastconv.get_num_threads() == 3
        raise ZeroDivisionError
    assert fastconv.get_num_threads() == 4


def test_threads_comes_back_to_following_openmp():
    with fastconv.threads(3):
        pass
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert fastconv.get_num_threads() == 1


def test_threadpoolctl_is_honoured_until_a_number_is_set():
    with threadpoolctl.threadpool_limits(2, user_api="openmp"):
        assert fastconv.get_num_threads() == 2
        fastconv.set_num_threads(3)
        assert fastconv.get_num_threads() == 3


def run(code: str, folder, **environment: str) -> str:
    process = subprocess.run([sys.executable, "-c", code], cwd=folder, env={**os.environ, **environment}, text=True,
                             capture_output=True, timeout=120, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_omp_num_threads_is_honoured(tmp_path):
    code = "import fastconv; print(fastconv.get_num_threads())"
    assert run(code, tmp_path, OMP_NUM_THREADS="3") == "3"
    assert run(code, tmp_path, OMP_NUM_THREADS="1") == "1"


FORK = """
import os, signal, sys
import numpy as np
import fastconv

x = np.random.default_rng(0).standard_normal((2, 64, 64, 16), dtype=np.float32)
kernel = np.random.default_rng(1).standard_normal((3, 3, 16, 16), dtype=np.float32)
fastconv.set_num_threads(4)

def work():
    y = fastconv.conv2d(x, kernel)
    return y, fastconv.max_pool2d(y), fastconv.convolve2d(y[0, :, :, 0], np.ones((9, 9), np.float32))

expected = work()
child = os.fork()
if child == 0:
    signal.alarm(60)    # kills a child that hangs
    same = all(np.array_equal(a, b) for a, b in zip(work(), expected))
    os._exit(0 if same and fastconv.get_num_threads() == 4 else 1)
_, status = os.waitpid(child, 0)
assert all(np.array_equal(a, b) for a, b in zip(work(), expected))
assert fastconv.get_num_threads() == 4
print(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_computes_the_same(tmp_path):
    assert run(FORK, tmp_path) == "0"
