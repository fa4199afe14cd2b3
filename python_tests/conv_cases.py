"""Geometries to draw, and what conv2d's tests share."""

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

# Norm of the error over the norm of what could have cancelled: what the precision table promises, with room for half
# types' own rounding of inputs to outputs.
TOLERANCE = {"float32": 1e-6, "float64": 1e-14, "float16": 1e-3, "bfloat16": 8e-3}
DTYPES = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in TOLERANCE}


def close(got, want, scale, dtype):
    assert got.dtype == DTYPES[dtype]
    assert got.shape == want.shape
    error = np.linalg.norm((got.astype(np.float64) - want).ravel())
    assert error <= TOLERANCE[dtype] * np.linalg.norm(scale.ravel())


def in_layout(array, data_format):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if data_format == "channels_first" else array


def from_layout(array, data_format):
    return array.transpose(0, 2, 3, 1) if data_format == "channels_first" else array


@st.composite
def geometries(draw):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    c_in, c_out = (groups * draw(st.sampled_from(sizes)) for sizes in ([1, 2, 3, 5, 17, 40], [1, 2, 6, 16, 33, 70]))
    if draw(st.integers(0, 5)) == 0:
        groups = c_out = c_in
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    strides, dilation = draw(pair), draw(pair)
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.tuples(pads, pads))
    size = [(k - 1) * d + 1 + draw(st.integers(0, 19)) for k, d in zip(kernel, dilation, strict=True)]
    return {
        "x": (draw(st.integers(1, 3)), *size, c_in),
        "kernel": (*kernel, c_in // groups, c_out),
        "keywords": {
            "strides": strides,
            "padding": padding,
            "dilation_rate": dilation,
            "groups": groups,
            "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
        },
    }
