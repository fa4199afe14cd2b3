"""The Keras layers against the stock ones: values, training, files, patching."""
import logging
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import fastconv.keras as fk
from fastconv.keras import base

STOCK = {name: getattr(keras.layers, name) for name in fk.__all__ if hasattr(keras.layers, name)}

LAYERS = {
    "conv": ("Conv2D", dict(filters=4, kernel_size=3, activation="relu")),
    "conv, same, strided": ("Conv2D", dict(
        filters=4, kernel_size=(3, 2), strides=2, padding="same", activation="tanh")),
    "conv, no bias, dilated": ("Conv2D", dict(filters=4, kernel_size=3, use_bias=False, dilation_rate=2)),
    "conv, gelu": ("Conv2D", dict(filters=4, kernel_size=3, activation="gelu")),
    "conv, sigmoid": ("Conv2D", dict(filters=4, kernel_size=1, activation="sigmoid")),
    "conv, own activation": ("Conv2D", dict(filters=4, kernel_size=1, activation=tf.math.square)),
    "conv, softmax": ("Conv2D", dict(filters=4, kernel_size=1, activation="softmax")),
    "max pool": ("MaxPooling2D", dict(pool_size=2)),
    "max pool, same": ("MaxPooling2D", dict(pool_size=3, strides=2, padding="same")),
    "average pool": ("AveragePooling2D", dict(pool_size=(2, 3), padding="same")),
    "activation": ("Activation", dict(activation="relu")),
    "activation, elu": ("Activation", dict(activation="elu")),
    "activation, softmax": ("Activation", dict(activation="softmax")),
    "activation, leaky": ("Activation", dict(activation="leaky_relu")),
    "activation, log softmax": ("Activation", dict(activation="log_softmax")),
    "relu": ("ReLU", {}),
    "relu, sloped": ("ReLU", dict(negative_slope=0.1)),
    "relu, 6": ("ReLU", dict(max_value=6.0)),
    "relu, threshold": ("ReLU", dict(threshold=0.5)),
    "leaky": ("LeakyReLU", dict(negative_slope=0.2)),
    "elu": ("ELU", dict(alpha=0.7)),
    "softmax": ("Softmax", dict(axis=1)),
    "softmax, two axes": ("Softmax", dict(axis=[1, 2])),
}


def python(code, folder, **environment):
    """Run code with the folder as its argument, with the fastconv that is tested here."""
    environment = os.environ | {"PYTHONPATH": str(Path(fk.__file__).parents[2])} | environment
    return subprocess.run([sys.executable, "-c", code, str(folder)], cwd=folder, env=environment, capture_output=True,
                          text=True, timeout=120)


@pytest.fixture(autouse=True)
def fresh_names():
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)


def images(shape=(2, 9, 8, 3), dtype="float32"):
    return tf.constant(np.random.default_rng(0).standard_normal(shape), dtype)


def twins(kind, arguments, x):
    """The stock layer and fastconv's with the same weights."""
    stock, fast = STOCK[kind](**arguments), getattr(fk, kind)(**arguments)
    for layer in (stock, fast):
        layer.build(x.shape)
    fast.set_weights(stock.get_weights())
    return stock, fast


def gradients(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(tf.sin(y))
    return [y, *tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])]


@pytest.mark.parametrize("kind, arguments", LAYERS.values(), ids=LAYERS)
def test_values_and_gradients_are_the_stock_layers(kind, arguments):
    x = images()
    for a, e in zip(*(gradients(layer, x) for layer in reversed(twins(kind, arguments, x))), strict=True):
        np.testing.assert_allclose(a, e, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kind, arguments", LAYERS.values(), ids=LAYERS)
def test_config_moves_both_ways(kind, arguments):
    if callable(arguments.get("activation")):
        arguments = arguments | {"activation": None}
    stock, fast = STOCK[kind](**arguments), getattr(fk, kind)(**arguments)
    assert stock.name.rstrip("_0123456789") == fast.name.rstrip("_0123456789")
    config = fast.get_config()
    assert config | {"name": ""} == stock.get_config() | {"name": ""}
    assert type(type(fast).from_config(stock.get_config())) is type(fast)
    assert type(stock).from_config(config).get_config() == config
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(fast))
    assert type(again) is type(fast) and again.get_config() == config


@pytest.mark.parametrize("kind, arguments", LAYERS.values(), ids=LAYERS)
def test_symbolic_shapes(kind, arguments):
    for shape in ((9, 8, 3), (None, None, 3)):
        symbolic = keras.Input(shape)
        assert getattr(fk, kind)(**arguments)(symbolic).shape == STOCK[kind](**arguments)(symbolic).shape


@pytest.mark.parametrize("arguments", [dict(groups=2), dict(padding="same", strides=2), dict(groups=4, use_bias=False)])
def test_channels_first_and_groups_are_native(arguments, caplog):
    x = images((2, 4, 9, 8))
    first = fk.Conv2D(8, 3, data_format="channels_first", activation="relu", **arguments)
    last = fk.Conv2D(8, 3, data_format="channels_last", activation="relu", **arguments)
    y = first(x)
    last.build((2, 9, 8, 4))
    last.set_weights(first.get_weights())
    expected = tf.transpose(last(tf.transpose(x, (0, 2, 3, 1))), (0, 3, 1, 2))
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for kind in ("MaxPooling2D", "AveragePooling2D"):
        ours, stock = (getattr(m, kind)(2, data_format="channels_first") for m in (fk, keras.layers))
        np.testing.assert_allclose(ours(x), stock(x), atol=1e-6)
    assert not caplog.records


def network(layers):
    return keras.Sequential([
        keras.Input((12, 12, 1)),
        layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2), layers.Conv2D(6, 3, padding="same"),
        layers.Activation("relu"), layers.AveragePooling2D(2), keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax")])


def digits(count=64):
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, 12, 12, 1)).astype("float32"), rng.integers(0, 3, count)


def test_training_takes_the_stock_models_course():
    x, labels = digits()
    stock, fast = network(keras.layers), network(fk)
    fast.set_weights(stock.get_weights())
    losses = []
    for model in (stock, fast):
        model.compile("sgd", "sparse_categorical_crossentropy")
        assert not model.jit_compile
        losses.append(model.fit(x, labels, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    np.testing.assert_allclose(stock.predict(x, verbose=0), fast.predict(x, verbose=0), atol=1e-4)


def test_losses_still_find_the_logits():
    logits = tf.constant([[200.0, 0.0]])
    for layer in (fk.Activation("softmax"), fk.Softmax()):
        loss = keras.losses.sparse_categorical_crossentropy(tf.constant([1]), layer(logits))
        np.testing.assert_allclose(loss, [200.0])
    x = tf.constant(200.0, shape=(1, 1, 1, 1))
    for layer in (fk.Activation("sigmoid"), fk.Conv2D(1, 1, activation="sigmoid", kernel_initializer="ones")):
        np.testing.assert_allclose(np.ravel(keras.losses.binary_crossentropy(0 * x, layer(x))), [200.0])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64", "bfloat16"])
def test_dtype_policies(policy):
    x = images()
    stock, fast = twins("Conv2D", dict(filters=4, kernel_size=3, activation="relu", dtype=policy), x)
    compute = keras.DTypePolicy(policy).compute_dtype
    with tf.GradientTape() as tape:
        y = fast(x)
        loss = tf.reduce_sum(tf.cast(y, "float32"))
    assert y.dtype == compute
    assert all(g.dtype == w.dtype for g, w in zip(
        tape.gradient(loss, [w.value for w in fast.trainable_weights]), fast.trainable_weights, strict=True))
    np.testing.assert_allclose(tf.cast(y, "float64"), tf.cast(stock(x), "float64"), atol=0.05)
    assert fk.MaxPooling2D(2, dtype=policy)(x).dtype == compute


def test_lora_and_own_convolution_op():
    x = images()
    stock, fast = twins("Conv2D", dict(filters=4, kernel_size=3), x)
    for layer in (stock, fast):
        layer.enable_lora(2)
    for s, f in zip(stock.weights, fast.weights, strict=True):
        value = np.random.default_rng(1).standard_normal(s.shape)
        s.assign(value)
        f.assign(value)
    np.testing.assert_allclose(fast(x), stock(x), atol=1e-4)

    def doubled(parent):
        class Doubled(parent):
            def convolution_op(self, inputs, kernel):
                return super().convolution_op(inputs, kernel * 2)
        return Doubled(4, 3, activation="relu")

    ours, theirs = doubled(fk.Conv2D), doubled(keras.layers.Conv2D)
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_what_no_kernel_serves_is_left_to_keras_and_said_once(caplog, monkeypatch):
    monkeypatch.setattr(base, "_told", set())
    x = tf.constant([[[[1], [2]], [[3], [4]]]], "int32")
    five = images((2, 3, 9, 8, 2))
    with caplog.at_level(logging.WARNING, "fastconv"):
        layer = fk.ReLU(dtype="int32")
        for _ in range(2):
            np.testing.assert_array_equal(layer(-x), 0 * x)
        assert fk.ReLU(threshold=0.5)(tf.constant([0.25])).numpy() == 0
        np.testing.assert_allclose(fk.Softmax()(five, mask=five > -9), tf.nn.softmax(five), atol=1e-6)
    assert [r.name for r in caplog.records] == ["fastconv"] * 3
    assert "no kernel for int32" in caplog.text


def test_an_input_that_is_too_small_is_an_error():
    layer = fk.Conv2D(2, 5)
    layer.build((None, None, None, 1))
    with pytest.raises(ValueError, match="empty output"):
        layer(tf.ones([1, 3, 3, 1]))


def test_files_move_both_ways(tmp_path):
    x, _ = digits()
    fast = network(fk)
    expected = fast.predict(x, verbose=0)
    fast.save(tmp_path / "fast.keras")
    again = keras.saving.load_model(tmp_path / "fast.keras")
    assert type(again.layers[0]) is fk.Conv2D
    np.testing.assert_array_equal(again.predict(x, verbose=0), expected)

    stock = network(keras.layers)
    stock.set_weights(fast.get_weights())
    stock.save(tmp_path / "stock.keras")
    with fk.patched():
        loaded = keras.saving.load_model(tmp_path / "stock.keras")
    assert type(loaded.layers[0]) is fk.Conv2D
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)

    stock.save_weights(tmp_path / "stock.weights.h5")
    other = network(fk)
    other.load_weights(tmp_path / "stock.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_files_load_without_fastconv(tmp_path):
    """As they are if saved while patched; otherwise with the stock layers named as custom objects."""
    x, _ = digits(4)
    with fk.patched():
        model = network(keras.layers)
        assert type(model.layers[0]) is fk.Conv2D
        model.save(tmp_path / "patched.keras")
    model.save(tmp_path / "explicit.keras")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", model.predict(x, verbose=0))
    code = """if True:
        import sys, numpy as np, keras
        folder = sys.argv[1]
        names = ('Conv2D', 'MaxPooling2D', 'AveragePooling2D', 'Activation')
        stock = {'fastconv>' + name: getattr(keras.layers, name) for name in names}
        for file, custom in (('patched', None), ('explicit', stock)):
            model = keras.saving.load_model(f'{folder}/{file}.keras', custom_objects=custom)
            y = model.predict(np.load(folder + '/x.npy'), verbose=0)
            np.testing.assert_allclose(y, np.load(folder + '/y.npy'), atol=1e-5)
        assert 'fastconv' not in sys.modules
    """
    assert python(code, tmp_path).returncode == 0


def test_exported_model_runs_in_a_fresh_process(tmp_path):
    x, _ = digits(4)
    model = network(fk)
    model.export(tmp_path / "export", verbose=False)
    np.save(tmp_path / "x.npy", x)
    code = ("import sys, numpy as np, tensorflow as tf, fastconv.keras\n"
            "folder = sys.argv[1]\n"
            "model = tf.saved_model.load(folder + '/export')\n"
            "np.save(folder + '/y.npy', model.serve(np.load(folder + '/x.npy')))")
    assert python(code, tmp_path).returncode == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), atol=1e-6)


def public_layers():
    import keras.src.layers
    import tensorflow.keras.layers as tf_keras_layers
    modules = [keras.layers, keras.src.layers, tf.keras.layers, tf_keras_layers,
               keras.src.layers.convolutional.conv2d]
    names = [*STOCK, "Convolution2D", "MaxPool2D", "AvgPool2D"]
    return [(module, name) for module in modules for name in names if hasattr(module, name)]


def test_patching_covers_every_alias_and_is_undone_exactly():
    before = [getattr(*place) for place in public_layers()]
    assert len(before) > 40
    fk.patch_keras()
    try:
        fk.patch_keras()
        assert fk.is_patched()
        assert all(getattr(*place) in vars(fk).values() for place in public_layers())
        from tensorflow.keras.layers import MaxPool2D
        assert MaxPool2D is fk.MaxPooling2D
        assert keras.layers.Convolution2D(2, 3).name == "conv2d"
        assert isinstance(keras.layers.Conv2D(2, 3), STOCK["Conv2D"])
    finally:
        fk.unpatch_keras()
    fk.unpatch_keras()
    assert not fk.is_patched()
    assert all(now is then for now, then in zip(
        [getattr(*place) for place in public_layers()], before, strict=True))
    assert keras.saving.get_registered_name(fk.Conv2D) == "fastconv>Conv2D"
    assert type(keras.layers.deserialize(keras.layers.serialize(keras.layers.Conv2D(2, 3)))) is STOCK["Conv2D"]


def test_patched_block_inside_a_patched_program_does_not_end_it():
    with fk.patched():
        with fk.patched():
            pass
        assert fk.is_patched()
    assert not fk.is_patched()


def test_cloning_a_stock_model_while_patched_gives_fast_layers():
    stock = network(keras.layers)
    with fk.patched():
        fast = keras.models.model_from_json(stock.to_json())
    assert [type(layer) for layer in fast.layers[:2]] == [fk.Conv2D, fk.MaxPooling2D]


def test_other_backends_are_refused_clearly(tmp_path):
    run = python("import fastconv.keras", tmp_path, KERAS_BACKEND="jax")
    assert run.returncode == 1
    assert "ImportError: fastconv.keras runs on Keras' TensorFlow backend; received backend 'jax'" in run.stderr


def test_missing_keras_is_named(tmp_path):
    run = python("import sys; sys.modules['keras'] = None; import fastconv.keras", tmp_path)
    assert "pip install 'fastconv[keras]'" in run.stderr
