"""Every algorithm keeps its promise of accuracy: the sweep of accuracy.py in short."""

import accuracy
import numpy as np
import pytest
from accuracy_layers import Layer, draw, parse

import fastconv
from fastconv import cpu

pytestmark = pytest.mark.usefixtures("restored_precision")


def broken(layer):
    """The lines of what the layer shows to be over its promise."""
    return [
        f"{m.algorithm}: {m.units:.2f} of {m.promise}, norm {m.norm}: accuracy.py --case '{m.layer}'"
        for m in accuracy.check(layer)
        if not m.kept
    ]


@pytest.mark.parametrize("seed", range(6))
def test_random_layers(seed):
    rng = np.random.default_rng(seed)
    isas = cpu.available_isas()
    for i in range(8):
        with cpu.use_isa(isas[-1 - i % min(len(isas), 2)]):
            assert broken(draw(rng)) == []


@pytest.mark.parametrize(
    "words",
    [
        "n=2 c_in=153 c_out=43 k=5",  # maps narrower than a patch
        "n=2 h=14 c_in=64 c_out=64 k=5",
        "h=3 w=3 c_in=64 c_out=64 k=5",
        "n=8 h=3 w=3 c_in=64 c_out=64 k=3 padding=valid",
        "h=8 w=8 c_in=256 c_out=64 k=3",
        "h=8 w=8 c_in=128 c_out=64 k=5",
        "h=4 w=4 c_in=1024 c_out=64 values=constant",  # sums of equal numbers
        "h=4 w=4 c_in=512 c_out=16 k=3 values=constant",
        "h=6 w=6 c_in=48 c_out=48 k=11 groups=48 values=constant",
        "operation=dense n=2 c_in=2048 c_out=64 values=constant",
        "operation=dense n=64 c_in=2048 c_out=64 values=constant",
        "operation=dense_grads n=8192 c_in=16 c_out=16 values=constant",
        "operation=kernel_grad n=8 h=28 w=28 c_in=16 c_out=16 k=3 values=constant",
        "operation=input_grad n=2 c_in=43 c_out=153 k=5",
        "operation=input_grad h=5 w=5 c_in=256 c_out=32 k=3 values=outlier",
        "h=7 w=7 c_in=384 c_out=4 k=7 values=constant algorithm=split",
        "h=9 w=9 c_in=256 c_out=20 k=7 padding=valid algorithm=split",
        "n=8 h=8 w=8 c_in=6 c_out=6 k=3 groups=6 values=denormal precision=high algorithm=winograd_6x3",
        "h=4 w=4 c_in=512 c_out=16 k=3 values=constant dtype=float64",
        "h=7 w=7 c_in=64 c_out=16 k=3 values=denormal",
        "h=7 w=7 c_in=64 c_out=16 k=3 values=huge",
    ],
)
def test_layers_that_are_hard(words):
    assert broken(parse(words)) == []


def test_an_image_of_a_tenth_has_the_exact_mean():
    x, kernel = np.full((1, 4, 4, 1024), 0.1, np.float32), np.ones((1, 1, 1024, 64), np.float32)
    exact = float(np.float32(0.1)) * 1024
    for name in ("direct", "packed", "unpacked", "planar"):
        assert abs(fastconv.conv2d(x, kernel, algorithm=name) - exact).max() <= 32 * 2**-24 * exact


def test_a_line_repeats_its_layer():
    layer = Layer(operation="dense", n=3, c_in=7, dtype="float64", seed=9)
    assert parse(str(layer)) == layer
