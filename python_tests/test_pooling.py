"""Pooling and its gradients against plain NumPy loops and TensorFlow."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import _core

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype("float16"), BFLOAT16, np.dtype("float32"), np.dtype("float64")]


def windows(size, pool, stride, pads):
    """The cells of every window along one axis."""
    count = max((size + sum(pads) - pool) // stride + 1, 0)
    return [range(max(i * stride - pads[0], 0), min(i * stride - pads[0] + pool, size)) for i in range(count)]


def each_window(shape, pool, strides, pads):
    for i, rows in enumerate(windows(shape[1], pool[0], strides[0], pads[0])):
        for j, cols in enumerate(windows(shape[2], pool[1], strides[1], pads[1])):
            yield i, j, (slice(None), slice(rows.start, rows.stop), slice(cols.start, cols.stop))


def output_shape(shape, pool, strides, pads):
    out_h, out_w = (len(windows(shape[1 + i], pool[i], strides[i], pads[i])) for i in range(2))
    return shape[0], out_h, out_w, shape[3]


def first_maximum(cells):
    """Index of the first cell, row by row, that no later one exceeds, of (n, rows, cols, c)."""
    n, rows, cols, c = cells.shape
    flat = cells.reshape(n, rows * cols, c)
    best, at = flat[:, 0].copy(), np.zeros((n, c), int)
    for t in range(1, rows * cols):
        higher = flat[:, t] > best
        best[higher], at[higher] = flat[:, t][higher], t
    return np.unravel_index(at, (rows, cols))


def slow_pool(average, x, geometry):
    y = np.empty(output_shape(x.shape, *geometry))
    for i, j, window in each_window(x.shape, *geometry):
        y[:, i, j] = (np.mean if average else np.max)(x[window], axis=(1, 2))
    return y


def slow_grad(average, x, dy, geometry):
    dx = np.zeros(x.shape)
    n, c = np.indices((x.shape[0], x.shape[3]))
    for i, j, window in each_window(x.shape, *geometry):
        if average:
            dx[window] += (dy[:, i, j] / (x[window].shape[1] * x[window].shape[2]))[:, None, None]
        else:
            r, k = first_maximum(x[window])
            dx[n, window[1].start + r, window[2].start + k, c] += dy[:, i, j]
    return dx


@st.composite
def geometries(draw):
    """(shape, pool, strides, pads) with windows over at least one cell."""
    pool = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    strides = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    pads = tuple(draw(st.tuples(st.integers(0, p - 1), st.integers(0, p - 1))) for p in pool)
    channels = st.sampled_from([1, 2, 3, 4, 7, 8, 16, 17, 33])
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 19), st.integers(1, 40), channels))
    assume(0 not in output_shape(shape, pool, strides, pads))
    return shape, (pool, strides, pads)


def channels_first(array):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def tolerance(dtype):
    return {"rtol": 4 * float(ml_dtypes.finfo(dtype).eps), "atol": 16 * float(ml_dtypes.finfo(dtype).eps)}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@settings(deadline=None, max_examples=50)
@given(case=geometries(), seed=st.integers(0, 99))
def test_all_against_loops(dtype, data_format, case, seed):
    shape, geometry = case
    pool, strides, pads = geometry
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, shape).astype(dtype)  # ties
    dy = rng.integers(-8, 9, output_shape(shape, *geometry)).astype(dtype)
    keywords = {"strides": strides, "padding": pads, "data_format": data_format}
    last = data_format == "channels_last"
    lay = (lambda a: a) if last else channels_first
    wide, slope = x.astype(np.float64), dy.astype(np.float64)
    for average in (False, True):
        pooled = (fastconv.avg_pool2d if average else fastconv.max_pool2d)(lay(x), pool, **keywords)
        if average:
            dx = fastconv.avg_pool2d_grad(lay(dy), lay(x).shape, pool, **keywords)
        else:
            dx = fastconv.max_pool2d_grad(lay(x), lay(dy), pool, **keywords)
        assert pooled.dtype == dx.dtype == dtype
        bound = tolerance(dtype) if average else {"rtol": 0}
        np.testing.assert_allclose(pooled.astype(float), lay(slow_pool(average, wide, geometry)), **bound)
        np.testing.assert_allclose(dx.astype(float), lay(slow_grad(average, wide, slope, geometry)), **bound)


SHAPES = [
    ((2, 12, 12, 6), 2, 2, "valid"),
    ((1, 13, 17, 33), 3, 2, "same"),
    ((3, 9, 40, 1), (3, 2), (1, 3), "same"),
    ((1, 30, 31, 16), 3, 1, "valid"),
    ((2, 70, 66, 20), 2, 2, "valid"),
    ((1, 5, 5, 130), 5, 5, "valid"),
    ((1, 64, 300, 8), (7, 3), (2, 2), "same"),
    ((1, 6, 150, 3), 2, 2, "valid"),
]


@pytest.mark.parametrize(("shape", "pool", "strides", "padding"), SHAPES, ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_isas_and_threads(shape, pool, strides, padding, data_format, isa, rng):
    x = rng.integers(-9, 10, shape).astype(np.float32)
    from fastconv import _args

    pools, steps = _args.pair(pool, "pool"), _args.pair(strides, "strides")
    geometry = (pools, steps, _args.padding_pairs(padding, shape[1:3], pools, steps))
    dy = rng.normal(size=output_shape(shape, *geometry)).astype(np.float32)
    lay = channels_first if data_format == "channels_first" else np.ascontiguousarray
    keywords = {"strides": strides, "padding": padding, "data_format": data_format}

    def everything():
        return [
            fastconv.max_pool2d(lay(x), pool, **keywords),
            fastconv.avg_pool2d(lay(x), pool, **keywords),
            fastconv.max_pool2d_grad(lay(x), lay(dy), pool, **keywords),
            fastconv.avg_pool2d_grad(lay(dy), lay(x).shape, pool, **keywords),
        ]

    results = everything()
    wide = x.astype(np.float64)
    wanted = [
        slow_pool(False, wide, geometry),
        slow_pool(True, wide, geometry),
        slow_grad(False, wide, dy, geometry),
        slow_grad(True, wide, dy, geometry),
    ]
    for got, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(got, lay(want), rtol=1e-5, atol=1e-5)
    for n in (1, 2, 3, 7):
        with fastconv.threads(n):
            for got, before in zip(everything(), results, strict=True):
                np.testing.assert_array_equal(got.view(np.uint32), before.view(np.uint32))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("pool", "strides"), [(2, 2), (3, 2), (3, 1), ((2, 5), (3, 2))])
def test_against_tensorflow(pool, strides, padding, rng):
    tf = pytest.importorskip("tensorflow")
    x = rng.integers(-5, 6, (2, 11, 14, 5)).astype(np.float32)
    for average, pooling in ((False, tf.nn.max_pool2d), (True, tf.nn.avg_pool2d)):
        variable = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            y = pooling(variable, pool, strides, padding.upper())
        dy = rng.normal(size=y.shape).astype(np.float32)
        dx = tape.gradient(y, variable, dy).numpy()
        keywords = {"strides": strides, "padding": padding}
        mine = (fastconv.avg_pool2d if average else fastconv.max_pool2d)(x, pool, **keywords)
        np.testing.assert_allclose(mine, y.numpy(), rtol=1e-6, atol=1e-6)
        grad = (
            fastconv.avg_pool2d_grad(dy, x.shape, pool, **keywords)
            if average
            else fastconv.max_pool2d_grad(x, dy, pool, **keywords)
        )
        np.testing.assert_allclose(grad, dx, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_nan_and_infinity(channels, isa):
    for at in range(4):
        x = np.arange(4 * channels, dtype=np.float32).reshape(1, 2, 2, channels)
        x[0, at // 2, at % 2, channels - 1] = np.nan
        y = fastconv.max_pool2d(x)[0, 0, 0]
        np.testing.assert_array_equal(np.isnan(y), np.arange(channels) == channels - 1)
        np.testing.assert_array_equal(np.isnan(fastconv.avg_pool2d(x)[0, 0, 0]), np.arange(channels) == channels - 1)
    low = np.full((1, 2, 2, channels), -np.inf, np.float32)
    assert (fastconv.max_pool2d(low, padding=((1, 1), (1, 1))) == -np.inf).all()
    assert (fastconv.max_pool2d(low, padding=((1, 1), (1, 1))).shape) == (1, 2, 2, channels)


def test_a_nan_takes_the_gradient_only_as_first_cell(isa):
    x = np.array([[[1, np.nan], [2, 0]], [[np.nan, 1], [2, 0]]], np.float32)[..., None]
    dx = fastconv.max_pool2d_grad(x, np.ones((2, 1, 1, 1), np.float32))
    np.testing.assert_array_equal(dx[..., 0], [[[0, 0], [1, 0]], [[1, 0], [0, 0]]])


def test_large_results_are_those_of_small_ones(rng):
    """What a call moves past the caches, an image at a time stays in them."""
    x = rng.standard_normal((5, 64, 1001, 33), dtype=np.float32)
    for average in (False, True):
        y = (fastconv.avg_pool2d if average else fastconv.max_pool2d)(x, 3, strides=2)
        target = np.empty(x.size + 1, np.float32)[1:].reshape(x.shape)  # on no cache line's start
        if average:
            fastconv.avg_pool2d_grad(y, x.shape, 3, strides=2, out=target)
        else:
            fastconv.max_pool2d_grad(x, y, 3, strides=2, out=target)
        for i in range(len(x)):
            one = slice(i, i + 1)
            dx = (
                fastconv.avg_pool2d_grad(y[one], x[one].shape, 3, strides=2)
                if average
                else fastconv.max_pool2d_grad(x[one], y[one], 3, strides=2)
            )
            np.testing.assert_array_equal(target[one].view(np.uint32), dx.view(np.uint32))


def test_big_window_keeps_its_precision(isa, rng):
    x = rng.uniform(size=(1, 500, 400, 3)).astype(np.float32)
    np.testing.assert_allclose(fastconv.avg_pool2d(x, (500, 400))[0, 0, 0], x.astype(float).mean((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_inputs_of_every_kind(dtype, rng):
    x = rng.normal(size=(2, 8, 9, 4)).astype(dtype)
    want = fastconv.max_pool2d(np.ascontiguousarray(x[:, ::2, ::-1]))
    np.testing.assert_array_equal(fastconv.max_pool2d(x[:, ::2, ::-1]), want)
    if dtype != BFLOAT16:
        np.testing.assert_array_equal(fastconv.avg_pool2d(x.astype(dtype.newbyteorder())), fastconv.avg_pool2d(x))
    x.flags.writeable = False
    before = x.copy()
    y = fastconv.max_pool2d(x)
    fastconv.max_pool2d_grad(x, y)
    np.testing.assert_array_equal(x, before)
    for shape in ((0, 4, 4, 2), (2, 4, 4, 0)):
        empty = np.empty(shape, dtype)
        pooled = fastconv.avg_pool2d(empty)
        assert pooled.shape == (shape[0], 2, 2, shape[3])
        assert fastconv.avg_pool2d_grad(pooled, shape).shape == shape
    assert fastconv.max_pool2d(x[:, :0]).shape == (2, 0, 4, 4)
    assert fastconv.max_pool2d_grad(x[:, :0], np.empty((2, 0, 4, 4), dtype)).shape == (2, 0, 9, 4)


def test_out(rng):
    x = rng.normal(size=(1, 4, 6, 3))
    y, out = fastconv.max_pool2d(x, 3, strides=1, padding="same"), np.empty((1, 4, 6, 3))
    assert fastconv.max_pool2d(x, 3, strides=1, padding="same", out=out) is out
    np.testing.assert_array_equal(out, y)
    strided = np.empty((1, 4, 6, 6))[..., ::2]
    fastconv.max_pool2d(x, 3, strides=1, padding="same", out=strided)
    np.testing.assert_array_equal(strided, y)
    dx = fastconv.max_pool2d_grad(x, y, 3, strides=1, padding="same")
    target = x.copy()
    assert fastconv.max_pool2d_grad(target, y, 3, strides=1, padding="same", out=target) is target
    np.testing.assert_array_equal(target, dx)
    fastconv.max_pool2d(x, 3, strides=1, padding="same", out=x)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=50)
@given(case=geometries(), seed=st.integers(0, 9))
def test_gradient_of_the_gradient(dtype, layout, case, seed):
    """<ddy, dy> = <ddx, dx(dy)>: picking is the adjoint of scattering."""
    shape, (pool, strides, pads) = case
    rng = np.random.default_rng(seed)
    x, ddx = rng.integers(-4, 5, (2, *shape)).astype(dtype)
    dy = rng.integers(-4, 5, output_shape(shape, pool, strides, pads)).astype(dtype)
    if layout:
        x, ddx, dy = map(channels_first, (x, ddx, dy))
    core = _core.Pool2D({np.float32: 11, np.float64: 12}[dtype], layout, False, shape, pool, strides, pads)
    dx, ddy = np.empty_like(x), np.empty_like(dy)
    core.grad(x, dy, dx)
    core.grad_grad(x, ddx, ddy)
    assert (ddx * dx).sum() == (ddy * dy).sum()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: fastconv.max_pool2d(x[0]), ValueError, "`x` must have 4 dimensions"),
        (lambda x: fastconv.max_pool2d(x.astype(complex)), TypeError, "`x`"),
        (lambda x: fastconv.max_pool2d(x, 0), ValueError, "`pool_size` must be at least 1"),
        (lambda x: fastconv.max_pool2d(x, (1, 2, 3)), ValueError, "`pool_size`"),
        (lambda x: fastconv.max_pool2d(x, 2.0), TypeError, "`pool_size`"),
        (lambda x: fastconv.avg_pool2d(x, strides=0), ValueError, "`strides`"),
        (lambda x: fastconv.avg_pool2d(x, padding="full"), ValueError, "`padding` must be one of 'valid', 'same'"),
        (lambda x: fastconv.avg_pool2d(x, padding=((2, 0), (0, 0))), ValueError, "`padding` must be smaller"),
        (lambda x: fastconv.avg_pool2d(x, padding=((0, 0), (0, -1))), ValueError, "`padding`"),
        (lambda x: fastconv.avg_pool2d(x, data_format="nhwc"), ValueError, "`data_format`"),
        (lambda x: fastconv.avg_pool2d(x[:, :0], 2, padding=((1, 1), (0, 0))), ValueError, "`x` of shape"),
        (
            lambda x: fastconv.avg_pool2d(x, out=np.empty((1, 2, 2, 3))),
            ValueError,
            r"`out` must have shape \(1, 2, 2, 2\)",
        ),
        (lambda x: fastconv.max_pool2d_grad(x, x), ValueError, r"`dy` must have the shape of the pooled output, \(1"),
        (lambda x: fastconv.max_pool2d_grad(x, x.astype("f")), TypeError, "`dy` must have the dtype of `x`"),
        (lambda x: fastconv.avg_pool2d_grad(x, (1, 4, 4)), ValueError, "`x_shape` must be four integers"),
        (lambda x: fastconv.avg_pool2d_grad(x, (1, 4, 4, -1)), ValueError, "`x_shape`"),
    ],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call(np.zeros((1, 4, 4, 2)))
