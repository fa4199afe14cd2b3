"""Threads: the setting, the same bits for any number of them, many Python threads at once, life after fork."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import threadpoolctl

import fastconv
from fastconv import _core

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


def test_blocks_of_two_python_threads_are_their_own():
    entered, left = threading.Barrier(2), threading.Barrier(2)

    def count(n):
        with fastconv.threads(n):
            entered.wait(60)
            first = fastconv.get_num_threads()
            left.wait(60)
        return first, fastconv.get_num_threads()

    default = fastconv.get_num_threads()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(count, (3, 5))) == [(3, default), (5, default)]
        with fastconv.threads(7):
            assert pool.submit(fastconv.get_num_threads).result() == default
    assert fastconv.get_num_threads() == default


def test_blocks_may_be_left_in_any_order():
    default, outer, inner = fastconv.get_num_threads(), fastconv.threads(3), fastconv.threads(5)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert fastconv.get_num_threads() == 5
    inner.__exit__(None, None, None)
    assert fastconv.get_num_threads() == default


def test_one_object_is_entered_again():
    default, three = fastconv.get_num_threads(), fastconv.threads(3)
    for _ in range(2):
        with three, fastconv.threads(5):
            with three:
                assert fastconv.get_num_threads() == 3
            assert fastconv.get_num_threads() == 5
        assert fastconv.get_num_threads() == default


def test_threads_decorates_a_function():
    assert fastconv.threads(6)(fastconv.get_num_threads)() == 6


def test_asyncio_tasks_keep_their_own_number():
    async def count(n):
        with fastconv.threads(n):
            await asyncio.sleep(0)
            return fastconv.get_num_threads()

    async def counts():
        with fastconv.threads(9):
            late = asyncio.create_task(count_later())
            numbers = await asyncio.gather(*map(count, (3, 4, 5)))
            inside = fastconv.get_num_threads()
        return numbers, inside, await late

    async def count_later():
        for _ in range(10):
            await asyncio.sleep(0)
        return fastconv.get_num_threads()

    default = fastconv.get_num_threads()
    assert asyncio.run(counts()) == ([3, 4, 5], 9, default)
    assert fastconv.get_num_threads() == default


def test_a_generator_closed_in_another_context_takes_its_number_along():
    def numbers():
        with fastconv.threads(3):
            yield fastconv.get_num_threads()

    default, generator = fastconv.get_num_threads(), numbers()
    assert next(generator) == 3
    thread = threading.Thread(target=generator.close)
    thread.start()
    thread.join()
    assert fastconv.get_num_threads() == default


def test_set_num_threads_inside_a_block_holds_after_it():
    with fastconv.threads(3):
        fastconv.set_num_threads(6)
        assert fastconv.get_num_threads() == 3
        with threadpoolctl.threadpool_limits(1, user_api="openmp"):
            assert fastconv.get_num_threads() == 3
    assert fastconv.get_num_threads() == 6


def test_plans_say_the_threads_of_the_block():
    with fastconv.threads(2):
        assert fastconv.plan_conv2d((8, 64, 64, 64), (3, 3, 64, 64))["threads"] == 2
    with fastconv.threads(1):
        assert fastconv.plan_conv2d((8, 64, 64, 64), (3, 3, 64, 64))["threads"] == 1


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
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, "3 5 6"),
        ({"OMP_NUM_THREADS": "1"}, "1 5 6"),
        ({"OMP_NUM_THREADS": " 4 , 3,2"}, "4 5 6"),
        ({"OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "3"}, "3 3 3"),
        ({"OMP_NUM_THREADS": "2", "OMP_THREAD_LIMIT": "5"}, "2 5 5"),
        ({"OMP_THREAD_LIMIT": "1"}, "1 1 1"),
    ],
)
def test_settings_of_openmp(variables, expected, tmp_path):
    code = """
import fastconv
print(fastconv.get_num_threads(), end=" ")
fastconv.set_num_threads(5)
print(fastconv.get_num_threads(), end=" ")
with fastconv.threads(6):
    print(fastconv.get_num_threads())
"""
    assert run(code, tmp_path, **variables) == expected


def test_a_controller_of_its_own_serves_builds_without_openmp(tmp_path):
    code = """
import threadpoolctl
import fastconv.threadpool
mine = [found for found in threadpoolctl.threadpool_info() if found["internal_api"] == "fastconv"]
print(len(mine), mine[0]["num_threads"], mine[0]["version"] == fastconv.__version__, end=" ")
with threadpoolctl.threadpool_limits(2):
    print(fastconv.get_num_threads(), end=" ")
with threadpoolctl.threadpool_limits(3, user_api="openmp"):
    print(fastconv.get_num_threads(), end=" ")
    with fastconv.threads(4):
        print(fastconv.get_num_threads(), end=" ")
print(fastconv.get_num_threads())
"""
    assert run(code, tmp_path, OMP_NUM_THREADS="5") == "1 5 True 2 3 4 5"


def test_no_more_threads_than_the_process_has_cpus(tmp_path):
    code = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import fastconv
print(1 <= fastconv.get_num_threads() <= (1 if hasattr(os, "sched_setaffinity") else os.cpu_count()))
"""
    environment = {name: "" for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT") if name in os.environ}
    assert run(code, tmp_path, **environment) == "True"


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


def test_calls_in_a_series_have_the_same_bits():
    wanted = fastconv.conv2d(X, KERNEL)
    with _core.Series(), _core.Series():
        for _ in range(3):
            np.testing.assert_array_equal(fastconv.conv2d(X, KERNEL), wanted)
