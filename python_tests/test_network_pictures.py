"""Pictures of networks: PNG files, of any network; what they say is what their parts are given."""

import io
import re
import struct
import sys
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import layers as L
from network_models import moved

import fastconv
from fastconv.network import Graph, Net, Node, Value
from fastconv.network.pictures import features, kernels
from fastconv.network.pictures.layers import blocks, layouts
from fastconv.network.pictures.placement import place_boxes

FLOAT = np.dtype("float32")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def net():
    x = inputs = keras.Input((20, 20, 3), name="image")
    x = L.Conv2D(8, 3, activation="relu", name="first")(x)
    y = L.Conv2D(8, 3, padding="same", name="second")(L.BatchNormalization(name="norm")(x))
    x = L.Flatten(name="flat")(L.MaxPooling2D(name="pool")(L.Add(name="add")([x, y])))
    return fastconv.from_keras(moved(keras.Model(inputs, L.Dense(10, activation="softmax", name="last$_$")(x))))


@pytest.fixture
def drawn(monkeypatch):
    """The texts of figures that are saved."""
    from matplotlib.figure import Figure

    texts, save = [], Figure.savefig

    def record(figure, *args, **words):
        from matplotlib.text import Text

        texts.extend(text.get_text() for text in figure.findobj(Text) if text.get_text())
        save(figure, *args, **words)

    monkeypatch.setattr(Figure, "savefig", record)
    return texts


def size(picture):
    """Width and height of a PNG file."""
    data = picture.getvalue()
    assert data.startswith(b"\x89PNG")
    return struct.unpack(">II", data[16:24])


def test_a_network_layer_by_layer(net, drawn, tmp_path):
    net.plot(tmp_path / "net.png")
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert drawn[0] == f"7 layers, {sum(row[3] for row in net.summary().rows):,} parameters"
    for text in ("image", "? x 20 x 20 x 3", "first", "Conv2D", "? x 18 x 18 x 8", "224", "last$_$", "9 x 9 x 8"):
        assert any(text in found for found in drawn), text


def test_blocks_tell_what_reads_what(net):
    found = blocks(net._graph)
    names = [block.name for block in found]
    assert names[:2] == ["image", "first"]
    assert {names[i] for i in found[names.index("add")].sources} == {"first", "second"}
    assert [block.parameters for block in found if block.name == "norm"] == [32]


def test_what_no_input_reaches_is_no_block():
    nodes = [
        Node("Transpose", ("k",), ("t",), {"perm": (1, 0)}, "turn"),
        Node("Dense", ("x", "t"), ("y",), {}, "dense"),
    ]
    graph = Graph([Value("x", (None, 2), FLOAT)], [Value("y")], nodes, {"k": np.ones((3, 2), np.float32)})
    assert [(block.name, block.parameters) for block in blocks(graph)] == [("x", 0), ("dense", 6)]


def test_boxes_do_not_overlap_and_lines_go_down():
    rng = np.random.default_rng(0)
    sources = [sorted(set(rng.integers(0, i, rng.integers(1, 4)).tolist())) if i else [] for i in range(60)]
    ranks, places, lines = place_boxes(sources, 4.0, 1.0)
    depth = {item: i for i, rank in enumerate(ranks) for item in rank}
    assert set(range(60)) <= set(depth) and all(depth[lower] == depth[upper] + 1 for upper, lower in lines)
    room = [4.0 if item < 60 else 1.0 for item in range(len(places))]
    for rank in ranks:
        for left, right in pairwise(rank):
            assert places[right] - places[left] >= (room[left] + room[right]) / 2 - 1e-9
    assert min(place - width / 2 for place, width in zip(places, room, strict=True)) >= -1e-9


def test_long_networks_are_drawn_in_columns():
    nodes = [Node("Neg", (f"v{i}",), (f"v{i + 1}",), {}, f"n{i}") for i in range(100)]
    nodes += [Node("Add", ("v90", "v100"), ("z",), {}, "sum")]
    picture = io.BytesIO()
    Net(Graph([Value("v0", (2,), FLOAT)], [Value("z")], nodes)).plot(picture)
    width, height = size(picture)
    assert 0.3 < width / height < 3


def test_feature_maps_of_layers(net, drawn):
    x = np.random.default_rng(0).random((2, 20, 20, 3), np.float32)
    whole, some = io.BytesIO(), io.BytesIO()
    net.plot_features(x, whole)
    assert [text.split()[0] for text in drawn] == ["image", "first", "norm", "second", "add", "pool", "flat", "last$_$"]
    drawn.clear()
    net.plot_features(x, some, layers=["pool"])
    text, low, high = re.fullmatch("(.*)   (.*) to (.*)", drawn[1]).groups()
    assert text == "pool   MaxPooling2D   9 x 9 x 8"
    np.testing.assert_allclose(
        [float(low), float(high)], np.percentile(net(x[:1], layers=["pool"])[1]["pool"], (0.5, 99.5)), rtol=0.05
    )
    assert size(some)[1] < size(whole)[1]
    with pytest.raises(ValueError, match="`layers`"):
        net.plot_features(x, some, layers=["nothing"])


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_grids_show_channels(layout):
    maps = np.arange(5.0)[:, None, None] + np.zeros((5, 40, 60))
    image = maps if layout == "channels_first" else np.moveaxis(maps, 0, -1)
    grid, across = features._grid(image, layout, False)
    assert across == 5 and grid.shape == (40, 5 * 60 + 4 * 2)
    np.testing.assert_array_equal(grid[0, [0, 62, 124, 186, 248]], np.arange(5))
    assert np.isnan(grid[:, 60:62]).all()


def test_layouts_follow_nodes():
    nodes = [
        Node("Conv", ("x", "k"), ("y",), {"data_format": "channels_first"}),
        Node("Relu", ("y",), ("z",)),
        Node("Transpose", ("z",), ("t",), {"perm": (0, 2, 3, 1)}),
        Node("Abs", ("t",), ("u",)),
    ]
    graph = Graph([Value("x", (None, 3, 8, 8), FLOAT)], [Value("u")], nodes, {"k": np.ones((3, 3, 3, 2), np.float32)})
    assert layouts(graph) == {
        "x": "channels_first",
        "y": "channels_first",
        "z": "channels_first",
        "t": "channels_last",
        "u": "channels_last",
    }


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ((), 1.0),
        ((0, 3), 1.0),
        ((2, 0), 1.0),
        ((4, 5), np.nan),
        ((1, 5, 7), np.inf),
        ((2, 4, 4, 40), 0.0),
        ((1, 3, 3, 3, 3), 2.0),
    ],
)
def test_any_array_makes_a_picture(shape, value):
    net = Net(Graph([Value("x", shape, FLOAT)], [Value("y")], [Node("Neg", ("x",), ("y",), {}, "n")], {}, {"n": "y"}))
    picture = io.BytesIO()
    net.plot_features(np.full(shape, value, np.float32), picture)
    assert min(size(picture)) > 10


@pytest.mark.parametrize(
    ("shape", "title"),
    [
        ((3, 3, 3, 8), "8 of 8 kernels, 3 x 3 x 3"),
        ((5, 2, 4), "1 x 5 x 2"),
        ((5, 5, 1, 100), "64 of 100 kernels, 5 x 5 x 1"),
    ],
)
def test_first_kernels(drawn, shape, title):
    kernel, x = np.random.default_rng(0).random(shape, np.float32), (None, *[9] * (len(shape) - 2), shape[-2])
    graph = Graph(
        [Value("x", x, FLOAT)],
        [Value("y")],
        [Node("Conv", ("x", "p"), ("z",)), Node("Conv", ("z", "k"), ("y",), {}, "c")],
        {"p": np.ones((*[1] * (len(shape) - 2), shape[-2], shape[-2]), np.float32), "k": kernel},
    )
    picture = io.BytesIO()
    Net(graph).plot_kernels(picture)
    assert drawn[0].startswith("c: ") and drawn[0].endswith(title) and min(size(picture)) > 100
    np.testing.assert_array_equal(kernels.first_kernels(graph)[1].reshape(shape), kernel)


def test_networks_without_convolutions_have_no_kernels():
    net = Net(Graph([Value("x", (2,), FLOAT)], [Value("y")], [Node("Neg", ("x",), ("y",))]))
    with pytest.raises(ValueError, match="no convolution of constant kernels"):
        net.plot_kernels(io.BytesIO())


def test_without_matplotlib_errors_name_the_extra(net, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (
        lambda: net.plot("a.png"),
        lambda: net.plot_kernels("a.png"),
        lambda: net.plot_features(np.zeros((1, 20, 20, 3)), "a.png"),
    ):
        with pytest.raises(ImportError, match=r"fastconv\[examples\]"):
            draw()
