"""What bench/run.py prints first."""

from io import StringIO

from bench_runs import bench, module, row_of


def test_an_overview_has_a_line_a_suite_and_names_each_loss(monkeypatch):
    overview, report = module(monkeypatch, "overview"), module(monkeypatch, "report")
    found = [
        row_of("A", 1, {"jax": 4.0, "torch-nhwc": 8.0}, fastconv=1.0) | {"suite": "layers"},
        row_of("A", 8, {"jax": 1.0}, fastconv=2.0) | {"suite": "layers"},
        row_of("B", 1, {"jax": 9.0}, fastconv=1.0) | {"suite": "grads"},
        row_of("C", 1, {}, fastconv=1.0) | {"suite": "grads"},
    ]
    found[2]["results"]["fastconv"]["wrong"] = True
    (_, heads, suites), (title, _, losses) = overview.grids(found)
    assert heads == ["suite", "rows", "mean", "worst", "behind", "failed"]
    assert suites == [
        ["layers", "2", "1.41", "0.50", "1", ""],
        ["grads", "2", "", "", "0", "1"],
        ["all", "4", "1.41", "0.50", "1", "1"],
    ]
    assert title == "2 of 4 rows behind or failed"
    assert losses == [["grads, B, batch 1", "failed", "jax"], ["layers, A, batch 8", "0.50", "jax"]]
    ((_, _, ahead),) = overview.grids(found[:1])
    assert ahead == [["layers", "1", "4.00", "4.00", "0", ""]]
    assert not list(overview.grids([]))
    assert {*heads, "behind in"} & set(report._LEFT) == {"suite", "behind in"}


def test_an_overview_fits_80_columns_whatever_the_names(monkeypatch):
    report = module(monkeypatch, "report")
    machine = dict.fromkeys(("cpu", "isa", "precision", "python", "date"), "a name" * 9)
    machine |= {"threads": 2, "peak_flops": {"float32": 1e9}, "copy_bandwidth": 1e9, "load": 9.0}
    row = row_of("a long name " * 9, 1, {"torch-nhwc": 0.5}, fastconv=1.0) | {"suite": "layers"}
    results = {"machine": machine, "versions": {"jax": "1.0"}, "missing": ["x" * 99], "rows": [row]}
    shown = StringIO()
    report.print_overview(report.Console(file=shown, width=170), results)
    text = shown.getvalue()
    assert "0.50" in text and "torch-nhwc" in text and "not installed" in text
    assert max(map(len, text.splitlines())) <= 80
    written = report.markdown(results)
    assert "| suite | rows | mean | worst | behind | failed |" in written and "of peak" not in written
    assert f"| layers, {row['case']} | 0.50 | torch-nhwc |" in written


def test_details_come_after_the_overview():
    arguments = [
        "--full",
        "--suite",
        "activation",
        "--peers",
        "none",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--details",
        "--filter",
    ]
    detailed = bench(*arguments, "LeNet-5 relu")
    assert detailed.returncode == 0, detailed.stderr
    assert 0 < detailed.stdout.index("behind") < detailed.stdout.index("of peak")
