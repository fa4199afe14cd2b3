"""bench/run.py as a user runs it, on one small case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_runs import bench, module

import fastconv

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


def test_a_peer_that_would_take_too_long_is_left_out_and_named(monkeypatch):
    cases, peers, runner = (module(monkeypatch, name) for name in ("cases", "peers", "runner"))
    timing, report = module(monkeypatch, "timing"), module(monkeypatch, "report")
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
    timing = module(monkeypatch, "timing")
    calls = {"near": 0.001, "far": 0.03}
    runs = {name: lambda seconds=seconds: timing.time.sleep(seconds) for name, seconds in calls.items()}
    found = timing.interleaved(runs, timing.Effort(3, 0.002, 10.0, behind=5.0))
    assert (found["near"].rounds, found["far"].rounds) == (3, 1)
    found = timing.interleaved(runs, timing.Effort(3, 0.002, 10.0))
    assert (found["near"].rounds, found["far"].rounds) == (3, 3)
