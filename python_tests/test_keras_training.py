"""`fit` and `train_on_batch` on Keras' NumPy backend, which has neither; `test_keras_backends.py` runs this there."""

import keras
import numpy as np
import pytest
from keras import layers as L

import fastconv.keras
from fastconv.keras.compiled import compiled_optimizer
from fastconv.network.training import Trainer, loss_of
from fastconv.network.training.optimizers import OPTIMIZERS

pytestmark = pytest.mark.skipif(keras.backend.backend() != "numpy", reason="other backends train by themselves")


@pytest.fixture(autouse=True)
def _patched():
    with fastconv.keras.patched():
        yield


def squares(count=64, seed=0):
    """Images whose brightest row tells the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = 0.1 * rng.standard_normal((count, 8, 8, 1)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        image[2 * label + 1] += 1
    return x, y


def tiny(*more, **words):
    keras.utils.set_random_seed(1)
    first = [keras.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu", **words), L.Flatten()]
    model = keras.Sequential([*first, *more, L.Dense(3, activation="softmax", **words)])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Watcher(keras.callbacks.Callback):
    """What a callback may look at."""

    def __init__(self):
        super().__init__()
        self.batches, self.weights, self.iterations = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append((batch, float(logs["loss"]), float(logs["accuracy"])))
        self.weights.append(self.model.get_weights())
        self.iterations.append(int(self.model.optimizer.iterations))


def test_fit_trains_and_tells_of_it_as_keras_does():
    (x, y), model, watcher = squares(), tiny(), Watcher()
    history = model.fit(x, y, batch_size=16, epochs=15, validation_data=squares(32, 1), callbacks=[watcher], verbose=0)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.history["val_accuracy"][-1] == 1 and history.epoch == list(range(15))
    assert [batch for batch, _, _ in watcher.batches] == [0, 1, 2, 3] * 15 and watcher.iterations == list(range(1, 61))
    assert history.history["loss"][0] == pytest.approx(watcher.batches[3][1], rel=1e-5)
    changes = [np.abs(a[0] - b[0]).max() for a, b in zip(watcher.weights, watcher.weights[1:], strict=False)]
    assert min(changes) > 0
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == 1 and loss < 0.5
    assert model.predict(x, verbose=0).argmax(1).tolist() == y.tolist()


def test_callbacks_see_the_same_with_and_without_batches():
    (x, y), results = squares(), []
    for callbacks in ([], [Watcher()]):
        model = tiny()
        keras.utils.set_random_seed(3)
        history = model.fit(x, y, batch_size=10, epochs=2, callbacks=callbacks, verbose=0)
        results.append((history.history, model.get_weights(), [np.asarray(v) for v in model.optimizer.variables]))
    (first, weights, slots), (second, others, other_slots) = results
    for name, values in first.items():
        assert values == pytest.approx(second[name], rel=1e-5)
    for a, b in zip([*weights, *slots], [*others, *other_slots], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1),
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.1),
        keras.optimizers.Adam(0.01, amsgrad=True, weight_decay=0.01),
        keras.optimizers.AdamW(0.01),
        keras.optimizers.Adamax(0.01),
        keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        keras.optimizers.Adagrad(0.1),
        keras.optimizers.Adadelta(1.0, global_clipnorm=0.5),
        keras.optimizers.Lion(0.01),
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_steps_are_those_of_keras_optimizers(optimizer):
    x, y = squares(8)
    model, copy = tiny(), tiny()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    theirs = type(optimizer).from_config(optimizer.get_config())
    for _ in range(3):
        trainer = Trainer(
            fastconv.from_keras(copy).graph, loss_of("sparse_categorical_crossentropy"), OPTIMIZERS["sgd"]()
        )
        theirs.apply([slope.copy() for slope in trainer.gradients([x], y).values()], copy.trainable_variables)
        model.train_on_batch(x, y)
    assert int(optimizer.iterations) == int(theirs.iterations) == 3
    for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    for a, b in zip(optimizer.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-3, atol=1e-6)


def test_what_callbacks_change_counts():
    x, y = squares(32)

    class Changing(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0 if epoch else 0.1

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.layers[-1].kernel.assign(np.full((144, 3), 0.5, "float32"))
                self.model.stop_training = True
            kept.append(self.model.layers[-1].kernel.numpy().copy())

    model, kept = tiny(), []
    model.fit(x, y, epochs=9, callbacks=[Changing()], verbose=0)
    assert len(kept) == 3
    np.testing.assert_array_equal(kept[0], kept[1])
    np.testing.assert_array_equal(model.layers[-1].kernel.numpy(), 0.5)
    model.optimizer.learning_rate = 0.0
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.layers[-1].kernel.numpy(), 0.5)


def test_early_stopping_restores_the_best_weights(tmp_path):
    (x, y), model = squares(), tiny()
    model.optimizer.learning_rate = 0.5
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    reduce = keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5)
    history = model.fit(x, y, epochs=20, validation_split=0.25, callbacks=[stop, best, reduce], verbose=0)
    losses = history.history["val_loss"]
    loss = model.evaluate(x[48:], y[48:], verbose=0)[0]
    assert loss == pytest.approx(min(losses), rel=1e-4)
    loaded = keras.models.load_model(tmp_path / "best.keras")
    assert loaded.evaluate(x[48:], y[48:], verbose=0)[0] == pytest.approx(loss, rel=1e-4)


def test_regularizers_and_sample_weights_are_in_the_loss():
    x, y = squares(16)
    model = tiny(kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02), bias_regularizer="l2")
    weights = np.linspace(0.5, 2, 16).astype("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    kernels = [layer.kernel.numpy() for layer in (model.layers[0], model.layers[-1])]
    # Keras' own `evaluate` adds up no penalties on this backend.
    expected = -(np.log(model.predict(x, verbose=0)[np.arange(16), y]) * weights).mean()
    expected += sum(0.01 * np.abs(kernel).sum() + 0.02 * np.square(kernel).sum() for kernel in kernels)
    assert model.train_on_batch(x, y, sample_weight=weights)[0] == pytest.approx(expected, rel=1e-5)
    slopes = [(before - layer.kernel.numpy()) / 0.01 for before, layer in zip(kernels, model.layers[::2], strict=True)]
    plain = tiny()
    plain.set_weights([kernels[0], np.zeros(4), kernels[1], np.zeros(3)])
    plain.compile("sgd", "sparse_categorical_crossentropy")
    plain.train_on_batch(x, y, sample_weight=weights)
    for before, layer, slope in zip(kernels, plain.layers[::2], slopes, strict=True):
        penalty = slope - (before - layer.kernel.numpy()) / 0.01
        np.testing.assert_allclose(penalty, 0.01 * np.sign(before) + 0.04 * before, rtol=0, atol=1e-4)


def test_class_weights_and_metrics_that_keras_counts():
    (x, y), model = squares(24), tiny()
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")],
        weighted_metrics=["accuracy"],
    )
    history = model.fit(x, y, class_weight={0: 2.0}, epochs=2, verbose=0)
    assert {"loss", "accuracy", "top"} <= set(history.history)
    assert history.history["top"][1] >= history.history["accuracy"][1]


def test_frozen_layers_stay_and_normalization_of_theirs_runs_as_in_inference():
    x, y = squares(32)
    norm = L.BatchNormalization()
    model = tiny(L.Reshape((6, 6, 4)), norm, L.Flatten())
    model.fit(x, y, verbose=0)
    means = norm.moving_mean.numpy().copy()
    assert np.abs(means).max() > 0
    norm.trainable = False
    model.layers[-1].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True, True, False, False, False, False, False, False]
    for variable in model.layers[-1].variables:
        variable.assign(np.zeros(variable.shape, "float32"))
    assert model.train_on_batch(x, y)[0] == pytest.approx(np.log(3), rel=1e-5)


def test_dropout_draws_the_masks_of_its_layers():
    x, y = squares(16)
    losses = []
    for _ in range(2):
        model = tiny(L.Dropout(0.5, seed=4), L.Dropout(0.0))
        losses.append(model.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    model = tiny(L.Dropout(0.5, seed=4))
    expected = -np.log(np.asarray(model(x, training=True))[np.arange(16), y]).mean()
    assert losses[0][0] == pytest.approx(expected, rel=1e-5)


def test_data_of_every_kind():
    (x, y), model = squares(24), tiny()

    def batches():
        while True:
            yield x[:8], y[:8]

    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return x[8 * i : 8 * i + 8], y[8 * i : 8 * i + 8]

    assert len(model.fit(batches(), steps_per_epoch=2, epochs=2, shuffle=False, verbose=0).history["loss"]) == 2
    assert len(model.fit(Data(), epochs=1, verbose=0).history["loss"]) == 1
    assert int(model.optimizer.iterations) == 7


def test_accelerated_models_train_and_restored_ones_do_not():
    x, y = squares(16)
    fastconv.keras.unpatch_keras()
    model = tiny()
    with pytest.raises(NotImplementedError):
        model.fit(x, y, verbose=0)
    fastconv.keras.accelerate(model)
    assert len(model.fit(x, y, verbose=0).history["loss"]) == 1
    fastconv.keras.restore(model)
    with pytest.raises(NotImplementedError):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: model.compile("adam", lambda y, p: p), "the loss"),
        (lambda model: model.compile("adafactor", "sparse_categorical_crossentropy"), "the optimizer Adafactor"),
        (lambda model: model.compile(keras.optimizers.SGD(loss_scale_factor=2.0), "mse"), "loss_scale_factor"),
        (lambda model: setattr(model.layers[0].kernel, "constraint", keras.constraints.NonNeg()), "constraint"),
    ],
)
def test_what_is_not_served_is_named(change, reason):
    (x, y), model = squares(8), tiny()
    change(model)
    with pytest.raises(NotImplementedError, match=reason):
        model.fit(x, y, verbose=0)


def test_averages_of_weights_take_their_place_at_the_end():
    (x, y), model = squares(48), tiny()
    optimizer = keras.optimizers.Adam(use_ema=True, gradient_accumulation_steps=3)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    assert int(optimizer.iterations) == 2 and int(optimizer._iterations) == 6
    for old, weight, average in zip(before, model.weights, optimizer._model_variables_moving_average, strict=True):
        np.testing.assert_array_equal(weight, average)
        assert np.abs(old - weight).max() > 0


def test_arguments_of_an_optimizer_are_taken_over():
    found = compiled_optimizer(keras.optimizers.RMSprop(0.5, rho=0.8, momentum=0.1, centered=True, clipvalue=2.0))
    assert (found.rho, found.momentum, found.centered, found.clipvalue, found.slot_count) == (0.8, 0.1, True, 2.0, 3)
