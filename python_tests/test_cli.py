"""The commands of ``python -m fastconv``."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_digits import digits, means_net, photographed
from PIL import Image

import fastconv
from fastconv import cli, cpu
from fastconv.network import Graph, Net, Node, Value

DEMO = Path(cli.__file__).with_name("lenet.fcn")


@pytest.fixture
def photos(tmp_path):
    """A folder of two photographs, of 7 and 2, and of a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    images, labels = digits()
    rng = np.random.default_rng(1)
    for image, label in zip(images[:2], labels[:2], strict=True):
        Image.fromarray(photographed(image, rng)).save(folder / f"{label}.png")
    (folder / "none.png").write_bytes(b"none")
    return folder


def run(capsys, name, *words):
    code = cli.main(name, [str(word) for word in words])
    return code, *capsys.readouterr()


def test_a_command_is_run_and_a_script_of_its_name_by_its_path(tmp_path):
    (tmp_path / "info").write_text("print('script')")
    command, script = (
        subprocess.run(
            [sys.executable, "-m", "fastconv", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(fastconv.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=60,
        )
        for words in (["info", "--json"], ["./info"])
    )
    assert json.loads(command.stdout)["version"] == fastconv.__version__
    assert script.stdout == "script\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(name, ["--help"])
    assert ended.value.code == 0 and f"python -m fastconv {name}" in capsys.readouterr().out


def test_info_says_what_every_instruction_set_needs(capsys):
    code, said, _ = run(capsys, "info")
    assert code == 0 and all(f"  {name} " in said for name in cpu.compiled_isas())
    assert f"{cpu.active_isa():<8}in use" in said
    needs = json.loads(run(capsys, "info", "--json")[1])["isa_requirements"]
    assert list(needs) == cpu.compiled_isas() and needs["scalar"] == []
    with pytest.raises(ValueError, match="`name` must be one of"):
        cpu.required_features("none")


def test_predict_photographs(photos, capsys, tmp_path):
    table = tmp_path / "results.csv"
    code, said, errors = run(capsys, "predict", DEMO, photos, "--json", "--top", 3, "--out", table)
    found = {Path(line["file"]).stem: line for line in map(json.loads, said.splitlines())}
    assert {name: line["classes"][0]["label"] for name, line in found.items()} == {"7": "7", "2": "2"}
    assert all("inverted" in line["input"] and len(line["classes"]) == 3 for line in found.values())
    assert code == 1 and "none.png: no picture that Pillow reads" in errors
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["file"]).stem, row["class_1"]) for row in rows] == [("2", "2"), ("7", "7")]


def test_predict_with_labels_in_a_table(photos, capsys, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]))
    code, said, errors = run(capsys, "predict", DEMO, photos / "7.png", "--labels", labels, "--top", 2)
    lines = said.splitlines()
    assert code == 0 and len(lines) == 3 and lines[1].split()[0] == "seven"
    assert "range 0..1, assumed" in errors


def test_predict_takes_what_it_is_told(photos, capsys):
    words = ("--no-mnist", "--no-invert", "--range", "0..255", "--json")
    _, said, errors = run(capsys, "predict", DEMO, photos / "7.png", *words)
    assert json.loads(said)["input"] == ["400x300", "28x28x1 in 0..255"] and "as asked for" in errors


def test_outputs_that_are_no_classes_are_files(tmp_path, capsys):
    model, picture, out = tmp_path / "model.fcn", tmp_path / "a.png", tmp_path / "out"
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    outputs = [Value("positive"), Value("sums")]
    nodes = [Node("Identity", ("x",), ("positive",)), Node("ReduceSum", ("x", "axes"), ("sums",), {"keepdims": False})]
    shape = (None, None, None, 3)
    graph = Graph([Value("x", shape, np.dtype("float32"))], outputs, nodes, {"axes": np.array([3])})
    Net(graph).save(model)
    assert run(capsys, "predict", model, picture, picture, "--out", out)[0] == 0
    np.testing.assert_array_equal(np.asarray(Image.open(out / "a.positive.out.png")), pixels)
    sums = np.load(out / "a.sums.out.npy")
    np.testing.assert_allclose(sums, pixels.sum(-1) / 255, rtol=1e-5)
    assert sorted(file.name for file in out.iterdir()) == sorted(
        ["a.positive.out.png", "a.positive.out.2.png", "a.sums.out.npy", "a.sums.out.2.npy"]
    )


def test_a_network_of_one_image_at_a_time_takes_many(tmp_path, capsys):
    model = tmp_path / "model.fcn"
    means_net((1, 4, 4, 3)).save(model)
    for i in range(3):
        Image.new("RGB", (4, 4), (i, 0, 255)).save(tmp_path / f"{i}.png")
    code, said, _ = run(capsys, "predict", model, tmp_path, "--json", "--top", 1)
    assert code == 0 and [json.loads(line)["classes"][0]["class"] for line in said.splitlines()] == [2, 2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.fcn", "a.png"], "nowhere.fcn"),
        ([DEMO, "."], "holds no pictures"),
        ([DEMO, "a.png", "--out", "results.txt"], "--out must name a .csv file"),
        ([DEMO, "a.png", "--raw", "--labels", "x"], "--labels are for classifiers"),
        ([DEMO, "a.png", "--size", "30x30"], "`size` must be that of the network"),
    ],
)
def test_errors_of_predict_are_one_line(words, message, capsys):
    code, said, errors = run(capsys, "predict", *words)
    assert code == 1 and said == "" and message in errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", DEMO, "a.png", "--top", "0"], "--top: must be a whole number from 1 on; received '0'"),
        (["predict", DEMO, "a.png", "--size", "3"], "--size: must be height and width"),
        (["predict", DEMO, "a.png", "--size", "3x-1"], "--size: must be a whole number"),
        (["bench", DEMO, "--batch", "two"], "--batch: must be a whole number"),
    ],
)
def test_arguments_that_are_no_numbers(words, message, capsys):
    with pytest.raises(SystemExit):
        run(capsys, *words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "99999"])
def test_ports_that_there_are_not(port, capsys):
    code, said, errors = run(capsys, "serve", DEMO, "--port", port)
    assert code == 1 and said == "" and "`port` must be from 0 to 65535" in errors


def test_the_network_of_the_demo_is_small_and_right(demo_net):
    images, labels = digits()
    found = demo_net.predict(images[..., None] / np.float32(255)).argmax(-1)
    assert np.mean(found == labels) > 0.985 and DEMO.stat().st_size < 200_000


def test_convert(tmp_path, capsys):
    images, _ = digits()
    x = images[:8, ..., None] / np.float32(255)
    half = tmp_path / "half.fcn"
    code, said, _ = run(capsys, "convert", DEMO, half, "--weights", "float32", "--precision", "high")
    assert code == 0 and f"{half.stat().st_size:,} bytes" in said
    np.testing.assert_allclose(fastconv.load(half)(x), fastconv.load(DEMO)(x), atol=1e-4)
    assert run(capsys, "convert", DEMO, tmp_path / "half.onnx")[0] == 1


def test_quantize(tmp_path, capsys):
    images, labels = digits()
    x, out = images[:400, ..., None] / np.float32(255), tmp_path / "small.fcn"
    np.savez(tmp_path / "samples.npz", x=x, y=labels[:400])
    code, said, errors = run(capsys, "quantize", DEMO, tmp_path / "samples.npz", out, "--count", 128)
    assert (code, errors) == (0, "") and f"{out.stat().st_size:,} bytes" in said
    assert "float32 (first)" in said and "accuracy of 400 samples" in said
    assert np.mean(fastconv.load(out)(x).argmax(-1) == labels[:400]) > 0.98
    np.save(tmp_path / "samples.npy", x[:50])
    code, said, _ = run(capsys, "quantize", DEMO, tmp_path / "samples.npy", out, "--keep", "--method", "mse")
    assert code == 0 and "float32" not in said and "accuracy" not in said
    np.savez(tmp_path / "wrong.npz", z=x)
    assert run(capsys, "quantize", DEMO, tmp_path / "wrong.npz", out)[0] == 1
    assert run(capsys, "quantize", DEMO, tmp_path / "samples.npy", tmp_path / "small.onnx")[0] == 1


def test_bench(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "steps.png"
    words = ("--batch", 1, 4, "--seconds", 0.01, "--plot", picture)
    code, said, _ = run(capsys, "bench", DEMO, *words)
    assert code == 0 and "images/s" in said and "steps of a call with 1 images" in said
    with Image.open(picture) as drawn:
        assert drawn.width > 100
    found = json.loads(run(capsys, "bench", DEMO, *words[:5], "--threads", 1, "--json")[1])
    assert [row["batch"] for row in found["batches"]] == [1, 4] and found["threads"] == 1
    assert all(row["images_per_s"] > 0 and row["calls"] >= 5 for row in found["batches"])
    assert {step["kind"] for step in found["steps"]} >= {"Conv2D", "Dense"}


def test_bench_keeps_a_fixed_batch(tmp_path, capsys):
    model = tmp_path / "model.fcn"
    means_net((2, 4, 4, 3)).save(model)
    words = ("bench", model, "--seconds", 0.001)
    assert [row["batch"] for row in json.loads(run(capsys, *words, "--json")[1])["batches"]] == [2]
    assert "--batch must be 2" in run(capsys, *words, "--batch", 3)[2]
