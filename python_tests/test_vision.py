"""Pictures as inputs of networks."""

import io

import numpy as np
import pytest
from drawn_digits import digits, means_net, photographed
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

import fastconv
from fastconv.network import Node
from fastconv.network.graph import Graph, Value
from fastconv.vision import Classifier, Fitter, Writing, find_image_input, read_labels, read_picture, resize
from fastconv.vision.components import labelled

MOVES = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, max_examples=50)
@given(SIZES, SIZES, st.integers(0, 2**32 - 1))
def test_resizing_is_pillows(size, wanted, seed):
    image = np.random.default_rng(seed).random(size, np.float32)
    assume(all(a < 6 * b for a, b in zip(size, wanted, strict=True)))  # larger ones are averaged first
    found = resize(image, *wanted)
    exact = np.asarray(Image.fromarray(image).resize(wanted[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, exact, atol=2e-6)


def test_large_pictures_are_averaged(rng):
    image = rng.random((601, 899, 3), np.float32) + np.linspace(0, 1, 899, dtype=np.float32)[:, None]
    found = resize(image, 20, 30)
    exact = np.stack([np.asarray(Image.fromarray(image[..., c]).resize((30, 20), 2)) for c in range(3)], -1)
    assert np.abs(found - exact).max() < 0.03


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_components_are_scipys(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    found, count = labelled(mask)
    exact, wanted = ndimage.label(mask, np.ones((3, 3)))
    assert count == wanted
    assert len(set(zip(found.ravel(), exact.ravel(), strict=True))) == len({*exact.ravel()})


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, rng):
    upright = rng.integers(0, 256, (4, 6), np.uint8)
    # How the camera stores what is upright (Exif 2.3, tag 274).
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T}
    stored |= {6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1)}
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    Image.fromarray(np.ascontiguousarray(stored[orientation])).save(file, "png", exif=exif)
    file.seek(0)
    np.testing.assert_array_equal(read_picture(file), upright)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("1", (3, 5)), ("L", (3, 5)), ("RGB", (3, 5, 3)), ("RGBA", (3, 5, 4)), ("LA", (3, 5, 4)), ("P", (3, 5, 3))],
)
def test_modes_of_pictures(mode, shape):
    file = io.BytesIO()
    Image.new(mode, (5, 3), 1).save(file, "png")
    file.seek(0)
    picture = read_picture(file)
    assert picture.shape == shape and picture.dtype == np.uint8


def test_pictures_of_16_bits_are_floats():
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2), 65535, np.uint16)).save(file, "png")
    file.seek(0)
    assert read_picture(file).max() == 1.0


def npy(array, **words) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **words)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"\x93NUMPY",
        npy(np.zeros(3))[:-1],
        npy(np.array([{}], object), allow_pickle=True),
        npy(np.array(["a"])),
        npy(np.zeros(101)),
        b"\x93NUMPY\x01\x00\xff\xff{" + b" " * 70000,
        npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(-2,2)"),
        npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(2,'')"),
    ],
)
def test_what_is_no_picture_is_a_value_error(data):
    with pytest.raises(ValueError, match="no "):
        read_picture(io.BytesIO(data), max_pixels=100)


def test_pictures_of_too_many_pixels_are_not_decoded():
    file = io.BytesIO()
    Image.new("L", (20, 6)).save(file, "png")
    file.seek(0)
    with pytest.raises(ValueError, match="limit of 100"):
        read_picture(file, max_pixels=100)


@pytest.mark.parametrize(
    ("shape", "layout", "size", "channels"),
    [
        ((None, 28, 28, 1), "channels_last", (28, 28), 1),
        ((None, None, None, 3), "channels_last", (None, None), 3),
        ((1, 3, 20, 30), "channels_first", (20, 30), 3),
        ((None, 28, 28), "grey", (28, 28), 1),
        ((None, 784), "flat", (28, 28), 1),
    ],
)
def test_layouts_of_inputs(shape, layout, size, channels):
    net = type("Net", (), {"inputs": [Value("x", shape, np.dtype("float32"))], "graph": Graph([], [])})
    found = find_image_input(net)
    assert (found.layout, (found.height, found.width), found.channels) == (layout, size, channels)


def test_inputs_that_are_no_pictures_are_refused():
    for shapes in ([(None, 5)], [(None, 28, 28, 2)], [(None, 4, 4, 1)] * 2):
        net = type("Net", (), {"inputs": [Value("x", shape, np.dtype("float32")) for shape in shapes]})
        with pytest.raises(ValueError, match="must have one input, of pictures"):
            find_image_input(net)


def scaled(factor):
    return Node("Mul", ("x", "factor"), ("scaled",)), {"factor": np.float32(factor)}


def test_ranges_are_found():
    colours = (None, 8, 8, 3)
    node, constants = scaled(1 / 255)
    assert find_image_input(means_net(colours, node, **constants)).range == "0..255"
    node, constants = scaled(4.0)
    assert find_image_input(means_net(colours, node, **constants)).range == "0..1"
    assert find_image_input(means_net(colours, layers=["Conv1", "bn_Conv1"])).range == "-1..1"
    assert find_image_input(means_net(colours, layers=["conv1_conv", "conv1_bn"])).range == "caffe"
    assert find_image_input(means_net((None, 3, 8, 8))).range == "imagenet"
    found = find_image_input(means_net(colours))
    assert (found.range, found.reason) == ("0..1", "assumed")


@pytest.mark.parametrize("word", ["-1..1", "imagenet", "caffe"])
def test_ranges_are_those_of_keras_applications(word, rng):
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    # keras.applications.imagenet_utils.preprocess_input, whose modes are called tf, torch and caffe.
    exact = {
        "-1..1": picture / 127.5 - 1,
        "imagenet": (picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": picture[..., ::-1] - [103.939, 116.779, 123.68],
    }[word]
    found = Fitter(means_net((None, 8, 8, 3)), range=word)(picture).array
    np.testing.assert_allclose(found[0], exact, rtol=1e-4, atol=1e-4)
    first = Fitter(means_net((None, 3, 8, 8)), range=word)(picture).array
    np.testing.assert_array_equal(first, found.transpose(0, 3, 1, 2))


def test_channels_and_dtypes(rng):
    grey = rng.integers(0, 256, (8, 8), np.uint8)
    colours = Fitter(means_net((None, 8, 8, 3)))(grey).array
    np.testing.assert_allclose(colours, np.repeat(grey[None, ..., None] / 255, 3, 3), atol=1e-6)
    luma = Fitter(means_net((None, 8, 8, 1)))(np.repeat(grey[..., None], 3, 2)).array
    np.testing.assert_allclose(luma[0, ..., 0], grey / 255, atol=1e-6)
    clear = np.zeros((8, 8, 4), np.uint8)
    assert Fitter(means_net((None, 8, 8, 3)))(clear).array.min() == 1.0
    bytes_net = means_net((None, 8, 8, 1), Node("Cast", ("x",), ("cast",), {"to": np.dtype("float32")}), dtype="uint8")
    np.testing.assert_array_equal(Fitter(bytes_net)(grey).array[0, ..., 0], grey)
    np.testing.assert_array_equal(Fitter(bytes_net)(grey.astype(np.uint16) * 257).array[0, ..., 0], grey)
    np.testing.assert_array_equal(Fitter(bytes_net)(grey / np.float32(255)).array[0, ..., 0], grey)


def test_arrays_that_fit_are_taken_as_they_are(rng):
    array = rng.standard_normal((8, 8, 3), np.float32)
    fitter = Fitter(means_net((None, 8, 8, 3)))
    np.testing.assert_array_equal(fitter(array).array[0], array)
    np.testing.assert_array_equal(fitter(array[None]).array[0], array)


@pytest.mark.parametrize(("fit", "wanted"), [("crop", [1, 1]), ("stretch", [0.5, 1]), ("pad", [0.5, 1])])
def test_pictures_of_another_shape(fit, wanted):
    picture = np.ones((4, 8), np.float32)
    picture[:, :2] = 0
    found = Fitter(means_net((None, 4, 4, 1)), fit=fit)(picture).array[0, 2, :, 0]
    assert found[0] <= wanted[0] and found[-1] == pytest.approx(wanted[1])


def test_wrong_arguments_are_named():
    net = means_net((None, 8, 8, 3))
    for words, message in (
        ({"range": "0..2"}, "`range` must be one of"),
        ({"fit": "x"}, "`fit` must be one of"),
        ({"size": (9, 8)}, "`size` must be that of the network"),
        ({"mnist": True}, "28x28 grey levels"),
    ):
        with pytest.raises(ValueError, match=message):
            Fitter(net, **words)
    for shape in ((3,), (2, 2, 2), (0, 4), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match="a picture must be"):
            Fitter(net)(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="finite numbers"):
        Fitter(net)(np.full((9, 9), np.nan))


def test_an_image_of_mnist_in_a_larger_frame_comes_back():
    images, _ = digits()
    errors = []  # where rounding to pixels went the other way than in MNIST
    for image in images[:10]:
        frame = np.zeros((120, 160), np.uint8)
        frame[20:104, 30:114] = np.kron(image, np.ones((3, 3), np.uint8))
        writing = Writing(frame)
        assert writing.is_likely and not writing.inverted
        found = writing.as_mnist()
        assert np.abs(found - image / 255).mean() < 0.08
        errors.append(min(np.abs(np.roll(found, by, (0, 1)) - image / 255).mean() for by in MOVES))
    assert max(errors) < 0.04


def test_photographed_digits_are_found(demo_net):
    images, labels = digits()
    rng = np.random.default_rng(0)
    fitter = Fitter(demo_net)
    fitted = [fitter(photographed(image, rng)) for image in images[:40]]
    assert all({"inverted", "centred and scaled as MNIST"} <= {*each.words} for each in fitted)
    found = demo_net(np.concatenate([each.array for each in fitted])).argmax(-1)
    assert (found == labels[:40]).sum() >= 39


@pytest.mark.parametrize("picture", [np.zeros((50, 40)), np.full((1, 1), 7), np.full((3, 500), 255)])
def test_empty_paper_has_no_digit(picture, demo_net):
    assert not Writing(picture).as_mnist().any()
    assert np.isfinite(demo_net(Fitter(demo_net)(picture.astype(np.uint8)).array)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_any_picture_becomes_an_image_of_mnist(height, width, seed, sparse):
    rng = np.random.default_rng(seed)
    picture = rng.random((height, width)) * (rng.random((height, width)) < 0.05 if sparse else 1)
    found = Writing(picture).as_mnist()
    assert found.shape == (28, 28) and found.min() >= 0 and found.max() <= 1


def last(op, output=(None, 3), **attributes):
    """A network of images (N, 3) that ends with an operator."""
    nodes = [Node("Neg", ("x",), ("a",)), Node(op, ("a",), ("y",), attributes)]
    return fastconv.network.Net(Graph([Value("x", output, np.dtype("float32"))], [Value("y")], nodes, {}, {"y": "y"}))


def test_scores_become_probabilities(rng):
    x = rng.standard_normal((4, 3), np.float32)
    exact = np.exp(-x) / np.exp(-x).sum(1, keepdims=True)
    for net in (last("Softmax", axis=-1), last("Identity")):
        np.testing.assert_allclose(Classifier(net)(net(x)), exact, rtol=1e-5)
    single = last("Activation", (None, 1), activation=("sigmoid", 0.0))
    assert Classifier(single).classes == 2
    np.testing.assert_allclose(Classifier(single)(single(x[:, :1])).sum(1), 1, rtol=1e-6)
    for net in (last("Identity", (None, 1)), last("Identity", (None, 2, 2, 3))):
        with pytest.raises(ValueError, match="network"):
            Classifier(net)


def test_labels(tmp_path):
    for name, text in (
        ("labels.txt", "a\nb\n\n"),
        ("list.json", '["a", "b"]'),
        ("index.json", '{"0": ["n1", "a"], "1": ["n2", "b"]}'),
        ("marked.txt", "\ufeffa\nb"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_labels(tmp_path / name, 2) == ["a", "b"]
        with pytest.raises(ValueError, match="3 classes"):
            read_labels(tmp_path / name, 3)
    (tmp_path / "wrong.json").write_text("3")
    with pytest.raises(ValueError, match="neither a list"):
        read_labels(tmp_path / "wrong.json", 2)
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin.txt is not text in UTF-8"):
        read_labels(tmp_path / "latin.txt")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA"])
def test_damaged_pictures_are_read_or_refused(kind):
    """Nothing but a ValueError comes of them, also where Pillow's warnings are errors, as they are here."""
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(stream, kind)
    data = np.frombuffer(stream.getvalue(), np.uint8)
    for _ in range(40):
        damaged = data[: rng.integers(len(data) // 2, len(data) + 1)].copy()
        damaged[rng.integers(0, min(len(damaged), 200), 4)] = rng.integers(0, 256, 4)
        try:
            picture = read_picture(io.BytesIO(damaged.tobytes()), max_pixels=1000)
        except ValueError:
            continue
        assert picture.size <= 4 * 1000
