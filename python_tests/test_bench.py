"""bench/run.py as a user runs it, on one small case."""
from __future__ import annotations

import importlib.util
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
    (["--rounds", "0"], "`--rounds` must be at least 1; received 0"),
    (["--compare", "nowhere.json"], "received 'nowhere.json'"),
])
def test_bad_arguments_are_named(arguments, message):
    done = bench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_every_suite_has_quick_and_further_cases(monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_cases", BENCH / "cases.py")
    cases = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench_cases", cases)
    spec.loader.exec_module(cases)
    for suite in cases.SUITES:
        found = cases.load(suite)
        assert 0 < sum(case.quick for case in found) < len(found)
        assert len({case.name for case in found}) == len(found)
