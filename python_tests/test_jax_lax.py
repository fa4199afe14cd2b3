"""fastconv.jax.lax next to jax.lax: values, gradients, and what is left to JAX."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import examples
from hypothesis import given
from hypothesis import strategies as st
from jax import lax
from jax_reference import all_close, close, random

from fastconv import jax as fj
from fastconv.jax import lax as fl

pytestmark = pytest.mark.usefixtures("jax_float64")

ORDERS = [
    ("NHWC", "HWIO", "NHWC"),
    ("NHWC", "OIHW", "NHWC"),
    ("NCHW", "OIHW", "NCHW"),
    ("NCHW", "HWOI", "NCHW"),
    ("NHWC", "HWIO", "NCHW"),
    ("HWNC", "HWIO", "HWNC"),
]


@st.composite
def convolutions(draw):
    """Shapes by letters and the keywords of a convolution."""
    rank, groups = draw(st.sampled_from([1, 2, 2])), draw(st.sampled_from([1, 1, 2]))
    letters = "HW"[2 - rank :]
    numbers = draw(st.sampled_from(ORDERS))
    numbers = tuple("".join(letter for letter in word if letter in letters + "NCIO") for word in numbers)
    small, pads = st.integers(1, 3), st.tuples(st.integers(-1, 3), st.integers(-1, 3))
    per_axis = {letter: draw(st.tuples(st.integers(4, 8), small, small, small, small, pads)) for letter in letters}
    sizes = {"N": 2, "C": 2 * groups, "I": 2, "O": 2 * groups}
    lhs = tuple(per_axis[letter][0] if letter in per_axis else sizes[letter] for letter in numbers[0])
    rhs = tuple(per_axis[letter][1] if letter in per_axis else sizes[letter] for letter in numbers[1])
    one = draw(st.sampled_from(["strides", "image dilation", "both"]))
    columns = list(zip(*per_axis.values(), strict=True))
    return (
        lhs,
        rhs,
        columns[2] if one != "image dilation" else (1,) * rank,
        columns[5] if draw(st.booleans()) or one != "strides" else draw(st.sampled_from(["SAME", "VALID"])),
        {
            "lhs_dilation": columns[3] if one != "strides" else None,
            "rhs_dilation": columns[4],
            "dimension_numbers": numbers,
            "feature_group_count": groups,
        },
    )


@examples(12)
@given(convolutions())
def test_drawn_convolutions(case):
    lhs, rhs, strides, padding, keywords = case
    x, kernel = random(lhs), random(rhs, seed=1)

    def function(module):
        def both(x, kernel):
            y, pull = jax.vjp(lambda *a: module.conv_general_dilated(*a, strides, padding, **keywords), x, kernel)
            return y, pull(jnp.cos(y))

        return jax.jit(both, compiler_options={"xla_backend_optimization_level": 0})

    try:
        expected = function(lax)(x, kernel)
    except (ValueError, TypeError) as error:
        with pytest.raises(type(error)):
            function(fl)(x, kernel)
        return
    all_close(function(fl)(x, kernel), expected)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("numbers", ORDERS[:4], ids=str)
def test_dilated_images_run_on_a_kernel(numbers, groups):
    """And so do their derivatives in both modes."""
    sizes = {"N": 2, "H": 5, "W": 6, "C": 4, "I": 4 // groups, "O": 6}
    x = random(tuple(sizes[letter] for letter in numbers[0]))
    kernel = random(tuple((sizes | {"H": 3, "W": 2})[letter] for letter in numbers[1]), seed=1)
    keywords = {"lhs_dilation": (2, 3), "dimension_numbers": numbers, "feature_group_count": groups}

    def function(module):
        return lambda x, kernel: module.conv_general_dilated(x, kernel, (1, 1), ((2, 1), (1, 0)), **keywords)

    assert "fastconv" in str(jax.make_jaxpr(function(fl))(x, kernel))
    changes = jnp.cos(x), jnp.cos(kernel)
    all_close(jax.jvp(function(fl), (x, kernel), changes), jax.jvp(function(lax), (x, kernel), changes))


def test_what_no_kernel_serves_is_left_to_jax():
    x, kernel = random((2, 6, 6, 2)), random((3, 3, 2, 4), seed=1)
    numbers = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    cases = {
        "batch groups": ((x, kernel), {"batch_group_count": 2}),
        "another dtype": ((x.astype("float32"), kernel.astype("float32")), {"preferred_element_type": "float64"}),
        "three axes": ((random((1, 4, 4, 4, 2)), random((2, 2, 2, 2, 3))), {}),
        "integers": ((jnp.ones((1, 4, 4, 2), int), jnp.ones((2, 2, 2, 3), int)), {}),
    }
    for name, (args, keywords) in cases.items():
        order = {"dimension_numbers": ("NDHWC", "DHWIO", "NDHWC")} if args[0].ndim == 5 else numbers
        strides = (1,) * (args[0].ndim - 2)
        expected = lax.conv_general_dilated(*args, strides, "VALID", **order, **keywords)
        actual = fl.conv_general_dilated(*args, strides, "VALID", **order, **keywords)
        assert actual.dtype == expected.dtype and np.allclose(actual, expected), name


WINDOWS = {
    "channels last": ((1, 3, 2, 1), (1, 2, 1, 1), "SAME"),
    "channels first": ((1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
    "overlapping, padded": ((1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (0, 2), (0, 0))),
    "of one axis": ((1, 1, 3, 1), None, "VALID"),
    "of channels": ((1, 1, 1, 3), (1, 1, 1, 2), "VALID"),
    "of images": ((2, 2, 1, 1), None, "VALID"),
}


@pytest.mark.parametrize("computation", ["max", "add", "min"])
@pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)
def test_windows(case, computation):
    x, start = random((2, 6, 6, 6)), {"max": -np.inf, "add": 0.0, "min": np.inf}[computation]

    def both(module):
        y, pull = jax.vjp(lambda x: module.reduce_window(x, start, getattr(lax, computation), *case), x)
        return y, pull(jnp.cos(y))

    all_close(both(fl), both(lax))


def test_which_windows_run_on_a_kernel():
    x = random((2, 6, 6, 6))
    served = {
        name: "fastconv" in str(jax.make_jaxpr(lambda x, c=case: fl.reduce_window(x, -jnp.inf, lax.max, *c))(x))
        for name, case in WINDOWS.items()
    }
    assert [name for name, there in served.items() if not there] == ["of images"]


def test_a_window_of_padding_alone():
    args = random((1, 4, 4, 2)), -np.inf, lax.max, (1, 2, 2, 1), None, ((0, 0), (3, 0), (0, 0), (0, 0))
    np.testing.assert_array_equal(fl.reduce_window(*args), lax.reduce_window(*args))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtypes_stay(dtype):
    x, kernel = random((1, 3, 6, 6), dtype), random((4, 3, 3, 3), dtype, seed=1)
    y = fl.conv_general_dilated(x, kernel, (1, 1), "SAME")
    expected = lax.conv_general_dilated(x.astype("float64"), kernel.astype("float64"), (1, 1), "SAME")
    close(y, expected, dtype)
    close(y, fj.conv2d(x, kernel.transpose(2, 3, 1, 0), padding="same", data_format="channels_first"), dtype)
    assert fl.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2)).dtype == dtype


def test_dilations_of_windows_are_left_to_jax():
    x = random((1, 8, 8, 2))
    for keywords in ({"base_dilation": (1, 2, 1, 1)}, {"window_dilation": (1, 1, 2, 1)}):
        args = x, -np.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID"
        close(fl.reduce_window(*args, **keywords), lax.reduce_window(*args, **keywords))


def test_trees_and_arrays_of_numpy():
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    args = (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
    close(fl.reduce_window(x, -np.inf, lax.max, *args), lax.reduce_window(x, -np.inf, lax.max, *args))
    pair = jnp.asarray(x), jnp.asarray(x)
    found = fl.reduce_window(pair, (0.0, 0.0), lambda a, b: (a[0] + b[0], a[1] + b[1]), *args)
    all_close(found, lax.reduce_window(pair, (0.0, 0.0), lambda a, b: (a[0] + b[0], a[1] + b[1]), *args))


def test_the_example_trains_alike():
    examples_folder = Path(__file__).resolve().parents[1] / "examples"
    done = subprocess.run(
        [sys.executable, str(examples_folder / "jax_lenet.py"), "--epochs", "2", "--images", "640"],
        env=os.environ | {"FASTCONV_MNIST": str(examples_folder / "mnist_small.npz")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    losses = [
        [float(word) for word in line.split("losses ")[1].split(",")[0].split()] for line in done.stdout.splitlines()
    ]
    assert len(losses) == 2 and losses[0][0] > losses[0][1]
    np.testing.assert_allclose(*losses, atol=1e-3)
