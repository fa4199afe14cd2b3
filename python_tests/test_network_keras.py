"""Whole Keras models from files: what they give, what is refused, what a process needs for them."""

import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers as L
from network_models import assert_reads, inputs, moved, saved

import fastconv
from fastconv.network import FileError, Limits, UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def lenet(activation="relu"):
    return moved(
        keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                L.Conv2D(6, 5, activation=activation, name="C1"),
                L.MaxPooling2D(2, name="S2"),
                L.Conv2D(16, 5, activation=activation),
                L.AveragePooling2D(2),
                L.Flatten(),
                L.Dense(120, activation=activation),
                L.Dense(84, activation=activation),
                L.Dense(10, activation="softmax"),
            ]
        )
    )


def block(x, filters, stride):
    """A residual block with its normalizations."""
    y = L.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(y))
    if stride > 1:
        x = L.BatchNormalization()(L.Conv2D(filters, 1, strides=stride)(x))
    return L.Activation("relu")(L.Add()([x, y]))


def resnet():
    x = inputs = keras.Input((24, 24, 3))
    x = L.ZeroPadding2D(3)(x)
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 7, strides=2)(x)))
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    x = block(block(x, 8, 1), 16, 2)
    return moved(keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x))))


def mobilenet():
    x = inputs = keras.Input((32, 32, 3))
    x = L.Rescaling(1 / 127.5, offset=-1)(x)
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)))
    for stride, filters in ((1, 8), (2, 12), (1, 12)):
        y = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(24, 1, use_bias=False)(x)))
        if stride == 2:
            y = L.ZeroPadding2D(((0, 1), (0, 1)))(y)
        y = L.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False)(y)
        y = L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(L.ReLU(6.0)(L.BatchNormalization()(y))))
        x = L.Add()([x, y]) if y.shape == x.shape else y
    s = L.GlobalAveragePooling2D(keepdims=True)(x)
    s = L.Conv2D(12, 1, activation="hard_sigmoid")(L.Conv2D(4, 1, activation="relu")(s))
    x = L.Multiply()([x, s])
    return moved(keras.Model(inputs, L.Dense(5)(L.Dropout(0.2)(L.GlobalMaxPooling2D()(x)))))


def densenet():
    x = inputs = keras.Input((16, 16, 3))
    x = L.Conv2D(8, 3, padding="same", use_bias=False)(x)
    for _ in range(3):
        y = L.Conv2D(8, 1, use_bias=False)(L.ReLU()(L.BatchNormalization()(x)))
        y = L.Conv2D(4, 3, padding="same", use_bias=False)(L.ReLU()(L.BatchNormalization()(y)))
        x = L.Concatenate()([x, y])
    x = L.AveragePooling2D(2)(L.Conv2D(6, 1)(L.ReLU()(L.BatchNormalization()(x))))
    return moved(keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(x))))


def unet():
    x = inputs = keras.Input((None, None, 1))
    a = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = L.Conv2D(8, 3, padding="same", activation="relu")(L.MaxPooling2D()(a))
    up = L.Conv2DTranspose(4, 2, strides=2, padding="same")(b)
    x = L.Conv2D(4, 3, padding="same", activation="relu")(L.Concatenate()([a, up]))
    return moved(keras.Model(inputs, L.Conv2D(1, 1, activation="sigmoid")(x)))


def crnn():
    x = inputs = keras.Input((16, 40, 1))
    x = L.MaxPooling2D(2)(L.Conv2D(8, 3, padding="same", activation="relu")(x))
    x = L.Reshape((20, 64))(L.Permute((2, 1, 3))(x))
    x = L.Bidirectional(L.LSTM(6, return_sequences=True, dropout=0.25))(L.Dense(10, activation="relu")(x))
    return moved(keras.Model(inputs, L.TimeDistributed(L.Dense(11, activation="softmax"))(x)))


def nested():
    """Layers and models that are shared, in models in models, with several inputs and outputs."""
    inner = keras.Sequential([keras.Input((8, 8, 4)), L.Conv2D(4, 1), L.BatchNormalization()], name="inner")
    x = keras.Input((8, 8, 3))
    shared = L.Conv2D(4, 3, padding="same", name="shared")
    middle = keras.Model(x, [inner(shared(x)), shared(x)], name="middle")
    a, b = keras.Input((8, 8, 3), name="a"), keras.Input((8, 8, 3), name="b")
    (p, q), (r, s) = middle(a), middle(b)
    z = L.Concatenate()([p, L.Add()([q, r]), inner(s)])
    return moved(keras.Model([a, b], [L.Flatten()(z), L.GlobalMaxPooling2D()(inner(q))]))


NETWORKS = {
    "lenet": lenet,
    "tanh lenet": lambda: lenet("tanh"),
    "resnet": resnet,
    "mobilenet": mobilenet,
    "densenet": densenet,
    "crnn": crnn,
    "nested": nested,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, tmp_path):
    assert_reads(NETWORKS[name](), tmp_path, (".keras", ".h5"))


def test_images_of_any_size():
    model = unet()
    net = fastconv.from_keras(model)
    assert net.inputs[0].shape == net.outputs[0].shape == (None, None, None, 1)
    for shape in ((1, 16, 20, 1), (2, 32, 32, 1)):
        x = np.random.default_rng(0).random(shape, np.float32)
        np.testing.assert_allclose(net(x), np.asarray(model(x)), rtol=0, atol=1e-5)


def test_channels_first(tmp_path):
    """Against the twin with channels last: Keras on TensorFlow has no such layers on every CPU."""

    def build(data_format):
        first = data_format == "channels_first"
        words = {"data_format": data_format}
        return moved(
            keras.Sequential(
                [
                    keras.Input((3, 12, 13) if first else (12, 13, 3)),
                    L.Conv2D(8, 3, activation="relu", **words),
                    L.BatchNormalization(axis=1 if first else -1),
                    L.DepthwiseConv2D(2, strides=2, padding="same", **words),
                    L.MaxPooling2D(2, padding="same", **words),
                    L.ZeroPadding2D(1, **words),
                    L.Cropping2D(1, **words),
                    L.Conv2DTranspose(4, 3, strides=2, **words),
                    L.UpSampling2D(2, **words),
                    L.AveragePooling2D(3, **words),
                    L.Flatten(**words),
                    L.Dense(10),
                ]
            )
        )

    x = np.random.default_rng(0).random((2, 3, 12, 13), np.float32)
    net = fastconv.load(saved(build("channels_first"), ".keras", tmp_path))
    wanted = build("channels_last")(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(net(x), np.asarray(wanted), rtol=0, atol=1e-5)


def test_layers_outputs():
    model = lenet()
    net, x = fastconv.from_keras(model), inputs(model)[0]
    outputs, layers = net(x, layers=["C1", "S2"])
    wanted = model.layers[0](x)
    np.testing.assert_allclose(layers["C1"], np.asarray(wanted), rtol=0, atol=1e-5)
    np.testing.assert_allclose(layers["S2"], np.asarray(model.layers[1](wanted)), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(outputs, net(x))
    with pytest.raises(ValueError, match="`layers` must be some of"):
        net(x, layers=["no such layer"])


def test_inputs_by_name_and_outputs_of_a_dict():
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    model = moved(keras.Model({"b": b, "a": a}, {"sum": L.Dense(2)(a) + L.Dense(2)(b), "b": L.Dense(1)(b)}))
    net = fastconv.from_keras(model)
    x = {"a": np.ones((2, 3), np.float32), "b": np.ones((2, 4), np.float32)}
    wanted = model(x)
    for value, found in zip(net.outputs, net(x), strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted["b" if value.name.startswith("b") else "sum"]), atol=1e-6)


def test_predict_in_batches():
    model = lenet()
    net = fastconv.from_keras(model)
    x = inputs(model, 50)[0]
    np.testing.assert_allclose(net.predict(x, batch_size=16), model.predict(x, verbose=0), rtol=0, atol=1e-5)
    assert net.predict(x[:0]).shape == (0, 10)


def test_a_process_needs_numpy_alone(tmp_path):
    saved(lenet(), ".keras", tmp_path)
    code = (
        "import sys, numpy, fastconv\n"
        "before = set(sys.modules)\n"
        "net = fastconv.load('model.keras')\n"
        "print(net(numpy.ones((2, 28, 28, 1))).shape)\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert roots <= sys.stdlib_module_names | {'fastconv', 'numpy'}, roots\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == "(2, 10)\n"


@keras.saving.register_keras_serializable("Mine")
class Own(L.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_all_that_is_not_served_is_named(suffix, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            L.Lambda(lambda x: x, name="anything"),
            Own(name="own"),
            L.Conv2D(2, 2),
            L.SpectralNormalization(L.Conv2D(2, 2), name="norm"),
        ]
    )
    with pytest.raises(UnsupportedError) as error:
        fastconv.load(saved(model, suffix, tmp_path))
    kinds = dict(error.value.items)
    assert list(kinds) == ["anything", "own", "norm"]
    assert kinds["anything"] == "Lambda" and kinds["norm"] == "SpectralNormalization" and "Own" in kinds["own"]
    assert str(error.value).startswith(f"<BytesIO>: not supported: 'anything' (Lambda), 'own' ({kinds['own']})")


def rewritten(file, name, change):
    """The archive with one member changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == name:
                data = change(data)
            if data is not None:
                new.writestr(member, data)
    return io.BytesIO(target.getvalue())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", lambda data: data[:-1]),
        ("config.json", lambda data: b"[]"),
        ("config.json", lambda data: None),
        ("config.json", lambda data: b"[" * 100_000),
        ("model.weights.h5", lambda data: data[:3000]),
        ("model.weights.h5", lambda data: b""),
        ("model.weights.h5", lambda data: None),
        ("config.json", lambda data: data.replace(b'"pool_size": [2, 2]', b'"pool_size": "a"')),
        ("config.json", lambda data: data.replace(b'"strides": [1, 1]', b'"strides": [0, 1]')),
        ("config.json", lambda data: data.replace(b'"strides": [1, 1]', b'"strides": {"a": []}')),
        ("config.json", lambda data: data.replace(b'"layers"', b'"slayer"')),
    ],
)
def test_damaged_archives(name, change, tmp_path):
    file = rewritten(saved(lenet(), ".keras", tmp_path), name, change)
    with pytest.raises(ValueError, match=r"<BytesIO>|C1|conv2d"):
        fastconv.load(file)(np.zeros((1, 28, 28, 1)))


def test_limits(tmp_path):
    file = saved(lenet(), ".keras", tmp_path).getvalue()
    for limits in (Limits(file_bytes=10_000), Limits(nodes=3)):
        with pytest.raises(FileError, match="limit"):
            fastconv.load(io.BytesIO(file), limits=limits)
    deep = keras.Sequential([keras.Input((2,)), L.Dense(2)])
    for _ in range(3):
        deep = keras.Sequential([keras.Input((2,)), deep])
    with pytest.raises(FileError, match="nested deeper"):
        fastconv.from_keras(deep, limits=Limits(depth=2))


def test_weights_alone_are_no_model(tmp_path):
    model = lenet()
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(FileError, match=r"model.weights.h5: no whole model"):
        fastconv.load(tmp_path / "model.weights.h5")


def test_configurations_of_keras_2(tmp_path):
    """The spelling of Keras 2: calls as lists, models counted from 1, batch_input_shape, hard_sigmoid of its own."""
    kernel, bias = np.ones((2, 2, 1, 1), np.float32), np.array([-1], np.float32)
    conv = {"name": "conv", "dtype": "float32", "filters": 1, "kernel_size": [2, 2], "activation": "hard_sigmoid"}
    inner = {
        "name": "inner",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3, 3, 1], "name": "i"}},
            {"class_name": "Conv2D", "config": conv},
        ],
    }
    outer = {
        "name": "outer",
        "input_layers": [["x", 0, 0]],
        "output_layers": [["relu", 0, 0]],
        "layers": [
            {
                "class_name": "InputLayer",
                "name": "x",
                "config": {"batch_input_shape": [None, 3, 3, 1], "name": "x"},
                "inbound_nodes": [],
            },
            {"class_name": "Sequential", "name": "inner", "config": inner, "inbound_nodes": [[["x", 0, 0, {}]]]},
            {
                "class_name": "TFOpLambda",
                "name": "plus",
                "config": {"name": "plus", "function": "__operators__.add"},
                "inbound_nodes": [["inner", 1, 0, {"y": -0.5, "name": None}]],
            },
            {
                "class_name": "LeakyReLU",
                "name": "relu",
                "config": {"name": "relu", "alpha": 0.25},
                "inbound_nodes": [[["plus", 0, 0, {}]]],
            },
        ],
    }
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["model_config"] = (
            "2.11.0",
            json.dumps({"class_name": "Functional", "config": outer}),
        )
        group = file.create_group("model_weights").create_group("inner")
        group.attrs["weight_names"] = ["conv/kernel:0", "conv/bias:0"]
        group["conv/kernel:0"], group["conv/bias:0"] = kernel, bias
    x = np.random.default_rng(0).standard_normal((2, 3, 3, 1)).astype(np.float32)
    sums = x[:, 1:, 1:] + x[:, 1:, :-1] + x[:, :-1, 1:] + x[:, :-1, :-1] - 1
    y = np.clip(0.2 * sums + 0.5, 0, 1) - 0.5
    np.testing.assert_allclose(fastconv.load(tmp_path / "model.h5")(x), np.where(y > 0, y, 0.25 * y), atol=1e-6)
