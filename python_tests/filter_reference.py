"""Filters of images by NumPy in float64, and photos to try them on."""

import numpy as np
from skimage import data

BORDERS = {"reflect101": "reflect", "reflect": "symmetric", "nearest": "edge", "wrap": "wrap", "constant": "constant"}
INTEGERS = ("uint8", "int8", "uint16", "int16", "int32")
FLOATS = ("float32", "float64")


def correlate(image, kernel, border="reflect101", value=0, anchor=None):
    """The float64 sums of filter2d, before they are rounded to any dtype."""
    kernel = np.asarray(kernel, np.float64)
    row, column = (kernel.shape[0] // 2, kernel.shape[1] // 2) if anchor is None else anchor
    pads = [(row, kernel.shape[0] - 1 - row), (column, kernel.shape[1] - 1 - column)] + [(0, 0)] * (image.ndim - 2)
    words = {"constant_values": value} if border == "constant" else {}
    padded = np.pad(image.astype(np.float64), pads, BORDERS[border], **words)
    h, w = image.shape[:2]
    sums = np.zeros(image.shape)
    for (j, i), tap in np.ndenumerate(kernel):
        sums += tap * padded[j : j + h, i : i + w]
    return sums


def saturated(sums, dtype):
    """float64 sums in an integer dtype: rounded, halves to even, and held to its limits."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(sums), limits.min, limits.max).astype(dtype)


def random_image(rng, shape, dtype):
    """Integers over the whole range of their type; floats of unit scale."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8).view(dtype)[..., 0]
    return rng.uniform(-1, 1, shape).astype(dtype)


def assert_close(got, sums, magnitude):
    """got has the values sums, of which `magnitude` is the sum of the absolute terms."""
    assert got.shape == sums.shape
    if got.dtype.kind in "iu":
        assert_nearly(got, saturated(sums, got.dtype), share=0.002 if got.itemsize == 1 else 0.02)
    else:
        tolerance = 8 * float(np.finfo(got.dtype).eps)
        np.testing.assert_allclose(got.astype(np.float64), sums, rtol=0, atol=tolerance * magnitude)


def assert_nearly(got, want, levels=1, share=0.002):
    """Integers that differ by few levels, in a small share of the cells."""
    assert got.dtype == want.dtype
    difference = np.abs(got.astype(np.int64) - want.astype(np.int64))
    assert difference.max(initial=0) <= levels
    assert np.count_nonzero(difference) <= max(1, share * difference.size)


def photos():
    """A colour photo of 512 x 512 and a grey one, uint8."""
    return data.astronaut(), data.camera()
