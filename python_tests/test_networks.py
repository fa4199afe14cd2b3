"""The networks of examples/networks: fastconv's layers compute what the stock ones do, and the scripts run on them."""

import contextlib
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import fastconv.keras

SCRIPTS = Path(__file__).resolve().parents[1] / "examples" / "networks"
MNIST = {
    "lenet5": ("lenet5", {}),
    "lenet5, classic": ("lenet5", {"classic": True}),
    "tanh_lenet": ("tanh_lenet", {}),
    "mnist_cnn": ("mnist_cnn", {}),
    "channels_first": ("channels_first", {}),
}
# The smallest images that reach the last layer.
IMAGENET = {
    "alexnet": ("alexnet", {"size": 67, "classes": 10, "dropout": 0}),
    "alexnet, 2 groups": ("alexnet", {"size": 67, "classes": 10, "dropout": 0, "groups": 2}),
    "vgg16": ("vgg16", {"size": 32, "classes": 10}),
    "inception_v3": ("inception_v3", {"size": 75, "classes": 10}),
    "resnet50": ("resnet50", {"size": 64, "classes": 10}),
}
# Stock TensorFlow computes images with channels first on a CPU by oneDNN, in float32 only.
DTYPES = {"channels_first": "float32"}
RATE = 1024.0  # so high that rounding the weights does not show in what a step subtracts from them


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The scripts' folder at hand; names and numbers begin anew."""
    monkeypatch.syspath_prepend(SCRIPTS)
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    yield
    set_dtype("float32")


def set_dtype(dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def layers_of(name):
    return fastconv.keras.patched() if name == "fastconv" else contextlib.nullcontext()


def build(network, name, dtype="float32"):
    """The model of a script on stock or fastconv's layers, always with the same weights."""
    script, options = (MNIST | IMAGENET)[network]
    set_dtype(dtype)
    with layers_of(name):
        model = importlib.import_module(script).build(**options)
    rng = np.random.default_rng(0)
    model.set_weights([_initial(variable, rng) for variable in model.weights])
    return model


def _initial(variable, rng):
    """Glorot's limits for kernels; about one for what scales, about zero for the rest."""
    shape = tuple(variable.shape)
    if len(shape) > 1:
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * sum(shape[-2:])))
        return np.float32(limit) * (2 * rng.random(shape, np.float32) - 1)
    return 0.05 * rng.standard_normal(shape) + (variable.name in ("gamma", "moving_variance"))


def data(model, images):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, images)
    x = rng.random((images, *model.input_shape[1:]), np.float32)
    return x, labels if model.loss.startswith("sparse") else np.eye(10)[labels]


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False)).astype(float)


def gradients(model, x, y):
    """By all weights, from what a step of plain gradient descent subtracts from them."""
    model.compile(keras.optimizers.SGD(RATE), model.loss, run_eagerly=True)
    before = [keras.ops.convert_to_numpy(variable).astype(float) for variable in model.trainable_variables]
    model.train_on_batch(x, y)
    after = [keras.ops.convert_to_numpy(variable).astype(float) for variable in model.trainable_variables]
    return np.concatenate([np.ravel(a - b) / RATE for a, b in zip(before, after, strict=True)])


def distance(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("network", [*MNIST, *IMAGENET])
def test_outputs_and_gradients_are_those_of_stock_layers(network):
    """In float64, where rounding hides nothing; and in float32 near that.

    But for the gradients of networks with batch normalisation in float32: stock layers' are off by percents too, as it
    divides by the deviation of a few pixels, and rounding moves numbers over the edge of a relu or pool.
    """
    reference = DTYPES.get(network, "float64")
    stock = build(network, "stock", reference)
    x, y = data(stock, 4 if network in IMAGENET else 8)
    expected = outputs(stock, x), gradients(stock, x, y)
    for dtype, tolerances in {"float64": (1e-12, 1e-9), "float32": (1e-6, 1e-5)}.items():
        if reference != "float64" == dtype:
            continue
        model = build(network, "fastconv", dtype)
        assert distance(outputs(model, x), expected[0]) <= tolerances[0]
        if dtype == "float64" or network not in ("inception_v3", "resnet50"):
            with layers_of("fastconv"):
                assert distance(gradients(model, x, y), expected[1]) <= tolerances[1]


@pytest.mark.parametrize("network", MNIST)
def test_training_takes_the_course_of_stock_layers(network):
    """A few steps with the network's own optimizer.

    Adam divides gradients by their own size, which makes much of roundings; and in float64 Keras' still has its betas
    from float32.
    """
    dtype = DTYPES.get(network, "float64")
    weights = {}
    for name in ("stock", "fastconv"):
        model = build(network, name, dtype)
        x, y = data(model, 96)
        with layers_of(name):
            model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0)
        weights[name] = np.concatenate([np.ravel(value) for value in model.get_weights()])
    assert distance(weights["fastconv"], weights["stock"]) <= (1e-3 if dtype == "float32" else 1e-6)


@pytest.mark.parametrize(
    ("network", "file"),
    [
        ("tanh_lenet", "keras_mnist_cnn.h5"),
        ("mnist_cnn", "model.keras"),
        ("channels_first", "model.keras"),
        ("lenet5, classic", "weights.weights.h5"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_files_move_both_ways(tmp_path, network, file):
    path = tmp_path / file
    for saver, loader in (("stock", "fastconv"), ("fastconv", "stock")):
        with layers_of(saver):
            model = build(network, saver)
            x, y = data(model, 64)
            model.fit(x, y, verbose=0)
            if file.endswith(".weights.h5"):
                model.save_weights(path)
            else:
                model.save(path)
        with layers_of(loader):
            if file.endswith(".weights.h5"):
                other = build(network, loader)
                other.optimizer.build(other.trainable_variables)
                other.load_weights(path)
            else:
                other = keras.models.load_model(path)
        assert isinstance(other.layers[0], fastconv.keras.Conv2D) == (loader == "fastconv")
        assert np.abs(other.predict(x, verbose=0) - model.predict(x, verbose=0)).max() <= 1e-5


def test_the_lesson_networks_parameters():
    model = build("mnist_cnn", "fastconv")
    assert [layer.count_params() for layer in model.layers if layer.count_params()] == [320, 18496, 36928, 36928, 650]
    rows = []
    model.summary(print_fn=rows.append)
    assert re.search(r"conv2d_1 \(Conv2D\).*18,496", "\n".join(rows))


def run(folder, *arguments):
    """python -m fastconv with its log."""
    environment = os.environ | {
        "PYTHONPATH": str(Path(fastconv.keras.__file__).parents[2]),
        "PYTHONIOENCODING": "utf-8",
    }
    environment.pop("FASTCONV_MNIST", None)
    return subprocess.run(
        [sys.executable, "-m", "fastconv", "--verbose", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def test_a_tutorial_of_2017_runs_unchanged(tmp_path):
    done = run(tmp_path, SCRIPTS / "tutorial_2017.py", "--epochs", "1", "--images", "256")
    assert done.returncode == 0, done.stderr
    assert "256 train samples" in done.stdout and re.search(r"Test accuracy: 0\.\d+", done.stdout)
    for layer in ("Conv2D", "MaxPooling2D"):
        assert f"{layer}: fastconv's kernels" in done.stderr


def test_every_script_runs_unchanged(tmp_path):
    """In one process, which imports TensorFlow once."""
    few = ["--epochs", "1", "--images", "64"]
    runs = [
        ("lenet5.py", few),
        ("lenet5.py", [*few, "--classic"]),
        ("tanh_lenet.py", few),
        ("mnist_cnn.py", few),
        ("channels_first.py", few),
        *(
            (f"{script}.py", ["--size", size, "--images", "1", "--classes", "10"])
            for script, size in (("alexnet", "67"), ("vgg16", "32"), ("resnet50", "32"))
        ),
    ]
    everything = tmp_path / "everything.py"
    everything.write_text(
        "import runpy, sys\n"
        f"for script, arguments in {runs!r}:\n"
        f"    sys.path[0], sys.argv[:] = {str(SCRIPTS)!r}, [script, *arguments]\n"
        f"    runpy.run_path({str(SCRIPTS)!r} + '/' + script, run_name='__main__')\n"
        "    print('ran', *sys.argv)\n"
    )
    done = run(tmp_path, everything)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nran ") == len(runs)
    assert "Read back from keras_mnist_cnn.h5: predictions at most 0.0e+00 apart" in done.stdout
    for layer in ("Conv2D", "MaxPooling2D", "AveragePooling2D", "Activation"):
        assert f"{layer}: fastconv's kernels" in done.stderr
    assert "Keras' own computation" not in done.stderr
