"""Every forward algorithm by itself, wherever it says that it serves."""

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import conv_reference
import numpy as np
import pytest
from conv_cases import DTYPES, close, from_layout, geometries, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu
from fastconv.nn.convolution import ALGORITHMS

FLOATS = [name for name in ALGORITHMS if name not in ("auto", "integer")]


def serves(x, kernel, words, algorithm):
    layout = words.get("data_format", "channels_last")
    with contextlib.suppress(ValueError):
        fastconv.plan_conv2d(in_layout(x, layout).shape, kernel.shape, dtype=x.dtype, algorithm=algorithm, **words)
        return True
    return False


@given(
    geometries(),
    st.sampled_from(["float32", "float64", "float16"]),
    st.sampled_from(cpu.available_isas()),
    st.sampled_from([None, "relu", "relu6", "tanh"]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=120, deadline=None)
def test_any_geometry(geometry, dtype, isa, activation, seed):
    rng = np.random.default_rng(seed)
    words = geometry["keywords"]
    fmt = words["data_format"]
    plain = [words[name] for name in ("strides", "padding", "dilation_rate", "groups")]
    shapes = geometry["x"], geometry["kernel"], geometry["kernel"][3:]
    x, kernel, bias = (rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in shapes)
    want = conv_reference.conv2d(x, kernel, bias, *plain)
    scale = conv_reference.conv2d(abs(x), abs(kernel), abs(bias), *plain)
    want = {None: want, "relu": np.maximum(want, 0), "relu6": np.clip(want, 0, 6), "tanh": np.tanh(want)}[activation]
    with cpu.use_isa(isa):
        chosen = [name for name in FLOATS if serves(x, kernel, words, name)]
        assert "packed" in chosen
        for name in chosen:
            y = fastconv.conv2d(in_layout(x, fmt), kernel, bias, activation=activation, algorithm=name, **words)
            close(from_layout(y, fmt), want, scale, dtype)
            prepared = fastconv.prepare_conv2d(kernel, bias, activation=activation, algorithm=name, **words)
            with fastconv.threads(3):
                again = prepared(in_layout(x, fmt))
            np.testing.assert_array_equal(again.view(np.uint8), y.view(np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("shape", "kernel_shape"),
    [
        ((2, 12, 13, 3), (3, 3, 3, 16)),
        ((1, 14, 19, 24), (3, 3, 24, 40)),
        ((1, 11, 17, 20), (5, 5, 20, 32)),
        ((2, 15, 12, 1), (5, 5, 1, 6)),
        ((1, 9, 9, 40), (1, 1, 40, 32)),
    ],
)
def test_a_bad_input_reaches_exactly_the_windows_that_cover_it(shape, kernel_shape, data_format, bad, isa, rng):
    x, kernel = rng.standard_normal(shape, dtype=np.float32), rng.standard_normal(kernel_shape, dtype=np.float32)
    row, col, reach = 6, 7, kernel_shape[0] // 2
    x[-1, row, col, 0] = bad
    words = {"padding": "same", "data_format": data_format}
    touched = np.zeros((*shape[:3], kernel_shape[3]), bool)
    touched[-1, row - reach : row + reach + 1, col - reach : col + reach + 1] = True
    for name in ("auto", *FLOATS):
        if serves(x, kernel, words, name):
            y = from_layout(fastconv.conv2d(in_layout(x, data_format), kernel, algorithm=name, **words), data_format)
            np.testing.assert_array_equal(~np.isfinite(y), touched, err_msg=name)


def test_each_image_is_computed_by_itself(isa, rng):
    x, kernel = (rng.standard_normal(s, dtype=np.float32) for s in ((5, 17, 9, 20), (3, 3, 20, 48)))
    chosen = [name for name in FLOATS if serves(x, kernel, {}, name)]
    assert {"direct", "planar", "packed", "winograd_2x3", "winograd_4x3"} <= set(chosen)
    for name in chosen:
        whole = fastconv.conv2d(x, kernel, algorithm=name)
        for i in range(5):
            alone = fastconv.conv2d(x[i : i + 1], kernel, algorithm=name)[0]
            np.testing.assert_array_equal(alone, whole[i], err_msg=name)


@pytest.mark.parametrize("strides", [1, 2])
def test_blocks_of_an_image_are_computed_where_they_lie(strides, isa, rng):
    """Images of many blocks of rows, of several sizes."""
    x, kernel = (rng.standard_normal(s, dtype=np.float32) for s in ((3, 211, 90, 3), (3, 3, 3, 20)))
    words = {"strides": strides}
    want = conv_reference.conv2d(x, kernel, None, (strides, strides), ((0, 0), (0, 0)), (1, 1), 1)
    chosen = [name for name in FLOATS if serves(x, kernel, words, name)]
    assert {"direct", "planar", "packed"} <= set(chosen)
    for name in chosen:
        y = fastconv.conv2d(x, kernel, algorithm=name, **words)
        assert np.linalg.norm(y - want) <= 1e-6 * np.linalg.norm(want), name


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_wide_images_are_cut_into_columns(data_format, rng):
    """A row of the input that no share of a cache holds."""
    x, kernel = (rng.standard_normal(s, dtype=np.float32) for s in ((1, 5, 5000, 33), (3, 3, 33, 16)))
    words = {"padding": "same", "data_format": data_format}
    want = conv_reference.conv2d(x, kernel, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    chosen = [name for name in FLOATS if serves(x, kernel, words, name)]
    assert {"direct", "unpacked", "planar", "packed"} <= set(chosen)
    for name in chosen:
        y = from_layout(fastconv.conv2d(in_layout(x, data_format), kernel, algorithm=name, **words), data_format)
        assert np.linalg.norm(y - want) <= 1e-6 * np.linalg.norm(want), name


def test_what_an_algorithm_needs_is_said():
    x, kernel = np.ones((1, 8, 8, 4), np.float16), np.ones((3, 3, 4, 5), np.float16)
    for name in ("unpacked", "depthwise"):
        with pytest.raises(ValueError, match=f"`algorithm` '{name}' needs {ALGORITHMS[name]}"):
            fastconv.conv2d(x, kernel, algorithm=name)


def test_a_choice_is_the_same_whatever_was_chosen_before():
    layers = [
        {
            "x_shape": (n, side, side, c),
            "kernel_shape": (k, k, c, c),
            "dtype": dtype,
            "padding": padding,
            "strides": strides,
        }
        for n, side, c, k, dtype, padding, strides in itertools.product(
            (1, 8), (7, 20), (4, 64), (1, 3, 5), ("float32", "float64"), ("same", "valid"), (1, 2)
        )
    ]

    def algorithm(isa, layer):
        with cpu.use_isa(isa):
            return fastconv.plan_conv2d(**layer)["algorithm"]

    cases = list(itertools.product(cpu.available_isas(), layers))
    here = [[algorithm(*case) for case in cases] for _ in range(2)]
    with ThreadPoolExecutor(1) as pool:
        backwards = [pool.submit(algorithm, *case).result() for case in reversed(cases)]
    assert len(set(here[0])) > 3
    assert here[0] == here[1] == backwards[::-1]
