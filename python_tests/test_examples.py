"""The examples: LeNet side by side, and edges of pictures of every kind."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(script: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=600,
        check=False,
    )


@pytest.fixture
def edges(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import edges

    return edges


@pytest.fixture
def lenet(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import mnist_lenet

    return mnist_lenet


@pytest.fixture
def mnist(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES / "networks")
    import data

    return data


def test_predict_runs_a_saved_network(tmp_path):
    import keras

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 5, name="only"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(10),
        ]
    )
    model.save(tmp_path / "model.keras")
    process = run("predict.py", tmp_path, "model.keras")
    assert process.returncode == 0, process.stderr
    assert "only" in process.stdout and re.search(r"images in [\d.]+ s, [\d.]+% right", process.stdout)
    (tmp_path / "model.keras").write_bytes(b"PK no archive")
    process = run("predict.py", tmp_path, "model.keras")
    assert process.returncode == 2 and "model.keras: not a readable zip archive" in process.stderr


def is_png(path: Path, least_side: int) -> bool:
    with Image.open(path) as image:
        return image.format == "PNG" and min(image.size) >= least_side


def test_lenet_learns_alike_on_both(tmp_path):
    process = run("mnist_lenet.py", tmp_path, "--json", "figures.json")
    assert process.returncode == 0, process.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    stock, fast, whole = figures["stock Keras"], figures["fastconv"], figures["whole steps"]
    least, apart = (0.978, 0.005) if figures["images"] == 60000 else (0.85, 0.03)
    assert min(stock["test_accuracy"], fast["test_accuracy"]) >= least
    for ours in (fast, whole):
        assert abs(stock["test_accuracy"] - ours["test_accuracy"]) <= apart
        assert len(stock["epoch_seconds"]) == len(ours["epoch_seconds"]) == 2
    for words in ("seconds an epoch", "test loss", "test accuracy", "An epoch on fastconv takes"):
        assert words in process.stdout
    assert is_png(tmp_path / "mnist_lenet.png", 900)


def test_mnist_data_is_the_one_asked_for(mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("FASTCONV_MNIST", raising=False)
    assert mnist.find_data(None) == mnist.SHIPPED
    cached = tmp_path / "datasets" / "mnist.npz"
    cached.parent.mkdir()
    cached.touch()
    assert mnist.find_data(None) == cached
    monkeypatch.setenv("FASTCONV_MNIST", "environment.npz")
    assert mnist.find_data(None) == Path("environment.npz")
    assert mnist.find_data("given.npz") == Path("given.npz")


def test_mnist_ships_real_images(mnist):
    data = mnist.load(mnist.SHIPPED)
    assert data["x_train"].shape == (6000, 28, 28, 1) and data["x_test"].shape == (2000, 28, 28, 1)
    assert data["x_train"].dtype == np.float32 and data["x_train"].min() == 0 and data["x_train"].max() == 1
    assert np.bincount(data["y_train"]).min() > 500 and np.bincount(data["y_test"]).min() > 150
    assert mnist.SHIPPED.stat().st_size < 2e6


def odd_file(path: Path, **changes) -> str:
    arrays = {
        "x_train": np.zeros((3, 28, 28), np.uint8),
        "y_train": np.zeros(3, np.uint8),
        "x_test": np.zeros((2, 28, 28), np.uint8),
        "y_test": np.zeros(2, np.uint8),
    } | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return str(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "lacks y_test"),
        ({"x_train": np.zeros((3, 32, 32), np.uint8)}, r"x_train .* shape \(n, 28, 28\); found uint8 \(3, 32"),
        ({"x_test": np.zeros((2, 28, 28))}, "x_test .* found float64"),
        ({"x_train": np.zeros((0, 28, 28), np.uint8)}, "x_train .* found"),
        ({"y_train": np.zeros(2, np.uint8)}, "y_train .* must be 3 integers from 0 to 9"),
        ({"y_train": np.array([1, 2, 10])}, "y_train .* from 0 to 9"),
        ({"y_train": np.array([None] * 3, object)}, "cannot be read"),
    ],
)
def test_mnist_refuses_odd_files(mnist, tmp_path, changes, message):
    with pytest.raises(mnist.DataError, match=message):
        mnist.load(Path(odd_file(tmp_path / "odd.npz", **changes)))


def test_mnist_refuses_what_is_no_archive(mnist, tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npz").touch()
    for name in ("array.npy", "text.npz", "empty.npz", "."):
        with pytest.raises(mnist.DataError, match="cannot be read"):
            mnist.load(tmp_path / name)
    with pytest.raises(mnist.DataError, match=r"none\.npz does not exist; give --data"):
        mnist.load(tmp_path / "none.npz")


@pytest.mark.parametrize("network", ["channels_first", "alexnet-groups"])
def test_networks_are_compared_with_stock_keras(tmp_path, network):
    process = run("compare.py", tmp_path, network, "--epochs", "1", "--images", "64", "--size", "67", "--rounds", "1")
    assert process.returncode == 0, process.stderr
    assert float(re.search(r"apart, (\S+) of the largest", process.stdout)[1]) <= 1e-5
    assert re.search(r"fastconv: \S+x ", process.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.npz"], "none.npz does not exist"),
        (["--epochs", "0"], "must be at least 1"),
        (["--output", "no/such/folder.png"], "folder of no/such/folder.png does not exist"),
    ],
)
def test_lenet_says_what_is_wrong_with_its_arguments(lenet, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        lenet.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_worked_example(edges):
    result = edges.worked_example()
    assert result[0, 0] == 15
    np.testing.assert_array_equal(result, [[15, 10, 0], [10, 0, -10], [0, -10, -15]])
    assert edges.WORKED_IMAGE.tolist() == [[10] * 5, *[[10, 5, 5, 5, 10]] * 3, [10] * 5]


def test_filters_draws_a_gallery_and_times(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import filters

    monkeypatch.setattr(filters, "KERNEL_SIZES", (3, 5))
    monkeypatch.setattr(filters, "ROUNDS", 1)
    monkeypatch.chdir(tmp_path)
    assert filters.main(["--size", "120"]) == 0
    assert is_png(tmp_path / "filters.png", 1000)
    assert is_png(tmp_path / "filter_times.png", 600)
    with pytest.raises(SystemExit):
        filters.main(["nowhere.jpg"])


def test_edges_draws_its_own_photo(tmp_path):
    process = run("edges.py", tmp_path)
    assert process.returncode == 0, process.stderr
    assert "[[ 15  10   0]" in process.stdout
    assert is_png(tmp_path / "edges.png", 1000)


def picture(mode: str) -> Image.Image:
    ramp = np.linspace(0, 1, 24 * 32).reshape(24, 32)
    if mode == "F":
        return Image.fromarray(ramp.astype(np.float32))
    if mode in ("I", "I;16"):
        return Image.fromarray((ramp * 65535).astype(np.int32 if mode == "I" else np.uint16))
    return Image.fromarray(np.uint8(ramp * 255)).convert("RGB").convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("1", "png"),
        ("L", "png"),
        ("LA", "png"),
        ("P", "png"),
        ("P", "gif"),
        ("RGB", "jpg"),
        ("RGB", "webp"),
        ("RGBA", "png"),
        ("CMYK", "tif"),
        ("YCbCr", "jpg"),
        ("I;16", "png"),
        ("I", "tif"),
        ("F", "tif"),
    ],
)
def test_edges_reads_every_mode(edges, tmp_path, mode, suffix):
    path = tmp_path / f"picture.{suffix}"
    picture(mode).save(path)
    photo = edges.read_photo(path, 1000)
    assert photo.shape == (24, 32, 3) and photo.dtype == np.float32
    assert photo.min() >= 0 and photo.max() <= 1
    assert photo[-4:].mean() - photo[:4].mean() > 0.5  # the ramp still goes from dark to light


def test_edges_puts_transparent_pixels_on_white(edges, tmp_path):
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "clear.png")
    assert (edges.read_photo(tmp_path / "clear.png", 10) == 1).all()


def test_edges_turns_and_shrinks_photos(edges, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    Image.new("RGB", (40, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    assert edges.read_photo(tmp_path / "turned.jpg", 1000).shape == (40, 20, 3)
    assert edges.read_photo(tmp_path / "turned.jpg", 10).shape == (10, 5, 3)


def test_edges_of_a_file_given(edges, tmp_path, capsys):
    picture("P").save(tmp_path / "small.gif")
    assert edges.main([str(tmp_path / "small.gif"), "--output", str(tmp_path / "sheet.png")]) == 0
    assert "32 x 24 pixels" in capsys.readouterr().out
    assert is_png(tmp_path / "sheet.png", 500)


def test_filters_show_what_they_are_named_for(edges):
    photo = np.zeros((9, 9, 3), np.float32)
    photo[:, 5:] = 1  # one vertical edge
    grey = np.full((9, 9, 3), 0.5, np.float32)
    panels = edges.PANELS
    np.testing.assert_array_equal(panels["Sobel y: horizontal edges"](photo), grey)
    assert (panels["Sobel x: vertical edges"](photo)[:, 4:6] > 1).all()
    np.testing.assert_array_equal(panels["sharpen"](grey), grey)
    np.testing.assert_array_equal(panels["Laplacian"](grey), 0)
    np.testing.assert_allclose(panels[f"blur, {edges.BLUR_PASSES} times"](grey), grey, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.png", None, "does not exist"),
        ("text.png", b"no picture", "is not a picture Pillow can read"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "is not a picture Pillow can read"),
    ],
)
def test_edges_says_what_is_wrong_with_a_file(edges, tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        edges.main([str(tmp_path / name)])
    assert stop.value.code == 2
    assert f"{name} {message}" in capsys.readouterr().err
