"""Ratios of the benchmark's rows, and the tables that sum them up."""

from __future__ import annotations

from bench_runs import module, row_of


def test_summary_holds_each_layout_against_the_best_peer_of_any(monkeypatch):
    summary = module(monkeypatch, "summary")
    layers = [
        row_of("A", 1, {"torch-nhwc": 4.0, "torch-nchw": 2.0}, fastconv=1.0, fastconv_nchw=4.0),
        row_of("A", 8, {"torch-nhwc": 8.0, "torch-nchw": 9.0}, fastconv=1.0, fastconv_nchw=2.0),
        row_of("B", 1, {"jax": 1.0}, fastconv=1.0, fastconv_nchw=1.0),
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
    rows = module(monkeypatch, "rows")
    row = row_of("A", 1, {"jax": 1.0, "torch-nhwc": 0.5}, fastconv=1.0, fastconv_nchw=1.0)
    assert not rows.failed(row) and rows.ratio(row, "fastconv") == 0.5
    row["results"]["torch-nhwc"]["wrong"] = True
    assert not rows.failed(row) and rows.ratio(row, "fastconv") == 1
    row["results"]["fastconv-nchw"]["wrong"] = True
    assert rows.failed(row) and rows.ratio(row, "fastconv-nchw") is None
    del row["results"]["fastconv-nchw"]
    assert not rows.failed(row)
    row["problems"]["fastconv-nchw"] = "MemoryError: no"
    assert rows.failed(row)


def _image_row(dtype: str, kernel: int, peers: dict[str, float], **own: float) -> dict:
    kind, op = "random", "filter2d" if dtype == "uint8" else "convolve2d"
    row = row_of("A", 1, peers, **own)
    return row | {
        "case": f"2048x2048 k{kernel} {kind} {dtype}",
        "dtype": dtype,
        "op": op,
        "layer": None,
        "image": {"size": "2048x2048", "kernel": kernel, "kind": kind, "border": "fill", "channels": 1},
    }


def test_summary_of_images_by_group_with_copies_and_rows_behind(monkeypatch):
    summary = module(monkeypatch, "image_summary")
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
    assert not list(summary.grids([row_of("A", 1, {}, fastconv=1.0)]))


def test_a_copy_is_no_peer(monkeypatch):
    rows = module(monkeypatch, "rows")
    row = _image_row("float32", 3, {"opencv": 4.0, "copy": 0.5}, fastconv=1.0)
    assert rows.best(row) == ("opencv", 4) and rows.peers(row) == ["opencv"]
    assert rows.copies(row, "fastconv") == 2 and rows.copies(row, "fastconv-out") is None
