"""Patching Keras and undoing it: every name, keras.applications, files, old scripts."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import fastconv.keras as fk
from fastconv.keras.patch import STOCK

OLD_NAMES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
}


def python(code, folder, **environment):
    """Run code with the folder as its argument, with the fastconv that is tested here."""
    environment = os.environ | {"PYTHONPATH": str(Path(fk.__file__).parents[2])} | environment
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def network(layers):
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Activation("relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def places():
    """Every public module of Keras with every public name of every layer."""
    import keras.src.layers
    import tensorflow.keras.layers as tf_keras_layers

    modules = [keras.layers, keras.src.layers, tf.keras.layers, tf_keras_layers]
    names = {name for module in modules for name, value in vars(module).items() if value in STOCK.values()}
    return [(module, name) for module in modules for name in sorted(names) if hasattr(module, name)]


def test_patching_covers_every_alias_and_is_undone_exactly():
    everywhere = places()
    before = [getattr(*place) for place in everywhere]
    assert {name for _, name in everywhere} >= {layer.__name__ for layer in STOCK} | set(OLD_NAMES)
    fk.patch_keras()
    try:
        fk.patch_keras()
        assert fk.is_patched()
        assert all(getattr(*place) in STOCK for place in everywhere)
        for old, name in OLD_NAMES.items():
            assert getattr(keras.layers, old) is getattr(fk, name)
        from tensorflow.keras.layers import MaxPool2D

        assert MaxPool2D is fk.MaxPooling2D
        assert keras.layers.Convolution2D(2, 3).name.startswith("conv2d")
        assert isinstance(keras.layers.Conv2D(2, 3), STOCK[fk.Conv2D])
    finally:
        fk.unpatch_keras()
    fk.unpatch_keras()
    assert not fk.is_patched()
    assert all(now is then for now, then in zip([getattr(*place) for place in everywhere], before, strict=True))
    assert keras.saving.get_registered_name(fk.Conv2D) == "fastconv>Conv2D"
    assert type(keras.layers.deserialize(keras.layers.serialize(keras.layers.Conv2D(2, 3)))) is STOCK[fk.Conv2D]


def test_patched_block_inside_a_patched_program_does_not_end_it():
    with fk.patched():
        with fk.patched():
            pass
        assert fk.is_patched()
    assert not fk.is_patched()


def test_a_stock_models_description_read_while_patched_gives_fast_layers():
    stock = network(keras.layers)
    with fk.patched():
        fast = keras.models.model_from_json(stock.to_json())
    assert [type(layer) for layer in fast.layers[:2]] == [fk.Conv2D, fk.MaxPooling2D]


def test_applications_are_made_of_fast_layers():
    make = keras.applications.MobileNet
    with fk.patched():
        model = make(weights=None, input_shape=(32, 32, 3), classes=4)
    assert not [layer.name for layer in model._flatten_layers() if type(layer) in STOCK.values()]
    assert sum(isinstance(layer, tuple(STOCK)) for layer in model.layers) > 40
    stock = make(weights=None, input_shape=(32, 32, 3), classes=4)
    stock.set_weights(model.get_weights())
    x = np.random.default_rng(0).standard_normal((2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(model(x), stock(x), atol=1e-5)


def test_files_load_without_fastconv(tmp_path):
    """As they are if saved while patched; otherwise with the stock layers named as custom objects."""
    x = np.random.default_rng(0).standard_normal((4, 12, 12, 1)).astype("float32")
    with fk.patched():
        model = network(keras.layers)
        model.save(tmp_path / "patched.keras")
    model.save(tmp_path / "explicit.keras")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", model.predict(x, verbose=0))
    code = """if True:
        import sys, numpy as np, keras
        folder = sys.argv[1]
        stock = {'fastconv>' + name: getattr(keras.layers, name)
                 for name in ('Conv2D', 'MaxPooling2D', 'Activation', 'Dense')}
        for file, custom in (('patched', None), ('explicit', stock)):
            model = keras.saving.load_model(f'{folder}/{file}.keras', custom_objects=custom)
            y = model.predict(np.load(folder + '/x.npy'), verbose=0)
            np.testing.assert_allclose(y, np.load(folder + '/y.npy'), atol=1e-5)
        assert 'fastconv' not in sys.modules
    """
    run = python(code, tmp_path)
    assert run.returncode == 0, run.stderr


def test_a_script_as_they_were_written_in_2017(tmp_path):
    code = """if True:
        import fastconv
        fastconv.patch_keras()
        import numpy as np, keras
        from keras.models import Sequential
        from keras.layers import Activation, AvgPool2D, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
        x, y = np.zeros((8, 12, 12, 1), 'float32'), keras.utils.to_categorical(np.arange(8) % 3, 3)
        model = Sequential()
        model.add(Convolution2D(4, kernel_size=(3, 3), input_shape=(12, 12, 1)))
        model.add(Activation('relu'))
        model.add(MaxPooling2D(pool_size=(2, 2)))
        model.add(AvgPool2D(pool_size=(1, 1)))
        model.add(Dropout(0.25))
        model.add(Flatten())
        model.add(Dense(3, activation='softmax'))
        model.compile(loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adadelta(),
                      metrics=['accuracy'])
        model.fit(x, y, batch_size=4, epochs=1, verbose=0, validation_data=(x, y))
        model.save('net.h5')
        fastconv.unpatch_keras()
        again = keras.models.load_model('net.h5')
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
        print(*(type(net.layers[0]).__module__.split('.')[0] for net in (model, again)))
    """
    run = python(code, tmp_path)
    assert run.stdout.split() == ["fastconv", "keras"], run.stderr


def test_other_backends_are_refused_clearly(tmp_path):
    code = "import keras; keras.backend.backend = lambda: 'openvino'; import fastconv.keras"
    run = python(code, tmp_path, KERAS_BACKEND="numpy")
    assert run.returncode == 1
    assert "ImportError: fastconv.keras runs on Keras' backends" in run.stderr and "'openvino'" in run.stderr


def test_missing_keras_is_named(tmp_path):
    run = python("import sys; sys.modules['keras'] = None; import fastconv.keras", tmp_path)
    assert "pip install 'fastconv[keras]'" in run.stderr
