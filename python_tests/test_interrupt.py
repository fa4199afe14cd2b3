"""Signals during a call: what their handlers raise ends it between two tasks, and what they do not raise does not."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import fastconv

# Seconds from the start of a call that takes many times as long.
# On a busy machine the first may be too few for it to begin.
DELAYS = 0.02, 0.05, 0.1, 0.2, 0.4
rng = np.random.default_rng(3)


def floats(*shape):
    return rng.random(shape, dtype=np.float32)


# Each works for a tenth of a second or more on two threads, so that the signal comes in the midst of it.
LONG_CALLS = {
    "convolve2d direct": lambda: partial(
        fastconv.convolve2d, rng.random((1500, 1500)), rng.random((91, 91)), algorithm="direct"
    ),
    "convolve2d integers": lambda: partial(
        fastconv.convolve2d,
        np.arange(10**6).reshape(1000, 1000),
        np.arange(8100).reshape(90, 90) ** 2 % 91,
        algorithm="direct",
    ),
    "convolve2d longdouble": lambda: partial(
        fastconv.convolve2d, rng.random((600, 600)).astype("g"), rng.random((61, 61)).astype("g")
    ),
    "convolve2d fft": lambda: partial(
        fastconv.convolve2d, rng.random((1500, 1500)) + 1j, rng.random((301, 301)) + 1j, algorithm="fft"
    ),
    "filter2d": lambda: partial(fastconv.filter2d, np.ones((3000, 3000, 3), np.uint8), rng.random((31, 31))),
    "conv2d": lambda: partial(fastconv.conv2d, floats(32, 56, 56, 128), floats(5, 5, 128, 128), padding="same"),
    "conv2d channels_first": lambda: partial(
        fastconv.conv2d, floats(32, 64, 56, 56), floats(9, 9, 64, 128), data_format="channels_first"
    ),
    "conv2d integers": lambda: partial(
        fastconv.conv2d, np.ones((64, 56, 56, 128), np.int8), np.ones((9, 9, 128, 128), np.int8)
    ),
    "conv2d depthwise": lambda: partial(fastconv.conv2d, floats(16, 112, 112, 64), floats(31, 31, 1, 64), groups=64),
    "conv2d half": lambda: partial(
        fastconv.conv2d, floats(16, 56, 56, 128).astype("f2"), floats(7, 7, 128, 128).astype("f2")
    ),
    "conv2d_pool2d": lambda: partial(fastconv.conv2d_pool2d, floats(32, 56, 56, 64), floats(9, 9, 64, 128)),
    "conv2d_input_grad": lambda: partial(
        fastconv.conv2d_input_grad,
        floats(32, 56, 56, 128),
        floats(7, 7, 128, 128),
        (32, 112, 112, 128),
        strides=2,
        padding="same",
    ),
    "conv2d_kernel_grad": lambda: partial(
        fastconv.conv2d_kernel_grad, floats(32, 62, 62, 128), floats(32, 56, 56, 128), (7, 7, 128, 128)
    ),
    "max_pool2d": lambda: partial(fastconv.max_pool2d, floats(8, 224, 224, 64), 61, strides=1),
    "max_pool2d_grad": lambda: partial(
        fastconv.max_pool2d_grad, floats(1, 160, 160, 64), floats(1, 100, 100, 64), 61, strides=1
    ),
    "avg_pool2d_grad": lambda: partial(
        fastconv.avg_pool2d_grad, floats(4, 164, 164, 64), (4, 224, 224, 64), 61, strides=1
    ),
    "softmax": lambda: partial(fastconv.softmax, rng.random((7000, 8000))),
    "dense": lambda: partial(fastconv.dense, rng.random((3000, 3000)), rng.random((3000, 3000))),
}


class Interrupt(Exception):
    pass


def interrupt(*_):
    raise Interrupt


@pytest.fixture
def alarm():
    """Calls a handler in the main thread some time after the call began; goes off once."""
    before = signal.getsignal(signal.SIGALRM)

    def call(handler, function, delay=DELAYS[0]):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, delay)
        try:
            return function()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    yield call
    signal.signal(signal.SIGALRM, before)


def raised_in_the_binding(error) -> bool:
    """Whether the handler ran inside the call: before and after it, its frame would follow one of Python's."""
    *_, caller, _ = traceback.extract_tb(error.__traceback__)
    return caller.filename.endswith((".pyx", ".pxi"))


def is_interrupted(alarm, call) -> bool:
    for delay in DELAYS:
        with pytest.raises(Interrupt) as caught:
            alarm(interrupt, call, delay)
        if raised_in_the_binding(caught.value):
            return True
    return False


@pytest.mark.parametrize("make", LONG_CALLS.values(), ids=LONG_CALLS)
def test_a_handler_that_raises_ends_the_call(make, alarm):
    call = make()
    with fastconv.threads(2):
        assert is_interrupted(alarm, call)


def test_one_thread_is_interrupted_too(alarm):
    with fastconv.threads(1):
        for name in ("convolve2d longdouble", "conv2d", "max_pool2d_grad"):
            assert is_interrupted(alarm, LONG_CALLS[name]()), name


def conv2d(x, kernel, **keywords):
    with fastconv.threads(2):
        return fastconv.conv2d(x, kernel, **keywords)


def test_the_next_call_is_right_and_nothing_is_left(alarm):
    x, kernel = floats(32, 56, 56, 128), floats(5, 5, 128, 128)
    expected = conv2d(x[:1], kernel)

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    sizes = []
    for _ in range(8):
        assert is_interrupted(alarm, lambda: conv2d(x, kernel))
        np.testing.assert_array_equal(conv2d(x[:1], kernel), expected)
        gc.collect()
        fastconv.release_memory()
        if sys.platform == "linux":
            sizes.append(resident())
    # A result has 50 MB.
    assert not sizes or max(sizes[2:]) - sizes[1] < 40e6


def test_a_prepared_kernel_that_was_interrupted_is_right_the_next_time(alarm):
    x, kernel = rng.random((1, 4, 4, 1024)), rng.random((3, 3, 1024, 1536))
    expected = fastconv.conv2d(x, kernel)
    for threads in (1, 2):
        prepared = fastconv.prepare_conv2d(kernel)
        with fastconv.threads(threads):
            with contextlib.suppress(Interrupt):
                alarm(interrupt, partial(prepared, x))
            np.testing.assert_allclose(prepared(x), expected, rtol=1e-12)


def test_what_is_computed_in_place_is_not_left_half_done(alarm):
    x = rng.standard_normal(1 << 23)
    expected = fastconv.gelu(x)

    def in_place():
        fastconv.gelu(x, out=x)
        signal.pause()  # where it was over before the signal came

    with fastconv.threads(1), pytest.raises(Interrupt) as caught:
        alarm(interrupt, in_place)
    np.testing.assert_array_equal(x, expected)
    assert not raised_in_the_binding(caught.value)


def test_a_handler_may_make_calls_of_its_own(alarm):
    x, kernel, small = floats(8, 56, 56, 128), floats(5, 5, 128, 128), floats(2, 20, 20, 8)
    expected, expected_small = conv2d(x, kernel), fastconv.max_pool2d(small)
    seen = []

    def call():
        result = conv2d(x, kernel)
        while not seen:  # where it was over before the signal came
            time.sleep(0.01)
        return result

    result = alarm(lambda *_: seen.append(fastconv.max_pool2d(small)), call)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(seen[0], expected_small)


def test_calls_of_other_threads_are_left_alone(alarm):
    x, kernel = floats(8, 56, 56, 128), floats(5, 5, 128, 128)
    expected = conv2d(x, kernel)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(conv2d, x, kernel)

        def wait():
            future.result()
            signal.pause()  # where it was over before the signal came

        with pytest.raises(Interrupt):
            alarm(interrupt, wait)
        np.testing.assert_array_equal(future.result(), expected)


SIGINT = """
import os, signal, threading
import numpy as np
import fastconv

signal.signal(signal.SIGINT, signal.default_int_handler)    # a parent may have left it ignored
x = np.ones((32, 56, 56, 128), np.float32)
kernel = np.ones((7, 7, 128, 128), np.float32)
inside = False
for delay in (0.1, 0.2, 0.4):
    threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        fastconv.conv2d(x, kernel)
        signal.pause()
    except KeyboardInterrupt as error:
        frames = error.__traceback__
        while frames.tb_next:
            frames = frames.tb_next
        inside = inside or frames.tb_frame.f_code.co_filename.endswith((".pyx", ".pxi"))
print(inside, fastconv.relu(np.ones(1))[0])
"""


def test_ctrl_c(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", SIGINT], cwd=tmp_path, text=True, capture_output=True, timeout=120, check=False
    )
    assert (process.stdout, process.returncode) == ("True 1.0\n", 0), process.stderr
