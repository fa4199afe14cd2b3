"""uint8 images under the kernels that have ways of their own: equal taps, small integers times a number, products."""

import numpy as np
import pytest
from filter_reference import BORDERS, assert_nearly, correlate, random_image, saturated
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv


def box_sums(image, size, border, value):
    """The exact sums."""
    columns = correlate(image, np.ones((size[0], 1)), border, value)
    return correlate(columns, np.ones((1, size[1])), border, value * size[0])


def box(image, size, border, value):
    """The mean in whole numbers: the exact sum times the tap in float32, as one product."""
    sums = box_sums(image, size, border, value)
    return saturated(np.float32(sums) * np.float32(1 / (size[0] * size[1])), "uint8")


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 140), st.integers(1, 160)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    channels=st.sampled_from([None, 1, 3]),
    border=st.sampled_from(list(BORDERS)),
    seed=st.integers(0, 2**31),
)
def test_means(shape, size, channels, border, seed):
    image = random_image(np.random.default_rng(seed), shape if channels is None else (*shape, channels), "uint8")
    got = fastconv.box_blur(image, size, border=border, value=7)
    means = box_sums(image, size, border, 7) / (size[0] * size[1])
    differs = got != saturated(means, "uint8")
    assert np.all(np.abs(got - means) < 0.5 + 1e-4)
    assert np.all(np.abs(means[differs] % 1 - 0.5) < 1e-4)  # halves may go either way


@pytest.mark.parametrize(
    "size", [(3, 3), (5, 5), (2, 3), (1, 7), (9, 9), (15, 15), (16, 16), (31, 31), (101, 101), (257, 40), (300, 20)]
)
def test_means_of_large_images(size, isa, rng):
    for shape in ((310, 333), (130, 140, 3)):
        image = random_image(rng, shape, "uint8")
        image[:40] = 255
        for border in ("reflect101", "constant"):
            assert_nearly(
                fastconv.box_blur(image, size, border=border, value=255), box(image, size, border, 255), share=1e-3
            )


@pytest.mark.parametrize("scale", [1 / 7, 1 / 10, 1 / 16, 1 / 100, 0.3, 1.7])
def test_integers_times_a_number_are_rounded_once(scale, isa, rng):
    image, scale = random_image(rng, (150, 170), "uint8"), np.float32(scale)
    for taps in (
        np.outer([1, 2, 1], [1, 2, 1]),
        np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]),
        np.ones((3, 5)),
        np.array([[0, 1, 0], [1, 3, 1], [0, 1, 0]]),
    ):
        kernel = taps.astype("f4") * scale
        want = saturated(np.float32(correlate(image, taps)) * scale, "uint8")
        got = fastconv.filter2d(image, kernel)
        if (kernel == taps * kernel[kernel > 0].min()).all():
            np.testing.assert_array_equal(got, want)
        assert_nearly(got, want)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_hundreds_of_channels(dtype, border, rng):
    image = random_image(rng, (5, 6, 301), dtype)
    for kernel in (np.outer([1, 2, 1], [1, 2, 3]) / 24, rng.uniform(0, 0.2, (3, 3)), np.full((5, 5), 0.04)):
        want = correlate(image, kernel.astype("f4"), border, 1)
        got = fastconv.filter2d(image, kernel, border=border, value=1)
        assert np.abs(got - want).max() <= (0.51 if dtype != "float32" else 1e-5)
