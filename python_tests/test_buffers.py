"""Memory that is not what it seems: arrays whose shape or dtype lies, any alignment, objects that were never made."""

import copy
import os
import pickle
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import fastconv
from fastconv import _core


class Liar(np.ndarray):
    """An array that answers with a shape and dtype of its choice."""

    told = None

    @property
    def shape(self):
        return self.told[0] if self.told else super().shape

    @property
    def dtype(self):
        return self.told[1] if self.told else super().dtype


def liar(shape, dtype, real_shape=(2,), real_dtype=np.float32):
    array = np.zeros(real_shape, real_dtype).view(Liar)
    array.told = shape, np.dtype(dtype)
    return array


X, K = np.ones((1, 9, 9, 4), np.float32), np.ones((3, 3, 4, 5), np.float32)
IMAGE = np.ones((40, 30), np.float32)
CALLS = [
    (lambda out: fastconv.conv2d(X, K, out=out), (1, 7, 7, 5)),
    (lambda out: fastconv.prepare_conv2d(K)(X, out=out), (1, 7, 7, 5)),
    (lambda out: fastconv.conv2d_pool2d(X, K, out=out), (1, 3, 3, 5)),
    (lambda out: fastconv.conv2d_transpose(X, np.ones((3, 3, 5, 4), np.float32), out=out), (1, 11, 11, 5)),
    (lambda out: fastconv.conv2d_input_grad(np.ones((1, 7, 7, 5), np.float32), K, X.shape, out=out), X.shape),
    (lambda out: fastconv.conv2d_kernel_grad(X, np.ones((1, 7, 7, 5), np.float32), K.shape, out=out), K.shape),
    (lambda out: fastconv.conv2d_bias_grad(X, out=out), (4,)),
    (lambda out: fastconv.max_pool2d(X, out=out), (1, 4, 4, 4)),
    (lambda out: fastconv.avg_pool2d_grad(np.ones((1, 4, 4, 4), np.float32), X.shape, out=out), X.shape),
    (lambda out: fastconv.relu(X, out=out), X.shape),
    (lambda out: fastconv.tanh_grad(X, X, out=out), X.shape),
    (lambda out: fastconv.softmax(X, out=out), X.shape),
    (lambda out: fastconv.dense(X.reshape(81, 4), K[0, 0], out=out), (81, 5)),
    (lambda out: fastconv.filter2d(IMAGE, np.ones((3, 3), np.float32), out=out), IMAGE.shape),
    (lambda out: fastconv.gaussian_blur(IMAGE, 1.0, out=out), IMAGE.shape),
    (lambda out: fastconv.sobel(IMAGE, out=out), IMAGE.shape),
]


@pytest.mark.parametrize(("call", "shape"), CALLS)
def test_out_is_what_its_memory_is(call, shape):
    with pytest.raises(ValueError, match="`out` must have shape"):
        call(liar(shape, np.float32))
    with pytest.raises(TypeError, match="`out` must have dtype"):
        call(liar(shape, np.float32, shape, np.int8))
    honest = np.zeros(shape, np.float32).view(Liar)
    assert call(honest) is honest
    np.testing.assert_array_equal(np.asarray(honest), call(None))


def test_the_binding_compares_lengths_with_sizes():
    geometry = _core.Conv2D(11, 0, X.shape, K.shape, (1, 1), (1, 1), ((0, 0), (0, 0)), 1)
    y, bias = np.empty((1, 7, 7, 5), np.float32), np.zeros(5, np.float32)
    geometry.forward(X, K, bias, y)
    for wrong in ((X[:, :8], K, bias, y), (X, K[:2], bias, y), (X, K, bias[:4], y), (X, K, bias, y[:, :6])):
        with pytest.raises(ValueError, match=r"a buffer of .* bytes where the sizes make it"):
            geometry.forward(*map(np.ascontiguousarray, wrong))
    for call in (
        lambda short: _core.activate(11, 1, 0.0, 9, short, np.empty(9, np.float32)),
        lambda short: _core.softmax(11, 1, 9, 1, short, np.empty(9, np.float32)),
        lambda short: _core.bias_grad(11, 0, (1, 1, 1, 9), short, np.empty(9, np.float32)),
        lambda short: _core.Dense(11, 1, 9, 1).forward(short, np.empty(9, np.float32), None, short[:1]),
    ):
        with pytest.raises(ValueError, match="a buffer of 32 bytes where the sizes make it 36"):
            call(np.zeros(8, np.float32))


def test_objects_that_were_never_made():
    y = np.empty(0, np.float32)
    made = _core.Conv2D(11, 0, X.shape, K.shape, (1, 1), (1, 1), ((0, 0), (0, 0)), 1)
    out = np.empty((1, 7, 7, 5), np.float32)
    for call in (
        lambda: _core.PreparedConv2D.__new__(_core.PreparedConv2D).run(made, X, out),
        lambda: _core.PreparedConv2D.__new__(_core.PreparedConv2D).weights(),
        lambda: _core.Conv2D.__new__(_core.Conv2D).forward(y, y, y, y),
        lambda: _core.Conv2D.__new__(_core.Conv2D).plan(),
        lambda: _core.Conv2D.__new__(_core.Conv2D).grads(y, y, y, y, y, y, y),
        lambda: _core.Pool2D.__new__(_core.Pool2D).forward(y, y),
        lambda: _core.Dense.__new__(_core.Dense).forward(y, y, y, y),
        lambda: _core.Convolve2D.__new__(_core.Convolve2D).run(y, y, None, y),
        lambda: _core.Filter2D.__new__(_core.Filter2D).run(y, y, None, y),
    ):
        with pytest.raises(ValueError, match="fastconv: "):
            call()


def odd(array):
    """A copy at an odd address."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    copied = memory.view(array.dtype).reshape(array.shape)
    copied[...] = array
    return copied


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("groups", [1, 6])
def test_bytes_at_odd_addresses(data_format, groups, isa, rng):
    x = rng.integers(0, 255, (2, 6, 6, 6)).astype(np.uint8)
    kernel = rng.integers(-9, 9, (3, 3, 6 // groups, 6)).astype(np.int8)
    bias = rng.integers(-999, 999, 6).astype(np.int32)
    words = {"groups": groups, "data_format": data_format, "activation": "relu"}
    want = fastconv.conv2d(x, kernel, bias, **words)
    out = odd(np.zeros_like(want))
    fastconv.conv2d(odd(x), odd(kernel), odd(bias), out=out, **words)
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize(("x_dtype", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16"), ("uint8", "int8")])
@pytest.mark.parametrize("bias", [True, False])
def test_a_prepared_kernel_is_pickled_and_copied(x_dtype, dtype, bias, rng):
    x_dtype, dtype = (np.dtype(getattr(ml_dtypes, name, name)) for name in (x_dtype, dtype))
    kernel, x = (10 * rng.random((3, 3, 4, 6))).astype(dtype), (10 * rng.random((2, 9, 8, 4))).astype(x_dtype)
    bias = np.arange(6).astype(np.int32 if dtype == np.int8 else dtype) if bias else None
    prepared = fastconv.prepare_conv2d(kernel, bias, padding=[[1, 0], [2, 1]], strides=(1, 2), activation="relu")
    want = prepared(x)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(prepared, protocol))
        np.testing.assert_array_equal(again(x), want)
        np.testing.assert_array_equal(again(x[:, :5]), prepared(x[:, :5]))
    for again in (copy.copy(prepared), copy.deepcopy([prepared])[0]):
        np.testing.assert_array_equal(again(x), want)


def test_a_prepared_kernel_keeps_its_precision(rng):
    kernel, x = rng.standard_normal((3, 3, 40, 40), np.float32), rng.standard_normal((1, 20, 20, 40), np.float32)
    before = fastconv.get_float32_precision()
    try:
        fastconv.set_float32_precision("high")
        prepared = fastconv.prepare_conv2d(kernel, algorithm="winograd_6x3")
        want = prepared(x)
        fastconv.set_float32_precision("highest")
        for same in (prepared, pickle.loads(pickle.dumps(prepared))):
            np.testing.assert_array_equal(same(x), want)
    finally:
        fastconv.set_float32_precision(before)


BEFORE_INIT = """
import importlib.util, sys
import numpy as np
spec = importlib.util.spec_from_file_location("_core", sys.argv[1])
core = importlib.util.module_from_spec(spec)
spec.loader.exec_module(core)
x, one, y = np.ones((1, 4, 4, 1), np.float32), np.ones(1, np.float32), np.empty((1, 4, 4, 1), np.float32)
conv = core.Conv2D(11, 0, x.shape, (1, 1, 1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)), 1)
pool = core.Pool2D(11, 0, False, x.shape, (1, 1), (1, 1), ((0, 0), (0, 0)))
calls = [
    lambda: conv.forward(x, one, None, y), conv.plan, lambda: core.PreparedConv2D(conv, one, None),
    lambda: conv.forward_pooled(pool, x, one, None, y), lambda: conv.input_grad(x, one, y),
    lambda: conv.kernel_grad(0, x, x, one), lambda: conv.grads(x, one, None, x, y, one, one),
    lambda: core.bias_grad(11, 0, x.shape, x, one), lambda: core.activate(11, 1, 0.0, 16, x, y),
    lambda: core.activate_grad(11, 1, 0.0, 16, x, None, x, y), lambda: core.softmax(11, 1, 16, 1, x, y),
    lambda: core.softmax_grad(11, 1, 16, 1, x, x, y), lambda: core.Dense(11, 16, 1, 1).forward(x, one, None, y),
    lambda: pool.forward(x, y), lambda: pool.grad(x, x, y), lambda: pool.grad_grad(x, x, y),
    lambda: core.Convolve2D(11, (4, 4), (1, 1), 1, 0, False).run(x, one, None, y),
    lambda: core.Filter2D(11, 11, 11, (4, 4, 1), (1, 1), (0, 0), 3).run(x, one, None, y),
]
for call in calls:
    try:
        call()
        print("done on", core.active_isa())
    except ValueError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("isa", "answer"), [("scalar", "done on scalar"), ("abacus", "fastconv: unknown instruction set")]
)
def test_operations_choose_the_kernels_where_nobody_has(isa, answer):
    run = subprocess.run(
        [sys.executable, "-c", BEFORE_INIT, _core.__file__],
        env=os.environ | {"FASTCONV_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == f"{answer}\n" * 18, run.stderr
