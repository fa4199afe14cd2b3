"""Gradients of inputs under kernels that are read where they lie, against sums over taps in float64."""

import conv_reference as reference
import numpy as np
import pytest
from conv_cases import DTYPES, close, from_layout, in_layout

import fastconv

# Kernels of a megabyte and more on maps of a few pixels, and smaller ones; channels that end in part of a vector.
LAYERS = {
    "1x1": ((1, 5, 7, 520), (1, 1, 520, 1030), {}),
    "1x1 of a batch": ((3, 12, 12, 70), (1, 1, 70, 90), {}),
    "1x7": ((1, 8, 8, 300), (1, 7, 300, 270), {"padding": ((0, 0), (3, 3))}),
    "3x3": ((1, 6, 6, 250), (3, 3, 250, 260), {"padding": ((1, 1), (1, 1))}),
    "3x3 of more tiles": ((1, 30, 31, 35), (3, 3, 35, 40), {}),
    "5x5": ((1, 7, 7, 130), (5, 5, 130, 141), {"padding": ((2, 2), (2, 2))}),
    "groups": ((1, 9, 9, 300), (3, 3, 150, 302), {"groups": 2}),
    "one output channel a group": ((1, 9, 8, 24), (3, 3, 8, 3), {"groups": 3}),
    "one output channel": ((2, 9, 8, 33), (3, 2, 33, 1), {}),
    "strides": ((1, 9, 9, 300), (3, 3, 300, 220), {"strides": (2, 1)}),
    "dilation": ((1, 6, 6, 400), (3, 3, 400, 200), {"padding": ((2, 2), (1, 3)), "dilation_rate": (2, 2)}),
}


def operands(rng, layer, dtype):
    """x's shape, kernel, dy and the geometry of a layer."""
    x, kernel, keywords = LAYERS[layer]
    geometry = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation_rate": (1, 1), "groups": 1} | keywords
    y = fastconv.conv2d(np.zeros(x, np.float32), np.zeros(kernel, np.float32), **geometry)
    kernel, dy = (rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in (kernel, y.shape))
    return x, kernel, dy, geometry


def expected(x, kernel, dy, geometry):
    return reference.gradients(np.zeros(x), kernel.astype(np.float64), dy.astype(np.float64), *geometry.values())[0]


@pytest.mark.parametrize(
    ("dtype", "data_format"), [*((dtype, "channels_last") for dtype in DTYPES), ("float32", "channels_first")]
)
@pytest.mark.parametrize("layer", LAYERS)
def test_large_and_small_kernels(rng, layer, dtype, data_format):
    x, kernel, dy, geometry = operands(rng, layer, dtype)
    shape = x if data_format == "channels_last" else (x[0], x[3], *x[1:3])
    results = []
    for count in (1, 2):
        with fastconv.threads(count):
            results.append(
                fastconv.conv2d_input_grad(
                    in_layout(dy, data_format), kernel, shape, data_format=data_format, **geometry
                )
            )
    np.testing.assert_array_equal(*results)
    close(
        from_layout(results[0], data_format),
        expected(x, kernel, dy, geometry),
        expected(x, abs(kernel), abs(dy), geometry),
        dtype,
    )


@pytest.mark.parametrize("layer", ["1x1", "3x3", "3x3 of more tiles", "5x5", "strides"])
def test_not_a_number_reaches_its_window_alone(rng, layer):
    x, kernel, dy, geometry = operands(rng, layer, "float32")
    clean = fastconv.conv2d_input_grad(dy, kernel, x, **geometry)
    at = np.zeros(dy.shape)
    dy[0, 1, 1, 3], at[0, 1, 1, 3] = np.nan, 1
    spoiled = fastconv.conv2d_input_grad(dy, kernel, x, **geometry)
    met = expected(x, np.ones_like(kernel), at, geometry) != 0
    np.testing.assert_array_equal(np.isnan(spoiled), met)
    np.testing.assert_allclose(spoiled[~met], clean[~met], rtol=0, atol=1e-5 * abs(clean).max())
