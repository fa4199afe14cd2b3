"""`fit`, `train_on_batch` and `evaluate` on TensorFlow by whole steps: users see what stock Keras shows them."""

import logging

import keras
import numpy as np
import pytest
from keras import layers as L

import fastconv.keras as fk
from fastconv.keras import whole_steps

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="whole steps are TensorFlow's")
ADAM = keras.optimizers.Adam


@pytest.fixture
def whole():
    """Whole steps and groups of steps in force."""
    fk.group_steps()
    whole_steps.take_whole_steps()
    yield
    whole_steps.untake_whole_steps()
    fk.ungroup_steps()


def in_both_ways(run):
    """What a function gives on stock Keras, and by whole steps, some of which it must take."""
    keras.utils.set_random_seed(3)
    expected = run()
    before = whole_steps.taken()
    keras.utils.set_random_seed(3)
    fk.group_steps()
    whole_steps.take_whole_steps()
    try:
        actual = run()
    finally:
        whole_steps.untake_whole_steps()
        fk.ungroup_steps()
    assert whole_steps.taken() > before
    return actual, expected


def images(rows=80, classes=4):
    rng = np.random.default_rng(rows)
    labels = rng.integers(0, classes, rows)
    x = rng.standard_normal((rows, 10, 10, 1), np.float32) * 0.3
    x[np.arange(rows), labels, labels] += 3
    return x, labels


def convolutional(l2=None):
    inputs = keras.Input((10, 10, 1))
    x = L.MaxPooling2D(2)(L.Conv2D(4, 3, padding="same", activation="relu", kernel_regularizer=l2)(inputs))
    y = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    x = L.SpatialDropout2D(0.2)(L.Add()([x, y]))
    x = L.Dropout(0.4)(L.Dense(12, activation="tanh")(L.Flatten()(x)))
    return keras.Model(inputs, L.Dense(4, activation="softmax")(x))


def numbers(model):
    return [np.asarray(value) for value in (*model.get_weights(), *(v.numpy() for v in model.optimizer.variables))]


def all_close(actual, expected, tolerance=1e-4):
    for a, e in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a, "float64"), np.asarray(e, "float64"), rtol=tolerance, atol=tolerance)


class Batches(keras.callbacks.Callback):
    """The loss and the sum of the weights after each batch; changes what `act` changes."""

    def __init__(self, act=lambda model, batch: None):
        super().__init__()
        self.seen, self.act = [], act

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([logs["loss"], sum(float(np.abs(w).sum()) for w in self.model.get_weights())])
        self.act(self.model, batch)


def test_fifty_steps_have_the_losses_weights_and_slots_of_stock_keras():
    x, y = images()

    def run():
        model, batches = convolutional(keras.regularizers.L2(0.01)), Batches()
        model.compile(ADAM(1e-3, weight_decay=0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=5, verbose=0, callbacks=[batches], validation_split=0.1)
        return history.history, batches.seen, numbers(model), model.evaluate(x, y, verbose=0)

    all_close(*in_both_ways(run))


@pytest.mark.parametrize(
    ("loss", "activation", "targets", "metrics"),
    [
        ("mse", None, lambda y: np.eye(4, dtype="float32")[y], ["mae", keras.metrics.MeanSquaredError()]),
        (
            keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
            "softmax",
            lambda y: np.eye(4)[y],
            ["categorical_accuracy"],
        ),
        ("binary_crossentropy", "sigmoid", lambda y: np.eye(4, dtype="int32")[y], ["binary_accuracy"]),
        (
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            None,
            lambda y: y[:, None],
            ["sparse_categorical_accuracy"],
        ),
    ],
)
def test_losses_metrics_and_weights_of_samples(loss, activation, targets, metrics):
    x, y = images()
    weights = np.linspace(0, 2, len(x))

    def run():
        made = [keras.metrics.deserialize(keras.metrics.serialize(m)) if not isinstance(m, str) else m for m in metrics]
        model = keras.Sequential([keras.Input((10, 10, 1)), L.Flatten(), L.Dense(4, activation=activation)])
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.8)
        model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=made, weighted_metrics=["accuracy"])
        history = model.fit(x, targets(y), batch_size=32, epochs=2, verbose=0, sample_weight=weights)
        return history.history, numbers(model)

    all_close(*in_both_ways(run))


@pytest.mark.parametrize(
    "words",
    [
        {"use_ema": True, "ema_momentum": 0.8},
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 0.5},
    ],
)
def test_averages_of_weights_and_sums_of_gradients(words):
    x, y = images()

    def run():
        model = keras.Sequential([keras.Input((10, 10, 1)), L.Flatten(), L.Dense(4, activation="softmax")])
        rate = keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.8)
        model.compile(ADAM(rate, **words), "sparse_categorical_crossentropy")
        history = [model.fit(x, y, batch_size=16, epochs=epochs, verbose=0).history for epochs in (1, 2)]
        return history, numbers(model)

    all_close(*in_both_ways(run))


def test_callbacks_look_and_change_things_between_batches(tmp_path):
    x, y = images()

    def act(model, batch):
        if batch == 1:
            model.optimizer.learning_rate = 0.05
            kernel = model.layers[-1].kernel
            kernel.assign(kernel * 0.5)
        if batch == 3:
            model.optimizer.iterations.assign(0)
            model.stop_training = int(model.optimizer.learning_rate.numpy() > 1)

    def run():
        model, batches = convolutional(), Batches(act)
        model.compile(ADAM(), "sparse_categorical_crossentropy")
        callbacks = [
            batches,
            keras.callbacks.EarlyStopping("loss", min_delta=10, patience=1, restore_best_weights=True),
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1)),
            keras.callbacks.ModelCheckpoint(str(tmp_path / "best.weights.h5"), save_weights_only=True),
        ]
        history = model.fit(x, y, batch_size=16, epochs=4, verbose=0, callbacks=callbacks)
        seen = model.get_weights()
        model.load_weights(tmp_path / "best.weights.h5")
        return history.history, history.epoch, batches.seen, seen, model.get_weights()

    all_close(*in_both_ways(run))


def test_train_on_batch_and_frozen_layers():
    x, y = images(32)

    def run():
        model = convolutional()
        model.layers[1].trainable = False
        model.compile(keras.optimizers.RMSprop(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        logs = [model.train_on_batch(x[:16], y[:16]), model.train_on_batch(x, y, class_weight={0: 2.0, 1: 0.5})]
        model.layers[1].kernel.assign(model.layers[1].kernel * 2)
        return logs, model.train_on_batch(x, y, return_dict=True), model.test_on_batch(x, y), numbers(model)

    all_close(*in_both_ways(run))


def test_an_interrupt_leaves_whole_steps(whole, monkeypatch):
    from fastconv.network.training.trainer import Trainer

    x, y = images()
    model = convolutional()
    model.compile("sgd", "sparse_categorical_crossentropy")
    taken, step = [], Trainer.step

    def interrupted(self, *arguments):
        taken.append(step(self, *arguments))
        if len(taken) == 3:
            import signal

            signal.raise_signal(signal.SIGINT)
        return taken[-1]

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == len(taken) >= 3
    assert model.optimizer.built


def small(*layers, **words):
    return keras.Sequential([keras.Input((3,)), *layers, L.Dense(1, **words)])


class Own(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize(
    ("model", "compiled", "reason"),
    [
        (lambda: small(L.GaussianNoise(0.1)), {}, "GaussianNoise"),
        (lambda: small(kernel_constraint="non_neg"), {}, "the constraint of"),
        (lambda: Own([keras.Input((3,)), L.Dense(1)]), {}, "class Own"),
        (small, {"loss": lambda y, p: keras.ops.mean(keras.ops.square(y - p))}, "the loss"),
        (small, {"metrics": [keras.metrics.RootMeanSquaredError()]}, "root_mean_squared_error"),
        (small, {"optimizer": keras.optimizers.Nadam()}, "Nadam"),
        (small, {"metrics": ["categorical_accuracy"], "weighted_metrics": ["auc"]}, "auc"),
        (small, {"optimizer": keras.optimizers.SGD(loss_scale_factor=2.0)}, "loss_scale_factor"),
        (small, {"run_eagerly": True}, "run_eagerly"),
        (small, {"steps_per_execution": 2}, "steps_per_execution"),
    ],
)
def test_what_is_not_served_goes_keras_own_way_and_is_named(whole, caplog, model, compiled, reason):
    keras.utils.set_random_seed(0)
    made, before = model(), whole_steps.taken()
    made._name = f"named after {reason}"
    made.compile(**{"loss": "mse", "optimizer": "sgd"} | compiled)
    with caplog.at_level(logging.INFO, "fastconv"):
        history = made.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=2, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert whole_steps.taken() == before
    lines = [record.message for record in caplog.records if "whole steps do not serve" in record.message]
    assert len(lines) == 1
    assert reason in lines[0]
    assert reason in whole_steps.summary()


def test_evaluate_leaves_the_optimizer_alone(whole):
    model = small()
    model.compile("adam", "mse")
    before = whole_steps.taken()
    found = model.evaluate(np.ones((4, 3)), np.zeros((4, 1)), verbose=0)
    assert whole_steps.taken() == before + 1
    np.testing.assert_allclose(found, float(model(np.ones((1, 3)))[0, 0]) ** 2, rtol=1e-5)
    assert not model.optimizer.built
