"""A prepared convolution with a tensor added before its activation, by every algorithm."""

import numpy as np
import pytest

import fastconv
from fastconv import _args, _core
from fastconv.nn.convolution import ALGORITHMS, Keywords

rng = np.random.default_rng(0)


def run_added(x, kernel, bias, added, activation, algorithm, data_format):
    keywords = Keywords(1, "same", 1, 1, data_format, activation, algorithm)
    geometry, shape = keywords.geometry(x.dtype, x.shape, kernel.shape)
    prepared = _core.PreparedConv2D(geometry, kernel, bias)
    y = np.full(shape, np.nan, x.dtype)
    prepared.run_added(geometry, x, added, y)
    return y


@pytest.mark.parametrize("data_format", _args.LAYOUTS)
@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "taps"), [((16, 9, 11, 8), 3), ((2, 7, 6, 16), 1), ((2, 12, 13, 4), 5)])
def test_against_the_sum_in_float64(shape, taps, dtype, algorithm, activation, data_format):
    x, kernel = rng.standard_normal(shape), rng.standard_normal((taps, taps, shape[-1], 24)) / taps**2
    bias, added = rng.standard_normal(24), 4 * rng.standard_normal((*shape[:-1], 24))
    wanted = fastconv.conv2d(x, kernel, bias, padding="same") + added
    wanted = np.clip(wanted, 0, 6 if activation == "relu6" else None)
    order = (0, 1, 2, 3) if data_format == "channels_last" else (0, 3, 1, 2)
    x, added, wanted = (np.ascontiguousarray(a.transpose(order)) for a in (x, added, wanted))
    x, kernel, bias, added = (a.astype(dtype) for a in (x, kernel, bias, added))
    try:
        results = []
        for threads in (1, 2, 3):
            with fastconv.threads(threads):
                results.append(run_added(x, kernel, bias, added, activation, algorithm, data_format))
    except ValueError as error:
        assert "needs" in str(error)  # the algorithm is for other layers
        return
    loose = algorithm == "split" and fastconv.get_float32_precision() != "highest"
    tolerance = (1e-3 if loose else 3e-5) if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(results[0], wanted, rtol=0, atol=tolerance)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_other_sizes_and_dtypes_are_refused():
    x, kernel = np.ones((1, 4, 4, 2), np.float32), np.ones((3, 3, 2, 2), np.float32)
    with pytest.raises(ValueError, match="bytes"):
        run_added(x, kernel, None, np.ones(3, np.float32), None, "auto", "channels_last")
    x, kernel = x.astype(np.float16), kernel.astype(np.float16)
    with pytest.raises(ValueError, match="fastconv"):
        run_added(x, kernel, None, np.ones_like(x), None, "auto", "channels_last")
