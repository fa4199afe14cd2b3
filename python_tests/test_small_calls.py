"""Small calls take a short way through the checks: it ends as the long one does, for all arrays and wrong arguments."""

import threading

import numpy as np
import pytest
from scipy import signal

import fastconv
from fastconv import _core

RNG = np.random.default_rng(23)
IMAGE, KERNEL = RNG.standard_normal((1, 8, 8, 2)), RNG.standard_normal((3, 3, 2, 3))
POOLED = IMAGE.reshape(1, 4, 2, 4, 2, 2).max(axis=(2, 4))
FLOAT64 = _core.DTYPES["float64"]


def convolved(image, padding=0):
    """The image convolved with KERNEL by NumPy."""
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, KERNEL)


def strided(array):
    """The same numbers, in every other place of a longer array."""
    wide = np.full((*array.shape, 2), np.nan)
    wide[..., 0] = array
    return wide[..., 0]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    return np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)


class Mine(np.ndarray):
    pass


FORMS = [
    np.copy, np.asfortranarray, strided, read_only, unaligned, np.ndarray.tolist,
    lambda array: array.astype(array.dtype.newbyteorder()), lambda array: array.view(Mine),
]  # fmt: skip
PREPARED = fastconv.prepare_conv2d(KERNEL)
CALLS = {
    "relu": (fastconv.relu, np.maximum(IMAGE, 0)),
    "softmax": (fastconv.softmax, np.exp(IMAGE) / np.exp(IMAGE).sum(axis=-1, keepdims=True)),
    "max_pool2d": (fastconv.max_pool2d, POOLED),
    "conv2d": (lambda x, out=None: fastconv.conv2d(x, KERNEL, out=out), convolved(IMAGE)),
    "prepared": (PREPARED, convolved(IMAGE)),
    "convolve2d": (lambda x, out=None: fastconv.convolve2d(x, KERNEL[:, :, 0, 0], out=out), None),
}
CASES = [(name, *CALLS[name]) for name in CALLS]


def arguments(name, want):
    """(input, expected result); of convolve2d one image, and SciPy's."""
    image = IMAGE[0, :, :, 0].copy() if name == "convolve2d" else IMAGE
    return image, signal.convolve2d(image, KERNEL[:, :, 0, 0]) if name == "convolve2d" else want


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "call", "want"), CASES)
def test_any_array(name, call, want, form):
    image, want = arguments(name, want)
    for _ in range(2):  # what the first call keeps serves the second
        np.testing.assert_allclose(call(form(image)), want, rtol=1e-12, atol=1e-12)
        out = np.full(want.shape, np.nan)
        assert call(form(image), out=out) is out
        np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("place", [strided, np.asfortranarray, lambda a: a.view(Mine), unaligned])
@pytest.mark.parametrize(("name", "call", "want"), CASES)
def test_any_out(name, call, want, place):
    image, want = arguments(name, want)
    out = place(np.zeros(want.shape))
    if not out.flags.writeable:
        out = unaligned_writable(want.shape)
    assert call(image, out=out) is out
    np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)


def unaligned_writable(shape):
    size = int(np.prod(shape)) * 8
    return np.zeros(size + 1, np.uint8)[1:].view(np.float64).reshape(shape)


@pytest.mark.parametrize("shift", [0, 1, 7])
@pytest.mark.parametrize(("name", "call", "want"), CASES)
def test_out_overlaps(name, call, want, shift):
    image, want = arguments(name, want)
    memory = np.zeros(image.size + want.size + shift)
    x, out = memory[: image.size].reshape(image.shape), memory[shift : shift + want.size].reshape(want.shape)
    x[...] = image
    call(x.copy())  # a call of this shape has been
    assert call(x, out=out) is out
    np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "call", "want"), CASES)
def test_wrong_out(name, call, want):
    image, want = arguments(name, want)
    call(image)
    for out in (np.zeros((*want.shape, 1)), np.zeros((*want.shape[:-1], 9)), read_only(want)):
        with pytest.raises(ValueError, match="`out`"):
            call(image, out=out)
    for out in (want.tolist(), want.astype(np.float32), want.astype(">f8" if np.little_endian else "<f8")):
        with pytest.raises(TypeError, match="`out`"):
            call(image, out=out)


@pytest.mark.parametrize("dtype", [np.int32, np.complex128, np.longdouble, object])
def test_other_dtypes(dtype):
    x = IMAGE.astype(dtype)
    for call in (fastconv.relu, fastconv.softmax, fastconv.max_pool2d):
        if dtype is np.int32:
            assert call(x).dtype == np.float64
        else:
            with pytest.raises(TypeError, match="`x` must be float16"):
                call(x)


def test_an_argument_equal_to_a_right_one_stays_wrong():
    fastconv.max_pool2d(IMAGE, 2, strides=2)
    for wrong in ({"pool_size": 2.0}, {"strides": 2.0}, {"pool_size": "2"}):
        with pytest.raises(TypeError, match=r"`(pool_size|strides)`"):
            fastconv.max_pool2d(IMAGE, **wrong)
    fastconv.conv2d(IMAGE, KERNEL, strides=1, groups=1)
    for wrong in ({"strides": 1.0}, {"groups": 1.0}, {"dilation_rate": 1.0}):
        with pytest.raises(TypeError, match="must be an integer"):
            fastconv.conv2d(IMAGE, KERNEL, **wrong)
    with pytest.raises(ValueError, match="`groups` must divide"):
        fastconv.conv2d(np.ones((1, 5, 5, 4)), KERNEL, groups=2)
    with pytest.raises(ValueError, match="`padding`"):
        fastconv.max_pool2d(IMAGE, padding="full")
    with pytest.raises(ValueError, match="`data_format`"):
        fastconv.max_pool2d(IMAGE, data_format="NHWC")
    with pytest.raises(ValueError, match="does not fit"):
        fastconv.max_pool2d(IMAGE, 9)
    with pytest.raises(ValueError, match="`axis`"):
        fastconv.softmax(np.array(1.0))
    with pytest.raises(ValueError, match="`negative_slope` must be finite"):
        fastconv.relu(IMAGE, 10**400)
    for mode in ([], 0, "all"):
        with pytest.raises(ValueError, match="`mode`"):
            fastconv.convolve2d(IMAGE[0, :, :, 0], KERNEL[:, :, 0, 0], mode)


def test_prepared_kernel_takes_turns_with_shapes_in_threads():
    prepared = fastconv.prepare_conv2d(KERNEL, padding="same")
    images = [RNG.standard_normal((1, 5 + i, 6, 2)) for i in range(4)]
    wants = [convolved(image, padding=1) for image in images]
    wrong = []

    def turns(first):
        for i in range(200):
            j = (first + i) % 4
            if not np.allclose(prepared(images[j]), wants[j], rtol=1e-12, atol=1e-12):
                wrong.append(j)

    workers = [threading.Thread(target=turns, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_the_core_looks_at_every_buffer():
    x, y = np.ones(8), np.empty(7)
    assert not _core.activate_directly(FLOAT64, 1, 0.0, x, y)
    assert not _core.activate_directly(FLOAT64, 1, 0.0, x, x[::-1])
    assert not _core.activate_directly(FLOAT64, 1, 0.0, x[:4], x[2:6])
    assert not _core.activate_directly(FLOAT64, 1, 0.0, None, y)
    call = _core.softmax_call(FLOAT64, 1, 8, 1)
    assert not _core.call_directly(call, x)
    assert not _core.call_directly(call, x, y)
    assert not _core.call_directly(call, x, read_only(x))
    square, three = np.ones((4, 4)), np.ones((3, 3))
    assert _core.convolve2d_directly(FLOAT64, 0, 0, False, 0, x, three, None) is None
    assert _core.convolve2d_directly(_core.DTYPES["complex128"], 0, 0, False, 0, square, three, None) is None
    assert _core.convolve2d_directly(FLOAT64, 2, 0, False, 0, three, square, None) is None
    assert _core.convolve2d_directly(FLOAT64, 0, 0, False, 0, square, three, np.empty((5, 6))) is None
    assert _core.convolve2d_directly(FLOAT64, 0, 0, False, 0, square, three[:0], None) is None
