"""Models of fastconv's Keras layers on any backend of Keras: training, accelerate and restore, files, wrappers."""

import keras
import numpy as np
import pytest
from keras_gradients import BACKEND, gradients, values

import fastconv
import fastconv.keras as fk

LAYERS = keras.layers


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def sequential(layers):
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(5, 1),
            layers.Activation("gelu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def functional(layers):
    """With a branch, a layer used twice, and a model inside."""
    inner = keras.Sequential([keras.Input((10, 10, 4)), layers.DepthwiseConv2D(3), layers.ReLU(), layers.PReLU()])
    x = keras.Input((12, 12, 1))
    first = layers.Conv2D(4, 3)(x)
    relu = layers.ReLU()
    left, right = relu(first), inner(first)
    shared = layers.Conv2D(4, 3, padding="same")
    y = keras.layers.Concatenate()(
        [
            layers.GlobalAveragePooling2D()(relu(shared(shared(left)))),
            layers.GlobalMaxPooling2D()(layers.LeakyReLU(0.1)(right)),
        ]
    )
    return keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))


def subclassed(layers):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = [layers.Conv2D(4, 3, activation="relu"), layers.SeparableConv2D(4, 3)]
            self.up = layers.Conv2DTranspose(2, 3, strides=2)
            self.pool = layers.GlobalAveragePooling2D()
            self.top = keras.layers.Dense(3, activation="softmax")

        def call(self, x):
            for layer in self.block:
                x = layer(x)
            return self.top(self.pool(self.up(x)))

    net = Net()
    net(np.zeros((1, 12, 12, 1), "float32"))
    return net


def over_time(layers):
    return keras.Sequential(
        [
            keras.Input((3, 4, 4, 1)),
            keras.layers.TimeDistributed(layers.Conv2D(2, 3, activation="relu")),
            keras.layers.TimeDistributed(layers.MaxPooling2D()),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


NETWORKS = [sequential, functional, subclassed, over_time]


def digits(network, count=8):
    rng = np.random.default_rng(0)
    shape = (3, 4, 4, 1) if network is over_time else (12, 12, 1)
    return rng.standard_normal((count, *shape)).astype("float32"), rng.integers(0, 3, count)


def kinds(model):
    """Where the layers of a model come from."""
    return {
        type(layer).__name__: type(layer).__module__.split(".")[0]
        for layer in model._flatten_layers()
        if type(layer).__name__ in vars(fk)
    }


def predict(model, x):
    return values(model(x, training=False))[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_accelerate_and_restore(network):
    x, _ = digits(network)
    model = network(LAYERS)
    variables, expected, text = list(model.variables), predict(model, x), []
    before = gradients(model, x)
    model.summary(print_fn=text.append)
    assert set(kinds(model).values()) == {"keras"}
    assert fk.accelerate(model) is model and fk.accelerate(model) is model
    assert set(kinds(model).values()) == {"fastconv"}
    assert all(now is then for now, then in zip(model.variables, variables, strict=True))
    np.testing.assert_allclose(predict(model, x), expected, atol=1e-5)
    for a, e in zip(gradients(model, x), before, strict=True):
        np.testing.assert_allclose(a, e, atol=2e-5)
    model.summary(print_fn=text.append)
    assert text[0] == text[1]
    assert fk.restore(model) is model
    assert set(kinds(model).values()) == {"keras"}
    np.testing.assert_array_equal(predict(model, x), expected)


def test_an_activation_layer_is_computed_with_the_convolution_before_it(monkeypatch):
    from fastconv.keras import _ops

    seen, conv2d = [], _ops.conv2d
    monkeypatch.setattr(
        _ops,
        "conv2d",
        lambda *args, activation, **more: seen.append(activation) or conv2d(*args, activation=activation, **more),
    )
    monkeypatch.setattr(_ops, "conv2d_pool2d", None)
    for network, expected in (
        (sequential, ["relu", "tanh", "linear"]),
        (functional, ["linear", "linear", "relu", "linear"]),
    ):
        x, _ = digits(network)
        model = fk.accelerate(network(LAYERS))
        seen.clear()
        predict(model, x)
        assert [word for word in seen if word] == expected
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        np.testing.assert_allclose(predict(clone, x), predict(model, x), atol=1e-6)
    # A model of some of the layers sees what they compute by themselves.
    model = fk.accelerate(sequential(LAYERS))
    part = keras.Model(model.inputs[0], model.layers[0].output)
    assert predict(part, digits(sequential)[0]).min() < 0


@pytest.mark.filterwarnings("ignore:Rematerialization:UserWarning")  # Keras' NumPy backend keeps everything
def test_recomputed_layers_keep_their_own_activation():
    x, _ = digits(sequential)
    with keras.RematScope(mode="full"):
        model = sequential(LAYERS)
    expected = gradients(model, x)
    for a, e in zip(gradients(fk.accelerate(model), x), expected, strict=True):
        np.testing.assert_allclose(a, e, atol=2e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_files_and_clones_move_both_ways(network, tmp_path):
    x, _ = digits(network)
    stock = network(LAYERS)
    with fk.patched():
        fast = network(keras.layers)
    fast.set_weights(stock.get_weights())
    expected = predict(stock, x)
    np.testing.assert_allclose(predict(fast, x), expected, atol=1e-5)
    for source, target in ((stock, network(fk)), (fast, network(LAYERS))):
        source.save_weights(tmp_path / "net.weights.h5")
        target.load_weights(tmp_path / "net.weights.h5")
        np.testing.assert_allclose(predict(target, x), expected, atol=1e-5)
    if network is subclassed:
        return
    for name in ("net.keras", "net.h5"):
        for source, origin in ((stock, "fastconv"), (fast, "keras")):
            with fk.patched():
                source.save(tmp_path / name)
                if origin == "fastconv":
                    loaded = keras.saving.load_model(tmp_path / name)
            if origin == "keras":
                loaded = keras.saving.load_model(tmp_path / name)
            assert set(kinds(loaded).values()) == {origin}
            np.testing.assert_allclose(predict(loaded, x), expected, atol=1e-5)
    clone = keras.models.clone_model(fast)
    clone.set_weights(fast.get_weights())
    assert set(kinds(clone).values()) == {"fastconv"}
    np.testing.assert_allclose(predict(clone, x), expected, atol=1e-5)


def test_explicit_layers_in_a_file(tmp_path):
    x, _ = digits(sequential)
    fast = sequential(fk)
    fast.save(tmp_path / "fast.keras")
    again = keras.saving.load_model(tmp_path / "fast.keras")
    assert set(kinds(again)) > {"Conv2D"} and type(again.layers[0]) is fk.Conv2D
    np.testing.assert_array_equal(predict(again, x), predict(fast, x))


def test_top_level_names():
    assert fastconv.accelerate is fk.accelerate and fastconv.restore is fk.restore
    assert fastconv.patched is fk.patched and fastconv.patch_keras is fk.patch_keras
    assert fastconv.unpatch_keras is fk.unpatch_keras
    assert "accelerate" in dir(fastconv)
    with pytest.raises(AttributeError, match="no attribute 'accelerated'"):
        _ = fastconv.accelerated


def fitted(model, x, labels):
    if BACKEND == "numpy":  # which does not train
        model.compile(loss="sparse_categorical_crossentropy")
        return [model.evaluate(x, labels, verbose=0)]
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model.fit(x, labels, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("network", [sequential, functional])
def test_training_takes_the_stock_models_course(network):
    x, labels = digits(network, 24)
    stock, fast, moved = network(LAYERS), network(fk), network(LAYERS)
    for model in (fast, moved):
        model.set_weights(stock.get_weights())
    expected = fitted(stock, x, labels)
    np.testing.assert_allclose(fitted(fast, x, labels), expected, rtol=1e-4)
    np.testing.assert_allclose(fitted(fk.accelerate(moved), x, labels), expected, rtol=1e-4)
    for model in (fast, moved):
        np.testing.assert_allclose(model.predict(x, verbose=0), stock.predict(x, verbose=0), atol=1e-4)


@pytest.mark.parametrize("arguments", [{}] if BACKEND == "numpy" else [{}, {"run_eagerly": True}], ids=str)
def test_a_compiled_model_goes_on_after_accelerate(arguments):
    x, labels = digits(sequential)
    model = sequential(LAYERS)
    model.compile(None if BACKEND == "numpy" else "adam", "sparse_categorical_crossentropy", **arguments)
    if BACKEND != "numpy":
        model.fit(x, labels, verbose=0)
    optimizer, expected = model.optimizer, model.evaluate(x, labels, verbose=0)
    fk.accelerate(model)
    assert model.optimizer is optimizer and model.compiled
    np.testing.assert_allclose(model.evaluate(x, labels, verbose=0), expected, rtol=1e-5)
    if BACKEND != "numpy":
        model.fit(x, labels, verbose=0)
        assert int(optimizer.iterations) == 2
