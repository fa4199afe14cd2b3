"""bench/run.py as a user runs it, on one small case."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import fastconv

BENCH = Path(__file__).parents[1] / "bench"
SMALL = [
    "--full",
    "--suite",
    "activation",
    "--filter",
    "LeNet-5 relu",
    "--peers",
    "none",
    "--rounds",
    "2",
    "--threads",
    "1",
]


LAYERS = [
    "--full",
    "--suite",
    "layers",
    "--filter",
    "LeNet-5 conv3",
    "--peers",
    "none",
    "--rounds",
    "1",
    "--threads",
    "1",
]
IMAGES = ["--full", "--suite", "image", "--peers", "none", "--rounds", "1", "--threads", "1"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on the fastconv that this process has imported."""
    environment = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(BENCH / "run.py"), *arguments],
        env=environment,
        timeout=240,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "new.json"
    done = bench(*SMALL, "--json", str(path), "--markdown", "--details")
    assert done.returncode == 0, done.stderr
    assert "| LeNet-5 relu |" in done.stdout
    assert f"fastconv {fastconv.__version__}" in done.stdout
    return path


def test_json_holds_times_errors_and_machine(results):
    found = json.loads(results.read_text())
    assert found["machine"]["threads"] == 1
    assert found["machine"]["isa"] in fastconv.cpu.available_isas()
    (row,) = found["rows"]
    ours = row["results"]["fastconv"]
    assert (row["suite"], row["case"], row["problems"]) == ("activation", "LeNet-5 relu", {})
    assert ours["error"] == 0 and not ours["wrong"]
    assert 0 < ours["low"] <= ours["seconds"] <= ours["high"]
    assert ours["rounds"] == 2


@pytest.mark.parametrize(("factor", "verdict"), [(1e4, "1 faster"), (1e-4, "1 slower")])
def test_compare_says_what_changed(results, tmp_path, factor, verdict):
    old = json.loads(results.read_text())
    for name in ("seconds", "low", "high"):
        old["rows"][0]["results"]["fastconv"][name] *= factor
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    done = bench(*SMALL, "--compare", str(path))
    assert done.returncode == 0, done.stderr
    assert verdict in done.stdout
    assert "behind" in done.stdout and "of peak" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--suite", "images"],
            "`--suite` must be one of image, layers, grads, pool, activation, step, keras, networks; received 'images'",
        ),
        (["--peers", "scipy,matlab"], "received 'matlab'"),
        (["--isa", "sse9"], "received 'sse9'"),
        (["--batch", "8,0"], "`--batch` must be whole numbers from 1 on, with commas between; received '8,0'"),
        (["--rounds", "0"], "`--rounds` must be at least 1; received 0"),
        (["--compare", "nowhere.json"], "received 'nowhere.json'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    done = bench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_layers_run_in_both_layouts_at_the_batches_asked_for(tmp_path):
    path, picture = tmp_path / "layers.json", tmp_path / "roofline.png"
    done = bench(
        *LAYERS, "--batch", "2,1", "--precision", "high", "--details", "--json", str(path), "--roofline", str(picture)
    )
    assert done.returncode == 0, done.stderr
    assert "largest error" in done.stdout
    found = json.loads(path.read_text())
    assert found["machine"]["precision"] == "high"
    assert [row["case"] for row in found["rows"]] == ["LeNet-5 conv3, batch 2", "LeNet-5 conv3, batch 1"]
    for row, batch in zip(found["rows"], (2, 1), strict=True):
        assert row["layer"] == {"net": "LeNet-5", "batch": batch, "channels": 16, "filters": 120, "groups": 1}
        assert row["flops"] == 2 * batch * 5 * 5 * 16 * 120
        assert set(row["results"]) == {"fastconv", "fastconv-nchw", "fastconv-prepared", "fastconv-nchw-prepared"}
        assert all(result["error"] < 1e-5 for result in row["results"].values())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_layout_leaves_the_other_one_out(tmp_path):
    path = tmp_path / "layers.json"
    done = bench(*LAYERS, "--batch", "1", "--layout", "nchw", "--json", str(path))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(path.read_text())["rows"]
    assert set(row["results"]) == {"fastconv-nchw", "fastconv-nchw-prepared"}


def test_steps_of_networks_in_both_layouts(tmp_path):
    path = tmp_path / "step.json"
    done = bench(
        "--full",
        "--suite",
        "step",
        "--filter",
        "MNIST",
        "--peers",
        "none",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--json",
        str(path),
    )
    assert done.returncode == 0, done.stderr
    found = {row["case"]: row for row in json.loads(path.read_text())["rows"]}
    assert set(found) == {"MNIST-b", "MNIST-c", "MNIST-d"}
    assert found["MNIST-b"]["flops"] == 128 * (4 * 26 * 26 * 6 * 9 + 6 * 12 * 12 * 16 * 6 * 4)
    for row in found.values():
        assert set(row["results"]) == {"fastconv", "fastconv-tf"}
        assert all(result["error"] < 1e-6 for result in row["results"].values())


def test_networks_from_files(tmp_path):
    path = tmp_path / "found.json"
    done = bench(
        "--suite",
        "networks",
        "--filter",
        "LeNet-5",
        "--peers",
        "none",
        "--rounds",
        "1",
        "--details",
        "--json",
        str(path),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *networks, start = json.loads(path.read_text())["rows"]
    assert {row["op"] for row in networks} == {"network"} and start["op"] == "start"
    assert all(row["results"]["fastconv"]["error"] < 1e-6 and not row["problems"] for row in networks)
    figures = start["results"]["fastconv"]
    assert 0 < figures["numpy_cpu_seconds"] < figures["cpu_seconds"]
    assert "beyond NumPy's import" in done.stdout


def test_a_network_of_a_file(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((9, 9, 3)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    model.save(tmp_path / "small.keras")
    done = bench(
        "--model", str(tmp_path / "small.keras"), "--peers", "none", "--rounds", "1", "--batch", "1,3", "--details"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "small batch 3" in done.stdout and "small start" in done.stdout


def test_networks_of_keras_in_processes_of_their_own(tmp_path):
    path, picture = tmp_path / "keras.json", tmp_path / "networks.png"
    done = bench(
        "--suite",
        "keras",
        "--filter",
        "LeNet-5 predict",
        "--peers",
        "keras-tf",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--details",
        "--json",
        str(path),
        "--plot",
        str(picture),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(path.read_text())["rows"]
    assert set(row["results"]) == {"fastconv-tf", "keras-tf"} and not row["problems"]
    assert all(result["error"] < 1e-6 and result["rounds"] == 1 for result in row["results"].values())
    assert "on TensorFlow" in done.stdout
    assert {file.name for file in tmp_path.glob("*.png")} == {"networks-keras.png"}


def _module(monkeypatch, name: str):
    """A module of the benchmark, which finds its siblings as it does in a run of run.py."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module(name)


def _row(net: str, batch: int, peers: dict[str, float], **own: float) -> dict:
    """A row whose candidates took these seconds, all with the right answer."""
    times = {name.replace("_", "-"): seconds for name, seconds in own.items()} | peers
    return {
        "case": f"{net}, batch {batch}",
        "problems": {},
        "image": None,
        "layer": {"net": net, "batch": batch, "channels": 64, "filters": 64, "groups": 1},
        "results": {name: {"seconds": seconds, "error": 1e-7, "wrong": False} for name, seconds in times.items()},
    }


def test_summary_holds_each_layout_against_the_best_peer_of_any(monkeypatch):
    summary = _module(monkeypatch, "summary")
    layers = [
        _row("A", 1, {"torch-nhwc": 4.0, "torch-nchw": 2.0}, fastconv=1.0, fastconv_nchw=4.0),
        _row("A", 8, {"torch-nhwc": 8.0, "torch-nchw": 9.0}, fastconv=1.0, fastconv_nchw=2.0),
        _row("B", 1, {"jax": 1.0}, fastconv=1.0, fastconv_nchw=1.0),
    ]
    (_, heads, means), (title, _, behind) = summary.grids(layers)
    assert heads == ["layers of", "rows", "NHWC", "least", "< 1", "NCHW", "least", "< 1"]
    cells = {row[0]: row[1:] for row in means}
    assert cells["A"] == ["2", "4.00", "2.00", "0", "1.41", "0.50", "1"]
    assert cells["batch 8"] == ["1", "8.00", "8.00", "0", "4.00", "4.00", "0"]
    assert cells["all"][:3] == ["3", "2.52", "1.00"]
    assert "1 of 3" in title
    assert behind == [["A, batch 1", "2.00", "0.50", "torch-nchw"]]


def test_a_wrong_or_missing_answer_of_fastconv_fails_and_has_no_ratio(monkeypatch):
    rows = _module(monkeypatch, "rows")
    row = _row("A", 1, {"jax": 1.0, "torch-nhwc": 0.5}, fastconv=1.0, fastconv_nchw=1.0)
    assert not rows.failed(row) and rows.ratio(row, "fastconv") == 0.5
    row["results"]["torch-nhwc"]["wrong"] = True
    assert not rows.failed(row) and rows.ratio(row, "fastconv") == 1
    row["results"]["fastconv-nchw"]["wrong"] = True
    assert rows.failed(row) and rows.ratio(row, "fastconv-nchw") is None
    del row["results"]["fastconv-nchw"]
    assert not rows.failed(row)
    row["problems"]["fastconv-nchw"] = "MemoryError: no"
    assert rows.failed(row)


def test_fastconv_is_held_to_its_promise_and_peers_to_one_tolerance(monkeypatch):
    cases = _module(monkeypatch, "cases")
    layer = cases.build(next(case for case in cases.load("layers", (1,)) if case.name == "LeNet-5 conv3, batch 1"))
    assert [layer.tolerance(word) for word in ("highest", "high", "medium")] == [1e-6, 1e-5, 1e-2]
    assert layer.tolerance() == 1e-5


def test_the_float64_reference_of_groups_strides_and_padding(monkeypatch):
    cases, reference = _module(monkeypatch, "cases"), _module(monkeypatch, "reference")
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
    cases = _module(monkeypatch, "cases")
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
    cases = _module(monkeypatch, "cases")
    for suite in cases.SUITES:
        found = cases.load(suite)
        assert 0 < sum(case.quick for case in found) < len(found)
        assert len({case.name for case in found}) == len(found)


def test_images_run_with_a_summary_and_a_picture_a_dtype(tmp_path):
    path, picture = tmp_path / "images.json", tmp_path / "times.png"
    done = bench(*IMAGES, "--filter", "256x256 k", "--json", str(path), "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    found = {row["case"]: row for row in json.loads(path.read_text())["rows"]}
    row = found["256x256 k9 gaussian float64"]
    assert row["image"] == {"size": "256x256", "kernel": 9, "kind": "gaussian", "border": "fill", "channels": 1}
    assert row["flops"] == 2 * 256**2 * 9**2
    assert set(row["results"]) == {"fastconv"} and row["results"]["fastconv"]["error"] < 1e-13
    assert found["256x256 k31 random uint8 constant"]["results"]["fastconv"]["error"] <= 1e-3
    assert {file.name for file in tmp_path.glob("*.png")} == {
        f"times-{dtype}.png" for dtype in ("float32", "float64", "uint8")
    }


def test_image_rows_cover_dtypes_sizes_kernels_and_borders(monkeypatch):
    cases = _module(monkeypatch, "cases")
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
    images = _module(monkeypatch, "images")
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
    cases, reference = _module(monkeypatch, "cases"), _module(monkeypatch, "reference")
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
    cases, reference = _module(monkeypatch, "cases"), _module(monkeypatch, "reference")
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


def test_a_peer_that_would_take_too_long_is_left_out_and_named(monkeypatch):
    cases, peers, runner = (_module(monkeypatch, name) for name in ("cases", "peers", "runner"))
    timing, report = _module(monkeypatch, "timing"), _module(monkeypatch, "report")
    every = {case.name: case for case in cases.load("image")}
    slow = cases.Problem("convolve2d", {}, flops=2.0 * 2048**2 * 63**2)
    estimates = {peer.name: peer.estimate(slow) for peer in peers.PEERS}
    assert min(estimates[name] for name in ("scipy", "ndimage", "torch-nchw")) > runner.LONGEST
    assert estimates["opencv"] == estimates["scipy-fft"] == 0
    monkeypatch.setattr(runner, "LONGEST", 0)
    chosen = peers.select(["scipy", "ndimage"])
    run = runner.Runner(chosen, fastconv.get_num_threads(), "highest", None, lambda what: None)
    row = run.row(every["16x16 k3 random float32"], timing.Effort(1, 0.001, 0.1))
    assert set(row["skipped"]) == {"scipy", "ndimage"}
    assert set(row["results"]) == {"fastconv", "scipy-fft", "scipy-oa"}
    ((_, heads, cells),) = report._grids([row], {"peak_flops": {}, "copy_bandwidth": 1e9})
    assert "scipy skipped (about" in cells[0][heads.index("other peers")]


def test_a_call_far_behind_is_timed_once(monkeypatch):
    timing = _module(monkeypatch, "timing")
    calls = {"near": 0.001, "far": 0.03}
    runs = {name: lambda seconds=seconds: timing.time.sleep(seconds) for name, seconds in calls.items()}
    found = timing.interleaved(runs, timing.Effort(3, 0.002, 10.0, behind=5.0))
    assert (found["near"].rounds, found["far"].rounds) == (3, 1)
    found = timing.interleaved(runs, timing.Effort(3, 0.002, 10.0))
    assert (found["near"].rounds, found["far"].rounds) == (3, 3)


def _image_row(dtype: str, kernel: int, peers: dict[str, float], **own: float) -> dict:
    kind, op = "random", "filter2d" if dtype == "uint8" else "convolve2d"
    row = _row("A", 1, peers, **own)
    return row | {
        "case": f"2048x2048 k{kernel} {kind} {dtype}",
        "dtype": dtype,
        "op": op,
        "layer": None,
        "image": {"size": "2048x2048", "kernel": kernel, "kind": kind, "border": "fill", "channels": 1},
    }


def test_summary_of_images_by_group_with_copies_and_rows_behind(monkeypatch):
    summary = _module(monkeypatch, "image_summary")
    found = [
        _image_row("float32", 3, {"opencv": 4.0, "copy": 0.8}, fastconv=1.0, fastconv_out=0.96),
        _image_row("float32", 9, {"opencv": 1.0, "scipy": 9.0}, fastconv=1.0),
        _image_row("uint8", 9, {"opencv": 0.5}, fastconv=1.0),
    ]
    (_, heads, means), (_, copy_heads, copies), (title, _, behind) = summary.grids(found)
    cells = {row[0]: row[1:] for row in means}
    assert heads == ["images of", "rows", "mean", "least", "< 1.05", "< 1"]
    assert cells["float32"] == ["2", "2.00", "1.00", "1", "0"]
    assert cells["kernel 9x9"] == ["2", "0.71", "0.50", "2", "1"]
    assert cells["all"] == ["3", "1.26", "0.50", "2", "1"]
    assert copy_heads[2:] == ["plain call", "with out="]
    assert copies == [["2048x2048 k3 random float32", "800 ms", "1.25", "1.20"]]
    assert "2 of 3" in title
    assert behind == [
        ["2048x2048 k9 random uint8", "0.50", "opencv"],
        ["2048x2048 k9 random float32", "1.00", "opencv"],
    ]
    assert not list(summary.grids([_row("A", 1, {}, fastconv=1.0)]))


def test_a_copy_is_no_peer(monkeypatch):
    rows = _module(monkeypatch, "rows")
    row = _image_row("float32", 3, {"opencv": 4.0, "copy": 0.5}, fastconv=1.0)
    assert rows.best(row) == ("opencv", 4) and rows.peers(row) == ["opencv"]
    assert rows.copies(row, "fastconv") == 2 and rows.copies(row, "fastconv-out") is None
