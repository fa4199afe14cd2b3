"""What the benchmark measures, and the answers in float64 by which it checks."""

from __future__ import annotations

import numpy as np
import pytest
from bench_runs import module
from numpy.lib.stride_tricks import sliding_window_view

import fastconv


def test_fastconv_is_held_to_its_promise_and_peers_to_one_tolerance(monkeypatch):
    cases = module(monkeypatch, "cases")
    layer = cases.build(next(case for case in cases.load("layers", (1,)) if case.name == "LeNet-5 conv3, batch 1"))
    assert [layer.tolerance(word) for word in ("highest", "high", "medium")] == [1e-6, 1e-5, 1e-2]
    assert layer.tolerance() == 1e-5


def test_the_float64_reference_of_groups_strides_and_padding(monkeypatch):
    cases, reference = module(monkeypatch, "cases"), module(monkeypatch, "reference")
    for groups, filters in ((1, 4), (2, 4), (6, 6)):
        case = cases.Case(
            "layers",
            "x",
            "layers",
            True,
            {"x": "2x7x8x6", "kernel": f"3x2x{filters}", "strides": "2", "padding": "1", "groups": str(groups)},
        )
        problem = cases.build(case)
        x, kernel = (problem.arrays[name].astype(float) for name in ("x", "kernel"))
        expected = fastconv.conv2d(x, kernel, strides=2, padding=((1, 1), (1, 1)), groups=groups)
        assert reference.error(reference.answer(problem), expected) < 1e-14


def test_a_network_lists_each_size_once(monkeypatch):
    cases = module(monkeypatch, "cases")
    found = cases.load("layers", (1,))
    assert {case.layer["net"] for case in found} == {
        "LeNet-5",
        "MNIST-b",
        "MNIST-c",
        "MNIST-d",
        "AlexNet",
        "VGG16",
        "GoogLeNet",
        "ResNet-50",
        "MobileNetV2",
    }
    sizes = [(case.layer["net"], *sorted(case.settings.items())) for case in found]
    assert len(set(sizes)) == len(sizes)
    assert {case.layer["batch"] for case in cases.load("layers")} == {1, 8, 32}


def test_every_suite_has_quick_and_further_cases(monkeypatch):
    cases = module(monkeypatch, "cases")
    for suite in cases.SUITES:
        found = cases.load(suite)
        assert 0 < sum(case.quick for case in found) < len(found)
        assert len({case.name for case in found}) == len(found)


def test_image_rows_cover_dtypes_sizes_kernels_and_borders(monkeypatch):
    cases = module(monkeypatch, "cases")
    found = [(case, case.settings["dtype"], case.image) for case in cases.load("image")]
    for dtype in ("float32", "float64", "uint8"):
        images = [image for _, other, image in found if other == dtype]
        assert {image["size"] for image in images} >= {"256x256", "512x512", "1080x1920", "2048x2048", "4096x4096"}
        assert {image["kernel"] for image in images} >= {3, 5, 9, 15, 31, 63, 101}
        assert {image["kind"] for image in images} >= {"random", "gaussian", "box", "sobel"}
        assert "reflect101" in {image["border"] for image in images}
    assert {image["channels"] for *_, image in found} == {1, 3}
    assert {case.op for case, dtype, image in found if image["border"] == "reflect101"} == {"filter2d"}


def test_a_line_of_images_is_a_product_and_quick_must_name_a_row(monkeypatch):
    images = module(monkeypatch, "images")
    lines = [
        "quick: 8x9 k5 box uint8 reflect101 3 channels",
        "filter2d: dtype=uint8 border=reflect101 channels=1,3 image=8x9 kind=box kernel=3,5",
    ]
    found = images.rows(lines)
    assert [(name, quick) for name, _, quick, _ in found] == [
        ("8x9 k3 box uint8 reflect101", False),
        ("8x9 k5 box uint8 reflect101", False),
        ("8x9 k3 box uint8 reflect101 3 channels", False),
        ("8x9 k5 box uint8 reflect101 3 channels", True),
    ]
    with pytest.raises(ValueError, match="no row 8x9 k5 box"):
        images.rows(lines[:1])


@pytest.mark.parametrize(
    ("op", "dtype", "kind", "border", "channels"),
    [
        ("convolve2d", "float64", "random", "fill", 1),
        ("convolve2d", "float64", "sobel", "symm", 1),
        ("convolve2d", "uint8", "random", "fill", 1),
        ("filter2d", "float64", "gaussian", "constant", 1),
        ("filter2d", "float64", "sobel", "reflect101", 3),
        ("filter2d", "uint8", "random", "constant", 3),
        ("filter2d", "uint8", "sobel", "reflect101", 1),
        ("filter2d", "uint16", "box", "reflect101", 1),
    ],
)
def test_the_float64_reference_of_images(monkeypatch, op, dtype, kind, border, channels):
    cases, reference = module(monkeypatch, "cases"), module(monkeypatch, "reference")
    problem = cases.build(
        cases.Case(
            "image",
            "x",
            op,
            True,
            {
                "dtype": dtype,
                "image": "9x14",
                "kind": kind,
                "kernel": "5",
                "border": border,
                "channels": str(channels),
                "content": "noise",
            },
        )
    )
    image, kernel = (problem.arrays[name].astype(float) for name in ("x", "kernel"))
    assert image.shape == (9, 14, 3)[: 2 if channels == 1 else 3]
    mode = {"symm": "symmetric", "reflect101": "reflect"}.get(border, "constant")
    padded = np.pad(image, [(2, 2), (2, 2), (0, 0)][: image.ndim], mode)
    windows = sliding_window_view(padded, (5, 5), (0, 1))
    sums = (windows * (kernel[::-1, ::-1] if op == "convolve2d" else kernel)).sum(axis=(-2, -1))
    if dtype == "uint8" and op == "convolve2d":
        sums %= 256
    elif dtype != "float64":
        sums = np.clip(np.rint(sums), 0, np.iinfo(dtype).max)
    np.testing.assert_allclose(reference.answer(problem), sums, rtol=1e-12, atol=1e-12)


def test_rounded_integers_are_held_to_levels(monkeypatch):
    cases, reference = module(monkeypatch, "cases"), module(monkeypatch, "reference")
    expected = np.full((100, 100), 7.0)
    got = expected.astype(np.uint8)
    assert reference.levels(got, expected) == 0
    got[0, :3] = 8
    assert reference.levels(got, expected) == 3e-4
    got[1, 0] = 4
    assert reference.levels(got, expected) == 3
    assert reference.levels(got[:5], expected) == np.inf
    rounded = cases.Problem("filter2d", {}, dtype="uint8")
    assert (rounded.tolerance("highest"), rounded.tolerance()) == (1e-3, 2)
    assert cases.Problem("convolve2d", {}, dtype="uint8").tolerance("highest") == 0
    assert cases.Problem("convolve2d", {}, dtype="float64").tolerance("highest") == 1e-13
    assert cases.Problem("filter2d", {}, dtype="float32").tolerance("highest") == 1e-6
