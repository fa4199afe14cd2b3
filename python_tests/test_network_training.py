"""Networks trained by `Net.fit`: gradients against TensorFlow in float64, losses, optimizers, what a caller sees."""

import os
import signal

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as L
from training_references import assert_gradients, computing_in_float64

import fastconv
from fastconv.network.training import Trainer, UntrainableError, loss_of, optimizer_of
from fastconv.network.training.optimizers import OPTIMIZERS
from fastconv.network.training.parameters import Parameters

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow gives the references")


@pytest.fixture
def in_float64():
    with computing_in_float64():
        yield


def lenet(activation="relu"):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(6, 5, padding="same", activation=activation),
            L.MaxPooling2D(2),
            L.Conv2D(16, 5, activation=activation),
            L.AveragePooling2D(2) if activation == "tanh" else L.MaxPooling2D(2),
            L.Flatten(),
            L.Dense(120, activation=activation),
            L.Dense(84, activation=activation),
            L.Dense(10, activation="softmax"),
        ]
    )


def digits(count, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.random((count, 28, 28, 1)).astype(dtype), rng.integers(0, 10, count)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_gradients_of_lenet(in_float64, activation):
    x, y = digits(5)
    loss = keras.losses.SparseCategoricalCrossentropy()
    assert_gradients(lenet(activation), x, y, "sparse_categorical_crossentropy", loss)


@pytest.mark.parametrize("size", [(11, 10, 2), (13, 2)])
def test_gradients_where_maxima_are_taken_before_the_rectifier(in_float64, size):
    rank = len(size) - 1
    conv, pool = (getattr(L, f"{name}{rank}D") for name in ("Conv", "MaxPooling"))
    mean = getattr(L, f"GlobalAveragePooling{rank}D")()
    layers = [
        conv(4, 3, activation="relu"),
        pool(3, strides=2, padding="same"),
        conv(5, 2, padding="same"),
        L.ReLU(),
        pool(2),
        mean,
    ]
    model = keras.Sequential([keras.Input(size), *layers, L.Dense(2)])
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, *size)), rng.standard_normal((3, 2))
    assert_gradients(model, x, y, "mean_squared_error", keras.losses.MeanSquaredError())


def branching():
    """A model with every kind of layer that has weights, branches, and a value that several layers read."""
    inputs = keras.Input((12, 12, 3))
    x = L.BatchNormalization()(L.SeparableConv2D(8, 3, padding="same", use_bias=False)(inputs))
    x = L.ReLU()(x)
    x = L.Add()([x, L.DepthwiseConv2D(3, padding="same")(x)])
    y = L.MaxPooling2D(2)(L.Conv2DTranspose(8, 3, strides=2, padding="same", activation="elu")(x))
    x = L.LayerNormalization()(L.Concatenate()([x, y]))
    x = L.Conv2D(6, 3, strides=2, activation="silu", groups=2)(L.ZeroPadding2D(1)(L.UpSampling2D(2)(x)))
    x = L.Multiply()([L.GlobalMaxPooling2D()(x), L.GlobalAveragePooling2D()(x)])
    x = L.PReLU(alpha_initializer="uniform")(L.Dense(9)(x))
    x = L.Average()([x, L.Subtract()([L.Activation("softplus")(x), x])])
    return keras.Model(inputs, L.Dense(4, activation="sigmoid")(L.LeakyReLU()(x)))


def test_gradients_of_every_kind_of_layer(in_float64):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((5, 12, 12, 3)), rng.integers(0, 2, (5, 4)).astype(float)
    assert_gradients(branching(), x, y, "binary_crossentropy", keras.losses.BinaryCrossentropy())


def test_gradients_of_sequences(in_float64):
    inputs = keras.Input((20,), dtype="int32")
    x = L.Conv1D(5, 3, padding="causal", activation="relu")(L.Embedding(11, 4)(inputs))
    x = L.MaxPooling1D(2)(L.Conv1D(6, 3, dilation_rate=2, padding="same", activation="selu")(x))
    x = L.Flatten()(L.Cropping1D(1)(L.Permute((2, 1))(L.Permute((2, 1))(x))))
    model = keras.Model(inputs, L.Dense(2)(L.Reshape((4, 12))(x)))
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 11, (3, 20)).astype(np.int32), rng.standard_normal((3, 4, 2))
    assert_gradients(model, x, y, "mean_squared_error", keras.losses.MeanSquaredError())


KINDS = {
    "average": lambda activation, window, words: L.AveragePooling2D(window, **words),
    "conv": lambda activation, window, words: L.Conv2D(5, window, activation=activation, **words),
    "depthwise": lambda activation, window, words: L.DepthwiseConv2D(window, activation=activation, **words),
    "max": lambda activation, window, words: L.MaxPooling2D(window, **words),
    "norm": lambda activation, window, words: L.LayerNormalization(),
    "transposed": lambda activation, window, words: L.Conv2DTranspose(3, window, activation=activation, **words),
}
ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "mish", "softsign"]
SIZES = st.integers(6, 14)
LAYERS = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(ACTIVATIONS), st.integers(1, 4), st.integers(1, 3))


@settings(max_examples=10, deadline=None)
@given(st.tuples(SIZES, SIZES, st.integers(1, 4)), st.lists(LAYERS, min_size=1, max_size=3))
def test_gradients_of_drawn_models(shape, drawn):
    with computing_in_float64():
        layers = [
            KINDS[kind](activation, window, {"strides": strides, "padding": "same"})
            for kind, activation, window, strides in drawn
        ]
        model = keras.Sequential([keras.Input(shape), *layers, L.Flatten(), L.Dense(3, activation="softmax")])
        x = np.random.default_rng(3).standard_normal((2, *shape))
        y = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
        assert_gradients(model, x, y, "categorical_crossentropy", keras.losses.CategoricalCrossentropy())


LOSSES = [
    ("sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy, {"from_logits": True}, "classes"),
    ("sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy, {}, "classes"),
    ("categorical_crossentropy", keras.losses.CategoricalCrossentropy, {"label_smoothing": 0.1}, "shares"),
    ("categorical_crossentropy", keras.losses.CategoricalCrossentropy, {"from_logits": True}, "shares"),
    ("binary_crossentropy", keras.losses.BinaryCrossentropy, {"label_smoothing": 0.1}, "shares"),
    ("binary_crossentropy", keras.losses.BinaryCrossentropy, {"from_logits": True}, "shares"),
    ("mean_squared_error", keras.losses.MeanSquaredError, {}, "shares"),
    ("mean_absolute_error", keras.losses.MeanAbsoluteError, {}, "shares"),
    ("huber", keras.losses.Huber, {"delta": 0.3}, "shares"),
    ("log_cosh", keras.losses.LogCosh, {}, "shares"),
    ("kl_divergence", keras.losses.KLDivergence, {}, "shares"),
    ("poisson", keras.losses.Poisson, {}, "shares"),
    ("binary_focal_crossentropy", keras.losses.BinaryFocalCrossentropy, {"from_logits": True, "gamma": 1.5}, "shares"),
    ("binary_focal_crossentropy", keras.losses.BinaryFocalCrossentropy, {"apply_class_balancing": True}, "signs"),
    ("categorical_focal_crossentropy", keras.losses.CategoricalFocalCrossentropy, {"from_logits": True}, "shares"),
    ("categorical_focal_crossentropy", keras.losses.CategoricalFocalCrossentropy, {"label_smoothing": 0.1}, "shares"),
    ("categorical_hinge", keras.losses.CategoricalHinge, {}, "one"),
    ("hinge", keras.losses.Hinge, {}, "signs"),
    ("squared_hinge", keras.losses.SquaredHinge, {}, "signs"),
]


@pytest.mark.parametrize(("name", "kind", "words", "targets"), LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_their_gradients(in_float64, name, kind, words, targets, weighted):
    rng = np.random.default_rng(4)
    logits = "from_logits" in words or name.endswith("hinge")
    # The output is no softmax by itself, so that probabilities go into the loss as they are.
    last = L.Dense(3) if logits else L.Dense(3, activation="hard_sigmoid")
    model = keras.Sequential([keras.Input((6,)), last])
    x = rng.standard_normal((7, 6))
    y = {
        "classes": rng.integers(0, 3, 7),
        "shares": rng.dirichlet(np.ones(3), 7),
        "signs": rng.integers(0, 2, (7, 3)).astype(float),
        "one": np.eye(3)[rng.integers(0, 3, 7)],
    }[targets]
    weights = rng.random(7) if weighted else None
    assert_gradients(model, x, y, name, kind(**words), weights, words)


@pytest.mark.parametrize(
    ("name", "words"),
    [(name, {}) for name in sorted(OPTIMIZERS)]
    + [
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "clipnorm": 0.05}),
        ("adam", {"amsgrad": True, "clipvalue": 0.01}),
        ("rmsprop", {"momentum": 0.5, "centered": True}),
        ("adam", {"weight_decay": 0.1, "global_clipnorm": 0.1}),
        ("sgd", {"use_ema": True, "ema_momentum": 0.8}),
        ("adamw", {"use_ema": True, "ema_overwrite_frequency": 2}),
        ("adam", {"gradient_accumulation_steps": 2, "clipnorm": 0.3}),
        ("nadam", {"gradient_accumulation_steps": 3, "use_ema": True, "ema_overwrite_frequency": 1}),
        ("ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "beta": 0.2, "learning_rate_power": -0.3}),
        ("ftrl", {"l2_regularization_strength": 0.1, "l2_shrinkage_regularization_strength": 0.2}),
    ],
)
def test_optimizers_take_the_steps_of_keras(in_float64, name, words):
    rng = np.random.default_rng(5)
    start = {"a": rng.standard_normal((4, 3)), "b": rng.standard_normal(3)}
    kinds = {kind.lower(): getattr(keras.optimizers, kind) for kind in dir(keras.optimizers)}
    theirs, ours = kinds[name](**words), OPTIMIZERS[name](**words)
    variables = [keras.Variable(array) for array in start.values()]
    parameters = Parameters(start, {})
    ours.begin(parameters)
    for _ in range(6):
        slopes = {key: rng.standard_normal(array.shape) for key, array in start.items()}
        theirs.apply([tf.constant(slope) for slope in slopes.values()], variables)
        assert ours.steps + 1 == int(theirs._iterations)
        for key, slope in slopes.items():
            parameters.slopes[key][...] = slope
        ours.apply(parameters)
    theirs.finalize_variable_values(variables)
    ours.finish(parameters)
    for variable, array in zip(variables, parameters.weights.values(), strict=True):
        np.testing.assert_allclose(array, variable.numpy(), rtol=0, atol=1e-7 * np.abs(array).max())


def test_loss_curve_is_that_of_stock_keras():
    x, y = digits(320, dtype=np.float32)
    model = lenet()
    net = fastconv.from_keras(model)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    wanted = [model.train_on_batch(x[i : i + 32], y[i : i + 32]) for i in range(0, 320, 32)]
    losses = []
    trainer = Trainer(net.graph, loss_of("sparse_categorical_crossentropy"), optimizer_of("adam"))
    for i in range(0, 320, 32):
        losses.append(trainer.step([x[i : i + 32]], y[i : i + 32])[0])
    np.testing.assert_allclose(losses, [float(value) for value in wanted], rtol=1e-4)


def tiny(activation="softmax", units=3):
    return keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(units, activation=activation)]
    )


def squares(count=60, seed=0):
    """Images whose brightest row tells the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = 0.1 * rng.standard_normal((count, 8, 8, 1)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        image[2 * label + 1] += 1
    return x, y


def test_fit_learns_and_what_it_learned_is_saved(tmp_path):
    (x, y), model = squares(), tiny()
    net = fastconv.from_keras(model)
    before = net(x)
    history = net.fit(
        x, y, loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"], epochs=30, batch_size=16,
        validation_data=squares(30, 1), seed=0,
    )  # fmt: skip
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert len(history.history["loss"]) == 30 and history.history["val_accuracy"][-1] == 1
    after = net(x)
    assert (after.argmax(1) == y).mean() == 1 and np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(np.log(after[np.arange(60), y]).mean(), -history.history["loss"][-1], atol=0.1)
    net.save(tmp_path / "net.fcn")
    np.testing.assert_array_equal(fastconv.load(tmp_path / "net.fcn")(x), after)
    assert repr(history).splitlines()[0].split() == ["epoch", *history.history, "seconds"]
    pytest.importorskip("matplotlib")
    history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("dropout", [False, True])
def test_fit_gives_the_same_bits_for_any_number_of_threads(dropout):
    (x, y), model = squares(), tiny()
    if dropout:
        model = keras.Sequential([keras.Input((8, 8, 1)), *model.layers[:-1], L.Dropout(0.5), model.layers[-1]])
    results = []
    for threads in (1, 2, 5):
        net = fastconv.from_keras(model)
        with fastconv.threads(threads):
            net.fit(x, y, loss="sparse_categorical_crossentropy", epochs=2, seed=3)
        results.append(net(x))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_dropout_keeps_the_mean_and_drops_its_share():
    model = keras.Sequential([keras.Input((4000,)), L.Dropout(0.25), L.Dense(1, use_bias=False)])
    net = fastconv.from_keras(model)
    x = np.ones((1, 4000), np.float32)
    trainer = Trainer(net.graph, loss_of("mse"), optimizer_of("sgd"))
    (slope,) = trainer.gradients([x], np.array([[1e6]])).values()
    dropped = slope == 0
    assert 0.2 < dropped.mean() < 0.3 and len(np.unique(slope[~dropped])) == 1
    # The sum of 4,000 random weights may be near 0.
    assert net(x) == pytest.approx(model.predict(x, verbose=0), rel=1e-5, abs=1e-5)


def test_whole_maps_are_dropped_where_keras_drops_them():
    model = keras.Sequential(
        [keras.Input((6, 6, 40)), L.SpatialDropout2D(0.5), L.DepthwiseConv2D(6, use_bias=False), L.Flatten()]
    )
    trainer = Trainer(fastconv.from_keras(model).graph, loss_of("mse"), optimizer_of("sgd"))
    (slope,) = trainer.gradients([np.ones((1, 6, 6, 40), np.float32)], np.ones((1, 40))).values()
    whole = (slope == 0).reshape(36, 40)
    assert (whole == whole[0]).all() and 5 < whole[0].sum() < 35


def test_sample_and_class_weights_count_as_in_keras():
    (x, y), model = squares(24), tiny()
    weights, classes = np.linspace(0, 2, 24), {0: 1.0, 1: 3.0}
    net = fastconv.from_keras(model)
    words = {"epochs": 1, "batch_size": 24, "shuffle": False}
    history = net.fit(
        x, y, loss="sparse_categorical_crossentropy", sample_weight=weights, class_weight=classes, **words
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    each = weights * np.where(y == 1, 3.0, 1.0)
    wanted = model.fit(x, y, sample_weight=each, verbose=0, **words).history["loss"]
    np.testing.assert_allclose(history.history["loss"], wanted, rtol=1e-5)


@pytest.mark.parametrize("metric", ["accuracy", "mse", lambda y, found: np.abs(found - 1).mean(-1)])
def test_metrics(metric):
    x, y = squares(30)
    net = fastconv.from_keras(tiny("sigmoid", 1))
    truth = (y == 1)[:, None].astype(np.float32)
    before = net(x)
    history = net.fit(x, truth, loss="binary_crossentropy", metrics=[metric], optimizer=OPTIMIZERS["sgd"](0.0))
    wanted = {"accuracy": ((before > 0.5) == truth).mean(), "mse": np.square(before - truth).mean()}.get(
        metric, np.abs(before - 1).mean()
    )
    assert list(history.history.values())[1][0] == pytest.approx(wanted, rel=1e-5)


def test_accuracy_goes_with_the_shapes_and_not_with_the_loss():
    x, y = squares(30)
    net = fastconv.from_keras(tiny("softmax", 4))
    wanted = (net(x).argmax(-1) == y).mean()
    for truth, loss in (
        (np.eye(4)[y], "mse"),
        (np.eye(4)[y], "binary_crossentropy"),
        (y, "sparse_categorical_crossentropy"),
    ):
        history = net.fit(x, truth, loss=loss, metrics=["accuracy"], optimizer=OPTIMIZERS["sgd"](0.0))
        assert history.history["accuracy"][0] == pytest.approx(wanted)


def test_an_optimizer_goes_on_where_it_is():
    (x, y), model = squares(), tiny()
    words = {"loss": "sparse_categorical_crossentropy", "batch_size": 60, "shuffle": False}
    once, twice = fastconv.from_keras(model), fastconv.from_keras(model)
    once.fit(x, y, optimizer="adam", epochs=4, **words)
    adam = optimizer_of("adam")
    for _ in range(2):
        twice.fit(x, y, optimizer=adam, epochs=2, **words)
    np.testing.assert_array_equal(once(x), twice(x))
    other = fastconv.from_keras(tiny(units=4))
    with pytest.raises(ValueError, match="optimizer"):
        other.fit(x, y, optimizer=adam, **words)


def test_arguments_that_do_not_fit_are_named():
    x, y = squares(6)
    net = fastconv.from_keras(tiny())
    words = {"loss": "sparse_categorical_crossentropy"}
    with pytest.raises(UntrainableError, match=r"`loss`.*'nonsense'"):
        net.fit(x, y, loss="nonsense")
    with pytest.raises(UntrainableError, match=r"`optimizer`.*'nonsense'"):
        net.fit(x, y, optimizer="nonsense", **words)
    with pytest.raises(UntrainableError, match=r"metric.*'nonsense'"):
        net.fit(x, y, metrics=["nonsense"], **words)
    with pytest.raises(ValueError, match="one number of samples"):
        net.fit(x, y[:3], **words)
    with pytest.raises(ValueError, match=r"classes in \[0, 3\)"):
        net.fit(x, y + 3, **words)
    with pytest.raises(ValueError, match="`y` must have the shape"):
        net.fit(x, y, loss="mse")
    with pytest.raises(ValueError, match="`epochs`"):
        net.fit(x, y, epochs=-1, **words)
    with pytest.raises(ValueError, match="`sample_weight`"):
        net.fit(x, y, sample_weight=[1, 2], **words)
    for name, values in {
        "validation_data": (x, (x,), [x, y, None, y], (x, y[:3]), (x, ["a"] * len(x)), 3),
        "class_weight": ([1, 2, 3], {"a": 1}, {0: "a"}, {1.5: 2}, 3),
        "sample_weight": (["a"] * len(x), 3, [[1, 2]]),
        "metric": (5, [None], [["accuracy"]], {}),
        "seed": (-1, "a", 1.5),
    }.items():
        for value in values:
            with pytest.raises((ValueError, TypeError), match=name):
                net.fit(x, y, **{name if name != "metric" else "metrics": value}, **words)
    with pytest.raises(TypeError, match="`y` must be numbers"):
        net.fit(x, ["a"] * len(x), **words)
    assert net.fit(x, y, metrics=None, epochs=0, **words) is not None


def test_layers_that_are_not_served_are_named():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.GaussianNoise(0.1, name="noise"), L.Dense(1)])
    net = fastconv.from_keras(model)
    with pytest.raises(UntrainableError, match=r"'noise' \(GaussianNoise\)"):
        net.fit(np.ones((2, 4)), np.ones((2, 1)), loss="mse")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
def test_an_interrupt_leaves_the_weights_of_a_whole_step():
    (x, y), model = squares(), tiny()
    net, done = fastconv.from_keras(model), []

    def watched(truth, outputs):
        done.append(1)
        if len(done) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return np.zeros(len(truth))

    words = {"loss": "sparse_categorical_crossentropy", "batch_size": 20, "shuffle": False, "metrics": [watched]}
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            net.fit(x, y, epochs=5, **words)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(done) == 3
    whole = fastconv.from_keras(model)
    whole.fit(x, y, epochs=1, **words)
    np.testing.assert_array_equal(net(x), whole(x))
