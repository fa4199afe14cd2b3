"""What a Net does beside computing: tables, batches, threads, copies."""

import copy
import io
import pickle
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from keras import layers as L
from network_models import moved

import fastconv
from fastconv.network import FileError, Limits, plans, progress


@pytest.fixture(scope="module")
def model():
    x = inputs = keras.Input((20, 20, 3))
    x = L.Conv2D(8, 3, activation="relu", name="first")(x)
    y = L.Conv2D(8, 3, padding="same", name="second")(L.BatchNormalization(name="norm")(x))
    x = L.ReLU(name="relu")(L.Add(name="add")([x, y]))
    x = L.Flatten()(L.MaxPooling2D()(x))
    return moved(keras.Model(inputs, L.Dense(10, activation="softmax", name="last")(x)))


@pytest.fixture(scope="module")
def net(model):
    return fastconv.from_keras(model)


@pytest.fixture
def x():
    return np.random.default_rng(0).random((5, 20, 20, 3), np.float32)


def test_summary_counts_parameters_as_keras_does(net, model):
    table = net.summary()
    rows = {row[0]: row for row in table.rows}
    assert rows["first"] == ["first", "Conv2D", "(None, 18, 18, 8)", 224]
    assert sum(row[3] for row in table.rows) == model.count_params()
    assert f"{model.count_params():,} parameters" in repr(table)
    assert "<td>first</td>" in table._repr_html_() and net._repr_html_() == table._repr_html_()


def test_profile_tells_each_step(net, x, tmp_path):
    profile = net.profile(x)
    names = [row[0] for row in profile.rows]
    assert names[0] == "first" and names[-1] == "last"
    assert len(profile.seconds) == len(profile.rows) and min(profile.seconds) > 0
    assert sum(row[5] for row in profile.rows) == pytest.approx(100, abs=1)
    if find_spec("matplotlib"):
        profile.plot(tmp_path / "steps.png")
        assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")


def test_plots_without_matplotlib_name_the_extra(net, x, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"fastconv\[examples\]"):
        net.profile(x).plot(tmp_path / "steps.png")


def test_predict_is_the_same_in_batches(net, x):
    np.testing.assert_allclose(net.predict(x, batch_size=2), net(x), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="batch_size"):
        net.predict(x, batch_size=0)


@pytest.mark.parametrize("rich", [True, False])
def test_progress_shows_after_a_while(net, x, monkeypatch, rich, capsys):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    net.predict(x, batch_size=2, progress=True)
    assert "5" in capsys.readouterr().err
    net.predict(x, batch_size=2)
    assert capsys.readouterr().err == ""


def test_bits_are_the_same_for_any_number_of_threads(net, x):
    results = []
    for count in (1, 2, 3, 7):
        with fastconv.threads(count):
            results.append(net(x))
    assert all(np.array_equal(result.view(np.int32), results[0].view(np.int32)) for result in results)


def test_calls_at_the_same_time(net):
    rng = np.random.default_rng(0)
    images = [rng.random((1 + i % 3, 20, 20, 3), np.float32) for i in range(24)]
    wanted = [net(x) for x in images]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            for a, b in zip(pool.map(net, images), wanted, strict=True):
                np.testing.assert_array_equal(a, b)


def test_many_shapes_keep_few_plans(net, monkeypatch):
    """More of them while their buffers are small, of a server's batches of every size for example."""
    for n in range(1, 70):
        net(np.zeros((n, 20, 20, 3), np.float32))
    assert 8 < len(net._plans) <= 64
    monkeypatch.setattr(plans, "_PLANS_BYTES", 0)
    net(np.zeros((70, 20, 20, 3), np.float32))
    assert len(net._plans) == 8


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_compute_the_same(net, x, duplicate):
    np.testing.assert_array_equal(duplicate(net)(x), net(x))


def test_inputs_are_converted(net, x):
    np.testing.assert_array_equal(net(x.astype(np.float64).tolist()), net(x))
    np.testing.assert_array_equal(net(np.asfortranarray(x)), net(x))
    np.testing.assert_array_equal(net((255 * x).astype(np.uint8)), net((255 * x).astype(np.uint8).astype(np.float32)))
    kept = x.copy()
    net(x)
    np.testing.assert_array_equal(x, kept)


def test_results_are_not_overwritten_by_the_next_call(net, x):
    first = net(x)
    kept = first.copy()
    net(x + 1)
    np.testing.assert_array_equal(first, kept)


def test_files_are_read_from_paths_and_streams(model, net, x, tmp_path):
    model.save(tmp_path / "model.keras")
    data = (tmp_path / "model.keras").read_bytes()
    for file in (tmp_path / "model.keras", str(tmp_path / "model.keras"), io.BytesIO(data)):
        np.testing.assert_array_equal(fastconv.load(file)(x), net(x))
    with pytest.raises(TypeError, match="binary"):
        fastconv.load(io.StringIO("text"))
    with pytest.raises(FileNotFoundError):
        fastconv.load(tmp_path / "none.keras")


@pytest.mark.parametrize("wrong", [3, "model", object()])
def test_what_is_no_model(wrong):
    with pytest.raises(TypeError, match="`model` must be a Keras model"):
        fastconv.from_keras(wrong)


def test_models_of_a_class_of_their_own():
    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="a model of class Mine"):
        fastconv.from_keras(Mine())


@pytest.fixture(scope="module")
def wide():
    """Layers that other precisions have other algorithms for."""
    model = keras.Sequential([keras.Input((32, 32, 64)), L.Conv2D(64, 3, padding="same"), L.Conv2DTranspose(32, 3)])
    return fastconv.from_keras(moved(model))


@pytest.mark.usefixtures("restored_precision")
def test_a_precision_of_its_own(wide, tmp_path):
    x = np.random.default_rng(0).standard_normal((1, 32, 32, 64)).astype(np.float32)
    net = wide.with_precision("medium")
    net.save(tmp_path / "model.fcn")
    found = []
    for word in ("highest", "medium"):
        fastconv.set_float32_precision(word)
        found.append([each(x) for each in (wide, net, fastconv.load(tmp_path / "model.fcn"), net.with_precision(None))])
    (plain, medium, saved, reset), (medium_by_setting, again, _, _) = found
    for other in (saved, medium_by_setting, again):
        np.testing.assert_array_equal(medium, other)
    np.testing.assert_array_equal(plain, reset)
    assert np.linalg.norm(medium - plain) <= 2e-2 * np.linalg.norm(plain)
    with pytest.raises(ValueError, match="precision"):
        wide.with_precision("low")


def test_bytes_held(wide):
    weights = 4 * (3 * 3 * 64 * 64 + 64 + 3 * 3 * 64 * 32 + 32)
    net = wide.with_precision(None)
    assert weights <= net.nbytes < weights + 1000
    net(np.zeros((1, 32, 32, 64), np.float32))
    assert net.nbytes >= weights + 4 * (3 * 3 * 64 * 64 + 32 * 32 * 64)
    assert copy.copy(net).nbytes < weights + 1000


def test_sizes_of_outputs_that_inputs_decide():
    """Sizes that a network cannot take do not keep it from telling those of its outputs."""
    x = inputs = keras.Input((None, None, 3))
    x = L.Conv2D(4, 3, strides=2, padding="same")(x)
    skip = L.Conv2D(4, 3, strides=2, padding="same")(x)
    x = L.Concatenate()([L.UpSampling2D()(skip), x])
    assert fastconv.from_keras(keras.Model(inputs, x)).outputs[0].shape == (None, None, None, 8)
    wide = keras.Model(inputs, L.Conv2D(2, 200)(inputs))
    assert fastconv.from_keras(wide).outputs[0].shape == (None, None, None, 2)
    small = keras.Model(inputs, L.GlobalMaxPooling2D()(L.MaxPooling2D(64)(inputs)))
    assert fastconv.from_keras(small).outputs[0].shape == (None, 3)


def test_plans_show_themselves_in_notebooks():
    plan = fastconv.plan_conv2d((1, 8, 8, 3), (3, 3, 3, 4))
    assert f"<th>algorithm</th><td>{plan['algorithm']}</td>" in plan._repr_html_()


def compressed(model, folder, suffix, change=lambda file: None):
    """The model's file with weights in compressed chunks."""
    h5py = pytest.importorskip("h5py")
    model.save(folder / f"plain{suffix}")
    data = (folder / f"plain{suffix}").read_bytes()
    members = {}
    if suffix == ".keras":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        data = members["model.weights.h5"]
    target = io.BytesIO()
    with h5py.File(io.BytesIO(data), "r") as old, h5py.File(target, "w") as new:

        def copy_object(name, found):
            if isinstance(found, h5py.Dataset):
                packed = {"compression": "gzip", "chunks": True} if found.size > 1 else {}
                new.create_dataset(name, data=found[()], **packed)
            else:
                new.require_group(name)
            new[name].attrs.update(found.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy_object)
        change(new)
    if suffix == ".h5":
        return target.getvalue()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in (members | {"model.weights.h5": target.getvalue()}).items():
            archive.writestr(name, content)
    return whole.getvalue()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_compressed_weights_need_h5py(model, net, x, tmp_path, suffix):
    data = compressed(model, tmp_path, suffix)
    with pytest.raises(FileError, match=r"compressed|chunked"):
        fastconv.load(io.BytesIO(data))
    np.testing.assert_array_equal(fastconv.load(io.BytesIO(data), allow_h5py=True)(x), net(x))
    with pytest.raises(FileError, match="more than the limit"):
        fastconv.load(io.BytesIO(data), allow_h5py=True, limits=Limits(tensor_bytes=100))
    with pytest.raises(FileError):
        fastconv.load(io.BytesIO(data[: len(data) // 2]), allow_h5py=True)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_h5py_reads_nothing_from_elsewhere(model, tmp_path, kind):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.zeros(8, np.float32)
    (tmp_path / "raw").write_bytes(bytes(32))

    def change(file):
        group = file["model_weights/first/first"]
        del group["bias"]
        if kind == "external link":
            group["bias"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
        elif kind == "soft link":
            group["bias"] = h5py.SoftLink("/model_weights/second/second/bias")
        elif kind == "external storage":
            group.create_dataset("bias", (8,), "f4", external=[(str(tmp_path / "raw"), 0, 32)])
        else:
            layout = h5py.VirtualLayout((8,), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (8,))
            group.create_virtual_dataset("bias", layout)

    data = compressed(model, tmp_path, ".h5", change)
    with pytest.raises(FileError, match=r"no member of the file itself|in other files"):
        fastconv.load(io.BytesIO(data), allow_h5py=True)
