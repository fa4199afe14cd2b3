"""bench/run.py as a user runs it, on one small case."""
from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv

BENCH = Path(__file__).parents[1] / "bench"
SMALL = ["--full", "--suite", "activation", "--filter", "LeNet-5 relu", "--peers", "none", "--rounds", "2",
         "--threads", "1"]


LAYERS = ["--full", "--suite", "layers", "--filter", "LeNet-5 conv3", "--peers", "none", "--rounds", "1",
          "--threads", "1"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on the fastconv that this process has imported."""
    environment = os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, str(BENCH / "run.py"), *arguments], env=environment, timeout=120,
                          capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "new.json"
    done = bench(*SMALL, "--json", str(path), "--markdown")
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


@pytest.mark.parametrize(("arguments", "message"), [
    (["--suite", "images"], "`--suite` must be one of image, layers, grads, pool, activation, keras; "
                            "received 'images'"),
    (["--peers", "scipy,matlab"], "received 'matlab'"),
    (["--isa", "sse9"], "received 'sse9'"),
    (["--batch", "8,0"], "`--batch` must be whole numbers from 1 on, with commas between; received '8,0'"),
    (["--rounds", "0"], "`--rounds` must be at least 1; received 0"),
    (["--compare", "nowhere.json"], "received 'nowhere.json'"),
])
def test_bad_arguments_are_named(arguments, message):
    done = bench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_layers_run_in_both_layouts_at_the_batches_asked_for(tmp_path):
    path, picture = tmp_path / "layers.json", tmp_path / "roofline.png"
    done = bench(*LAYERS, "--batch", "2,1", "--precision", "high", "--json", str(path), "--roofline", str(picture))
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


def _module(monkeypatch, name: str):
    """A module of the benchmark, which finds its siblings as it does in a run of run.py."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module(name)


def _row(net: str, batch: int, peers: dict[str, float], **own: float) -> dict:
    """A row whose candidates took these seconds, all with the right answer."""
    times = {name.replace("_", "-"): seconds for name, seconds in own.items()} | peers
    return {"case": f"{net}, batch {batch}", "problems": {},
            "layer": {"net": net, "batch": batch, "channels": 64, "filters": 64, "groups": 1},
            "results": {name: {"seconds": seconds, "error": 1e-7, "wrong": False} for name, seconds in times.items()}}


def test_summary_holds_each_layout_against_the_best_peer_of_any(monkeypatch):
    summary = _module(monkeypatch, "summary")
    layers = [_row("A", 1, {"torch-nhwc": 4.0, "torch-nchw": 2.0}, fastconv=1.0, fastconv_nchw=4.0),
              _row("A", 8, {"torch-nhwc": 8.0, "torch-nchw": 9.0}, fastconv=1.0, fastconv_nchw=2.0),
              _row("B", 1, {"jax": 1.0}, fastconv=1.0, fastconv_nchw=1.0)]
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
        case = cases.Case("layers", "x", "layers", True, {
            "x": "2x7x8x6", "kernel": f"3x2x{filters}", "strides": "2", "padding": "1", "groups": str(groups)})
        problem = cases.build(case)
        x, kernel = (problem.arrays[name].astype(float) for name in ("x", "kernel"))
        expected = fastconv.conv2d(x, kernel, strides=2, padding=((1, 1), (1, 1)), groups=groups)
        assert reference.error(reference.answer(problem), expected) < 1e-14


def test_a_network_lists_each_size_once(monkeypatch):
    cases = _module(monkeypatch, "cases")
    found = cases.load("layers", (1,))
    assert {case.layer["net"] for case in found} == {
        "LeNet-5", "MNIST-b", "MNIST-c", "MNIST-d", "AlexNet", "VGG16", "GoogLeNet", "ResNet-50", "MobileNetV2"}
    sizes = [(case.layer["net"], *sorted(case.settings.items())) for case in found]
    assert len(set(sizes)) == len(sizes)
    assert {case.layer["batch"] for case in cases.load("layers")} == {1, 8, 32}


def test_every_suite_has_quick_and_further_cases(monkeypatch):
    cases = _module(monkeypatch, "cases")
    for suite in cases.SUITES:
        found = cases.load(suite)
        assert 0 < sum(case.quick for case in found) < len(found)
        assert len({case.name for case in found}) == len(found)
