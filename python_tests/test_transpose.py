"""`conv2d_transpose` against the definition, in float64, and against Keras' sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastconv


def scattered(x, kernel, shape, strides, dilation, pads):
    """Every cell of x times the kernel, added to its window of the result."""
    (s_h, s_w), (d_h, d_w) = strides, dilation
    n, h, w, _ = x.shape
    (top, bottom), (left, right) = pads
    whole = np.zeros((n, shape[1] + top + bottom, shape[2] + left + right, shape[3]))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            rows, cols = i * d_h, j * d_w
            whole[:, rows : rows + h * s_h : s_h, cols : cols + w * s_w : s_w] += x @ kernel[i, j].T
    return whole[:, top : top + shape[1], left : left + shape[2]]


def same_pads(out, cells, window, stride):
    total = max((cells - 1) * stride + window - out, 0)
    return total // 2, total - total // 2


@st.composite
def cases(draw):
    axis = st.integers(1, 3)
    h, w, n = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    c_in, c_out = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    taps = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    strides = draw(axis), draw(axis)
    dilation = (draw(axis), draw(axis)) if strides == (1, 1) else (1, 1)
    return (n, h, w, c_in), (*taps, c_out, c_in), strides, dilation, draw(st.sampled_from(("valid", "same")))


@given(cases(), st.sampled_from(("channels_last", "channels_first")), st.sampled_from((np.float32, np.float64)))
def test_like_the_definition(case, data_format, dtype):
    x_shape, kernel_shape, strides, dilation, padding = case
    rng = np.random.default_rng(3)
    x, kernel = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(kernel_shape).astype(dtype)
    last = data_format == "channels_last"
    y = fastconv.conv2d_transpose(
        x if last else x.transpose(0, 3, 1, 2),
        kernel,
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        data_format=data_format,
    )
    y = y if last else y.transpose(0, 2, 3, 1)
    pads = []
    for axis in (0, 1):
        window = (kernel_shape[axis] - 1) * dilation[axis] + 1
        pads.append(
            same_pads(y.shape[axis + 1], x_shape[axis + 1], window, strides[axis])
            if padding == "same"
            else (0, max(strides[axis] - window, 0))
        )
        least = x_shape[axis + 1] * strides[axis]
        assert y.shape[axis + 1] == (least if padding == "same" else least + max(window - strides[axis], 0))
    want = scattered(x.astype(float), kernel.astype(float), y.shape, strides, dilation, pads)
    bound = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(y, want, rtol=bound, atol=bound)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_bias_activation_and_out(data_format, rng):
    x, kernel, bias = rng.standard_normal((2, 4, 4, 3)), rng.standard_normal((3, 3, 5, 3)), rng.standard_normal(5)
    last = data_format == "channels_last"
    x = x if last else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    plain = fastconv.conv2d_transpose(x, kernel, strides=2, data_format=data_format)
    out = np.empty_like(plain)
    got = fastconv.conv2d_transpose(x, kernel, bias, strides=2, data_format=data_format, activation="relu", out=out)
    assert got is out
    np.testing.assert_array_equal(out, np.maximum(plain + (bias if last else bias[:, None, None]), 0))


@pytest.mark.parametrize(
    ("padding", "output_padding", "rows"),
    [("valid", 0, 9), ("valid", 1, 10), ("same", None, 8), ("same", 0, 7), ("same", (1, 1), 8)],
)
def test_output_padding(padding, output_padding, rows):
    x, kernel = np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1))
    y = fastconv.conv2d_transpose(x, kernel, strides=2, padding=padding, output_padding=output_padding)
    assert y.shape == (1, rows, rows, 1)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"padding": "full"}, "padding"),
        ({"padding": ((1, 1), (1, 1))}, "padding"),
        ({"output_padding": 2, "strides": 2}, "output_padding"),
        ({"output_padding": -1, "strides": 2}, "output_padding"),
        ({"bias": np.ones(3)}, "bias"),
        ({"kernel": np.ones((3, 3, 3, 2))}, "kernel"),
        ({"kernel": np.ones((3, 2, 3, 4))}, "kernel.*read as .k_h, k_w, c_out, c_in.; one in PyTorch's order.*"),
    ],
)
def test_errors_name_the_argument(words, named):
    arguments = {"kernel": np.ones((3, 3, 2, 3)), "bias": None, **words}
    with pytest.raises(ValueError, match=f"`{named}"):
        fastconv.conv2d_transpose(np.ones((1, 4, 4, 3)), arguments.pop("kernel"), arguments.pop("bias"), **arguments)
