"""Every algorithm of the kernel's gradient by itself, wherever it serves, against the definition in float64."""

import re

import conv_reference
import numpy as np
import pytest
from conv_cases import DTYPES, TOLERANCE, close, geometries, in_layout
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastconv
from fastconv import cpu
from fastconv.nn.convolution_grad import KERNEL_ALGORITHMS

NAMED = [name for name in KERNEL_ALGORITHMS if name != "auto"]
LARGE_TILES = {"winograd_3x3_by_4", "winograd_5x5_by_2"}  # at 'highest' on 16 whole ones at least
WINOGRAD = {name: int(re.search(r"\d", name)[0]) for name in NAMED if name.startswith("winograd")}
BOTH = ["channels_last", "channels_first"]
pytestmark = pytest.mark.usefixtures("restored_precision")


def plain(words):
    return [
        words.get(name, default)
        for name, default in (
            ("strides", (1, 1)),
            ("padding", ((0, 0), (0, 0))),
            ("dilation_rate", (1, 1)),
            ("groups", 1),
        )
    ]


def arrays(rng, x_shape, kernel_shape, words, dtype="float32"):
    x = rng.standard_normal(x_shape).astype(DTYPES[dtype])
    y_shape = conv_reference.conv2d(np.zeros(x_shape), np.zeros(kernel_shape), None, *plain(words)).shape
    return x, rng.standard_normal(y_shape).astype(DTYPES[dtype])


def gradient(x, dy, kernel_shape, words, name):
    """None where the algorithm does not serve."""
    fmt = words.get("data_format", "channels_last")
    try:
        return fastconv.conv2d_kernel_grad(in_layout(x, fmt), in_layout(dy, fmt), kernel_shape, algorithm=name, **words)
    except ValueError as error:
        assert f"`algorithm` '{name}' needs {KERNEL_ALGORITHMS[name]}" in str(error)
        return None


def at_least_usual(size):
    """What mixes the numbers of a tile rounds by their common size, also where all that count are small by chance."""
    return np.maximum(size, np.sqrt(np.mean(size**2)))


def check_all(x, dy, kernel_shape, words, dtype):
    """The names of the algorithms that serve."""
    want = conv_reference.gradients(x, np.zeros(kernel_shape), dy, *plain(words))[1]
    sizes = [abs(array.astype(np.float64)) for array in (x, dy)]
    scale, tiles_scale = (
        conv_reference.gradients(a, np.zeros(kernel_shape), b, *plain(words))[1]
        for a, b in (sizes, map(at_least_usual, sizes))
    )
    served = []
    for name in NAMED:
        with fastconv.threads(1):
            got = gradient(x, dy, kernel_shape, words, name)
        if got is None:
            continue
        served.append(name)
        close(got, want, tiles_scale if name in WINOGRAD else scale, dtype)
        with fastconv.threads(3):
            again = gradient(x, dy, kernel_shape, words, name)
        np.testing.assert_array_equal(again.view(np.uint8), got.view(np.uint8), err_msg=name)
    return served


@given(geometries(), st.sampled_from(list(TOLERANCE)), st.sampled_from(cpu.available_isas()), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_any_geometry(geometry, dtype, isa, seed):
    words, kernel_shape = geometry["keywords"], geometry["kernel"]
    x, dy = arrays(np.random.default_rng(seed), geometry["x"], kernel_shape, words, dtype)
    with cpu.use_isa(isa):
        assert "packed" in check_all(x, dy, kernel_shape, words, dtype)


@st.composite
def square_layers(draw):
    k, groups = draw(st.sampled_from([2, 3, 3, 5])), draw(st.sampled_from([1, 1, 1, 2, 3]))
    c_in, c_out = draw(st.sampled_from([1, 3, 8, 17, 40, 70, 130])), draw(st.sampled_from([1, 6, 16, 33, 48, 70, 260]))
    pads = st.tuples(st.integers(0, 5), st.integers(0, 5))
    padding = draw(st.tuples(pads, pads))
    size = [max(k - sum(pad), 1) + draw(st.sampled_from([0, 0, 1, 2, 3, 5, 8, 13, 14, 25])) for pad in padding]
    words = {"padding": padding, "groups": groups, "data_format": draw(st.sampled_from(BOTH))}
    return (draw(st.integers(1, 3)), *size, groups * c_in), (k, k, c_in, groups * c_out), words


@given(
    square_layers(),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(["highest", "high"]),
    st.sampled_from(cpu.available_isas()),
    st.integers(0, 2**32 - 1),
)
@example(
    ((1, 1, 1, 3), (2, 2, 3, 1), {"padding": ((5, 0), (5, 5)), "groups": 1, "data_format": "channels_last"}),
    "float32",
    "highest",
    "scalar",
    5501,
)
@settings(max_examples=150, deadline=None)
def test_any_square_kernel_at_stride_1(layer, dtype, precision, isa, seed):
    fastconv.set_float32_precision(precision)
    x_shape, kernel_shape, words = layer
    x, dy = arrays(np.random.default_rng(seed), x_shape, kernel_shape, words, dtype)
    with cpu.use_isa(isa):
        served = check_all(x, dy, kernel_shape, words, dtype)
    of_side = {name for name, k in WINOGRAD.items() if k == kernel_shape[0]}
    assert of_side - (LARGE_TILES if precision == "highest" else set()) <= set(served)


@pytest.mark.parametrize(
    ("x_shape", "outs"),
    [
        ((40, 32, 32, 5), 7),  # many spans of tiles
        ((2, 14, 14, 300), 290),  # many blocks of channels
        ((64, 7, 7, 33), 49),
        ((1, 201, 130, 18), 20),
    ],
)
@pytest.mark.parametrize("data_format", BOTH)
def test_promise_of_the_precision(x_shape, outs, data_format, isa, rng):
    words = {"padding": "same", "data_format": data_format}
    for k in (2, 3, 5):
        kernel_shape = (k, k, x_shape[3], outs)
        pads = ((k - 1) // 2, k // 2)
        x, dy = (rng.standard_normal(shape, dtype=np.float32) for shape in (x_shape, (*x_shape[:3], outs)))
        want = conv_reference.gradients(x, np.zeros(kernel_shape), dy, (1, 1), (pads, pads), (1, 1), 1)[1]
        for name in NAMED:
            got = gradient(x, dy, kernel_shape, words, name)
            if got is not None:
                assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(want), name


@pytest.mark.parametrize("name", WINOGRAD)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_of_channels(name, dtype, isa, rng):
    """More channels than a block, on tiles that no instruction set divides."""
    fastconv.set_float32_precision("high")
    k = WINOGRAD[name]
    kernel_shape = (k, k, 421, 397)
    x, dy = arrays(rng, (1, 6, 7, 421), kernel_shape, {}, dtype)
    want = conv_reference.gradients(x, np.zeros(kernel_shape), dy, *plain({}))[1]
    got = gradient(x, dy, kernel_shape, {}, name)
    assert np.linalg.norm(got - want) <= TOLERANCE[dtype] * np.linalg.norm(want)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("data_format", BOTH)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_bad_number_reaches_exactly_the_sums_that_meet_it(k, data_format, bad, isa, rng):
    words = {"padding": ((0, 0), (0, 0)), "data_format": data_format}
    x, dy = arrays(rng, (2, 12, 13, 6), (k, k, 6, 18), words)
    for array, channel in ((x, 4), (dy, 11)):
        changed = array.copy()
        changed[1, 0, 0, channel] = bad  # of x: met by the first tap alone
        touched = np.zeros((k, k, 6, 18), bool)
        touched[(0, 0, channel) if array is x else (..., channel)] = True
        for name in ("auto", *NAMED):
            got = gradient(*((changed, dy) if array is x else (x, changed)), touched.shape, words, name)
            if got is not None:
                np.testing.assert_array_equal(~np.isfinite(got), touched, err_msg=name)


def test_few_tiles_are_left_to_other_algorithms(rng):
    for name, shape in (("winograd_3x3_by_4", (1, 12, 12, 8)), ("winograd_5x5_by_2", (3, 4, 4, 8))):
        k = WINOGRAD[name]
        x, dy = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
        assert gradient(x, dy, (k, k, 8, 8), {"padding": "same"}, name) is None
        fastconv.set_float32_precision("high")
        assert gradient(x, dy, (k, k, 8, 8), {"padding": "same"}, name) is not None
        fastconv.set_float32_precision("highest")


def test_what_an_algorithm_needs_is_said():
    x, dy = np.ones((1, 8, 8, 4), np.float32), np.ones((1, 6, 6, 5), np.float32)
    for name in ("winograd_5x5_by_2", "winograd_2x2_by_3"):
        with pytest.raises(ValueError, match=f"`algorithm` '{name}' needs {KERNEL_ALGORITHMS[name]}; received"):
            fastconv.conv2d_kernel_grad(x, dy, (3, 3, 4, 5), algorithm=name)
    with pytest.raises(ValueError, match="`algorithm` must be"):
        fastconv.conv2d_kernel_grad(x, dy, (3, 3, 4, 5), algorithm="fastest")
