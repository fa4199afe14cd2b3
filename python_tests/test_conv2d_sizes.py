"""conv2d, its gradients and its fusions over sizes from 0 up; prepared kernels over several sizes."""

import itertools

import conv_reference
import numpy as np
import pytest
from conv_cases import DTYPES, close, from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu
from fastconv.nn.convolution import ALGORITHMS

LAYOUTS = ["channels_last", "channels_first"]
FAR = [2**31, 2**40, 2**58, 2**59, 2**60, 2**62, 2**63 - 1]
INTEGERS = {"int8": (-128, 128), "uint8": (0, 256)}


def numbers(rng, shape, dtype):
    if dtype in INTEGERS:
        return rng.integers(*INTEGERS[dtype], shape).astype(dtype)
    return rng.standard_normal(shape).astype(DTYPES[dtype])


def same_pads(size, window, stride, dilation):
    """TensorFlow's SAME."""
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0) if size else 0
    return total // 2, total - total // 2


def padding_of(padding, size, window, strides, dilation):
    if not isinstance(padding, str):
        return padding
    if padding == "valid":
        return (0, 0), (0, 0)
    return tuple(same_pads(*axis) for axis in zip(size, window, strides, dilation, strict=True))


def reference(x, kernel, bias, words):
    """channels_last, in float64; empty where a window does not fit."""
    strides, dilation = words["strides"], words["dilation_rate"]
    padding = padding_of(words["padding"], x.shape[1:3], kernel.shape[:2], strides, dilation)
    room = [
        size + sum(pad) - (k - 1) * d - 1
        for size, pad, k, d in zip(x.shape[1:3], padding, kernel.shape[:2], dilation, strict=True)
    ]
    if min(room) < 0:
        out = [0 if r < 0 else r // s + 1 for r, s in zip(room, strides, strict=True)]
        return np.zeros((x.shape[0], *out, kernel.shape[3]))
    # A single window's stride is of no account.
    strides = [s if s <= r else r + 1 for s, r in zip(strides, room, strict=True)]
    return conv_reference.conv2d(x, kernel, bias, strides, padding, dilation, words["groups"])


@st.composite
def layers(draw):
    """Kernel shape and keywords; channels from 0, now and then a stride or dilation that is out of all proportion."""
    groups = draw(st.sampled_from([1, 1, 2, 16]))
    c = draw(st.sampled_from([0, 1, 2, 5, 32] if groups < 16 else [0, 1, 1]))
    outs = draw(st.sampled_from([0, 1, 2, 8, 17] if groups < 16 else [0, 1, 2]))
    taps = st.sampled_from([1, 2, 3, 3, 5])
    kernel = draw(st.one_of(st.tuples(taps, taps), taps.map(lambda k: (k, k))))
    step = st.sampled_from([1, 1, 1, 2, 3, *FAR])
    strides = draw(st.one_of(st.just((1, 1)), st.tuples(step, step)))
    dilation = draw(st.one_of(st.just((1, 1)), st.tuples(*(step if k == 1 else st.integers(1, 2) for k in kernel))))
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.one_of(st.sampled_from(["valid", "same", "same"]), st.tuples(pads, pads)))
    words = {"strides": strides, "dilation_rate": dilation, "groups": groups, "padding": padding}
    return (*kernel, c, groups * outs), words


SIDES = st.sampled_from([0, 1, 1, 2, 3, 4, 5, 7, 12])
IMAGES = st.tuples(st.sampled_from([0, 1, 1, 2, 17]), SIDES, SIDES)
SEEDS = st.integers(0, 2**32 - 1)


def result(function, *args, **words):
    """What a call returns, or None where the algorithm does not serve or the window does not fit."""
    try:
        return function(*args, **words)
    except ValueError as error:
        assert " needs " in str(error) or "does not fit" in str(error)
        return None


def check(y, want, scale, dtype, data_format, what):
    y = from_layout(y, data_format)
    if dtype in INTEGERS:
        np.testing.assert_array_equal(y, want.astype(np.int64).astype(np.int32), err_msg=what)
    else:
        close(y, want, scale, dtype)


def check_one(name, x, kernel, bias, words, prepared, expected, dtype):
    """One algorithm on one shape: conv2d, what is planned, and the kernel prepared before."""
    want, scale, fits = expected
    y = result(fastconv.conv2d, x, kernel, bias, algorithm=name, **words)
    if name == "auto":
        assert (y is not None) == fits
    if y is None:
        return
    assert fits
    plan = fastconv.plan_conv2d(x.shape, kernel.shape, dtype=x.dtype, algorithm=name, **words)
    assert plan["output_shape"] == y.shape
    check(y, want, scale, dtype, words["data_format"], name)
    if name != "auto":
        np.testing.assert_array_equal(prepared(x).view(np.uint8), y.view(np.uint8), err_msg=name)
    else:  # another algorithm may be cheapest where packing is done
        check(prepared(x), want, scale, dtype, words["data_format"], name)


@given(
    layers(),
    st.lists(IMAGES, min_size=1, max_size=3),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["float32", "float32", "float64", "float16", *INTEGERS]),
    st.sampled_from(cpu.available_isas()),
    SEEDS,
)
@settings(max_examples=120, deadline=None)
def test_every_algorithm_on_any_sizes(layer, shapes, data_format, dtype, isa, seed):
    """Each prepared kernel is used for all of the shapes, one after another."""
    rng = np.random.default_rng(seed)
    kernel_shape, words = layer
    bias_dtype = "int32" if dtype in INTEGERS else DTYPES[dtype]
    kernel, bias = numbers(rng, kernel_shape, dtype), (10 * rng.standard_normal(kernel_shape[3])).astype(bias_dtype)
    call = words | {"data_format": data_format}
    with cpu.use_isa(isa):
        prepared = {name: result(fastconv.prepare_conv2d, kernel, bias, algorithm=name, **call) for name in ALGORITHMS}
        for shape in shapes:
            x = numbers(rng, (*shape, kernel_shape[2] * words["groups"]), dtype)
            sizes = [abs(array.astype(float)) for array in (x, kernel, bias)]
            want, scale = reference(x, kernel, bias, words), reference(*sizes, words)
            expected = want, scale, 0 in x.shape[1:3] or 0 not in want.shape[1:3]
            for name in ALGORITHMS:
                check_one(name, in_layout(x, data_format), kernel, bias, call, prepared[name], expected, dtype)


@given(layers(), IMAGES, st.sampled_from(["float32", "float64"]), st.sampled_from(LAYOUTS), SEEDS)
@settings(max_examples=150, deadline=None)
def test_gradients_on_any_sizes(layer, shape, dtype, data_format, seed):
    """Against the definition: the inner product of a gradient with what it is taken by is that of dy with y."""
    rng = np.random.default_rng(seed)
    kernel_shape, words = layer
    x = numbers(rng, (*shape, kernel_shape[2] * words["groups"]), dtype)
    kernel = numbers(rng, kernel_shape, dtype)
    want = reference(x, kernel, None, words)
    if 0 in want.shape[1:3] and 0 not in shape[1:]:
        return
    dy = numbers(rng, want.shape, dtype)
    placed, placed_dy = in_layout(x, data_format), in_layout(dy, data_format)
    words = words | {"data_format": data_format}
    dx = from_layout(fastconv.conv2d_input_grad(placed_dy, kernel, placed.shape, **words), data_format)
    dkernel = fastconv.conv2d_kernel_grad(placed, placed_dy, kernel_shape, **words)
    scale = np.vdot(reference(abs(x), abs(kernel), None, words), abs(dy)) * (1e-5 if dtype == "float32" else 1e-12)
    assert dx.shape == x.shape
    assert abs(np.vdot(dx, x) - np.vdot(want, dy)) <= scale
    assert abs(np.vdot(dkernel, kernel) - np.vdot(want, dy)) <= scale


@given(
    layers(),
    IMAGES,
    st.sampled_from(LAYOUTS),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([1, 2, 3, *FAR]),
    st.sampled_from(["valid", "same"]),
    SEEDS,
)
@settings(max_examples=80, deadline=None)
def test_pooled_on_any_sizes(layer, shape, data_format, pool, stride, padding, seed):
    rng = np.random.default_rng(seed)
    kernel_shape, words = layer
    words = words | {"data_format": data_format}
    x = in_layout(numbers(rng, (*shape, kernel_shape[2] * words["groups"]), "float64"), data_format)
    kernel = numbers(rng, kernel_shape, "float64")
    y = want = result(fastconv.conv2d, x, kernel, **words)
    if y is not None:
        want = result(fastconv.max_pool2d, y, pool, strides=stride, padding=padding, data_format=data_format)
    words |= {"pool_size": pool, "pool_strides": stride, "pool_padding": padding}
    for name in ALGORITHMS:
        got = result(fastconv.conv2d_pool2d, x, kernel, algorithm=name, **words)
        if name == "auto":
            assert (got is None) == (want is None)
        if got is not None:
            scale = abs(x).max(initial=0) * abs(kernel).sum()
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * scale, err_msg=name)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_bytes_depthwise_planes_of_one_output(dtype, isa, rng):
    """One pixel of channels_first lies as one of channels_last does."""
    for size, window, channels in itertools.product([1, 2, 3], [1, 2, 3], [2, 5, 33]):
        x, kernel = numbers(rng, (2, size, size, channels), dtype), numbers(rng, (window, window, 1, channels), dtype)
        for padding in ("valid", "same"):
            if padding == "valid" and window > size:
                continue
            words = {"strides": (1, 1), "dilation_rate": (1, 1), "padding": padding, "groups": channels}
            y = fastconv.conv2d(in_layout(x, "channels_first"), kernel, data_format="channels_first", **words)
            check(y, reference(x, kernel, None, words), None, dtype, "channels_first", f"{size} {window} {channels}")


def test_a_window_that_does_not_fit_is_an_error_in_pooling_too():
    x = np.ones((1, 2, 9, 4), np.float32)
    for call in (
        lambda x: fastconv.conv2d(x, np.ones((3, 3, 4, 4), np.float32)),
        lambda x: fastconv.max_pool2d(x, 3),
        lambda x: fastconv.avg_pool2d(x, 3, strides=1),
    ):
        with pytest.raises(ValueError, match="does not fit into `x` of shape"):
            call(x)
        assert call(x[:, :0]).shape[:2] == (1, 0)


def test_depthwise_planes_of_padding_alone(isa):
    """Images without rows or columns, under windows that are read where the image lies."""
    for shape in ((1, 200, 0, 9), (1, 200, 9, 0), (2, 200, 0, 0)):
        x, kernel, bias = np.ones(shape), np.ones((3, 3, 1, 200)), np.full(200, 7.0)
        y = fastconv.conv2d(x, kernel, bias, groups=200, padding=((2, 2), (2, 2)), data_format="channels_first")
        assert (y == 7).all() and y.size


def test_same_padding_of_no_rows_gives_no_rows():
    x, kernel = np.ones((1, 0, 9, 4), np.float32), np.ones((3, 3, 4, 5), np.float32)
    assert fastconv.conv2d(x, kernel, np.ones(5, np.float32), padding="same").shape == (1, 0, 9, 5)
    assert fastconv.max_pool2d(x, 3, strides=2, padding="same").shape == (1, 0, 5, 4)
    transposed = fastconv.conv2d_transpose(x, np.ones((3, 3, 2, 4), np.float32), np.ones(2, np.float32))
    np.testing.assert_array_equal(transposed, np.ones((1, 2, 11, 2)))  # windows of no row reach two
    dy = np.ones((1, 0, 9, 5), np.float32)
    assert fastconv.conv2d_input_grad(dy, kernel, x.shape, padding="same").shape == x.shape


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda x, k: fastconv.conv2d(x, k, padding=((2**62, 2**62), (0, 0))), "overflow"),
        (lambda x, k: fastconv.conv2d(x, k, padding=((2**40, 2**40), (2**40, 2**40)), strides=2**40), "overflow"),
        (lambda x, k: fastconv.conv2d(x, k, padding=((2**33, 2**33), (2**33, 2**33))), "overflow"),
        (lambda x, k: fastconv.conv2d_transpose(x, k, strides=2**31), "overflow"),
        (lambda x, k: fastconv.conv2d_transpose(x, k, strides=2**61), "`strides`"),
        (lambda x, k: fastconv.conv2d_transpose(x, k, strides=2**62, padding="same"), "`strides`"),
        (lambda x, k: fastconv.conv2d_transpose(x, k, dilation_rate=2**62), "`strides`"),
        (lambda x, k: fastconv.max_pool2d(x, 2**62, padding=((2**62 - 1, 2**62 - 1), (0, 0))), "overflow"),
    ],
)
def test_sizes_beyond_any_memory_are_refused(call, argument):
    with pytest.raises(ValueError, match=argument):
        call(np.ones((1, 5, 5, 4), np.float32), np.ones((3, 3, 4, 4), np.float32))
