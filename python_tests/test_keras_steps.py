"""Grouped steps of `fit`, `evaluate` and `predict` against Keras' single ones: nobody may see a difference."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import fastconv.keras as fk

L = keras.layers
RNG = np.random.default_rng(0)
X, Y = RNG.random((403, 6), np.float32), RNG.integers(0, 3, 403)


@pytest.fixture(autouse=True)
def grouped():
    fk.group_steps()
    yield
    fk.ungroup_steps()


def small_model(**how):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), L.Dense(8, "tanh"), L.Dropout(0.3), L.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **how)
    return model


def calls_of(model, name):
    """Makes the model count the calls of its function `name`."""
    getattr(model, "make_" + name)()
    function, calls = getattr(model, name), []

    @functools.wraps(function)
    def counting(data):
        calls.append(None)
        return function(data)

    setattr(model, name, counting)
    return calls


def both(run):
    """What `run` gives with groups and without."""
    with_groups = run()
    fk.ungroup_steps()
    try:
        return with_groups, run()
    finally:
        fk.group_steps()


def assert_same(pair):
    keras.tree.map_structure(np.testing.assert_array_equal, *pair)


def test_the_same_bits_with_and_without_groups():
    def run():
        model = small_model()
        history = model.fit(X, Y, batch_size=5, epochs=3, validation_split=0.1, verbose=0).history
        return [
            history,
            model.evaluate(X, Y, batch_size=7, verbose=0),
            model.predict(X, batch_size=3, verbose=0),
            model.get_weights(),
            model.predict(X, batch_size=10, steps=4, verbose=0),
        ]

    assert_same(both(run))


@pytest.mark.parametrize(
    ("function", "use"),
    [
        ("train_function", lambda model: model.fit(X, Y, batch_size=2, verbose=0)),
        ("test_function", lambda model: model.evaluate(X, Y, batch_size=2, verbose=0)),
        ("predict_function", lambda model: model.predict(X, batch_size=2, verbose=0)),
    ],
    ids=["fit", "evaluate", "predict"],
)
def test_steps_are_grouped(function, use):
    model = small_model()
    calls = calls_of(model, function)
    use(model)
    assert 2 < len(calls) < 150  # of 202 steps


@pytest.mark.parametrize(
    "x",
    [X.astype(np.float64), tf.constant(X), (X * 9).astype(np.uint8), X.tolist()],
    ids=["float64", "tensor", "uint8", "list"],
)
def test_arrays_of_any_kind_are_cut_as_keras_cuts_them(x):
    assert_same(both(lambda: fitted(x)))


@pytest.mark.parametrize(
    "how",
    [
        {"shuffle": False},
        {"shuffle": "batch"},
        {"sample_weight": RNG.random(403)},
        {"steps_per_epoch": 6},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
        {"batch_size": 13, "validation_data": (X, Y)},
    ],
    ids=" ".join,
)
def test_arrays_are_cut_as_asked(how):
    assert_same(both(lambda: fitted(X, **how)))


def fitted(x, **how):
    """What training and predicting give, or what Keras says of it."""
    model = small_model()
    try:
        history = model.fit(x, Y, epochs=2, verbose=0, **{"batch_size": 31} | how).history
    except ValueError as error:
        return [str(error)]
    return [history, model.predict(x, verbose=0), model.get_weights()]


def test_arrays_of_other_lengths_are_not_traced_again():
    traces = []

    class Counting(keras.Model):
        def call(self, x):
            traces.append(x.shape)
            return x * 2

    model = Counting()
    for rows in (40, 41):
        model.predict(X[:rows], batch_size=4, verbose=0)
    known = len(traces)
    for rows in (44, 80, 43, 97, 5):
        np.testing.assert_array_equal(model.predict(X[:rows], batch_size=4, verbose=0), X[:rows] * 2)
    assert len(traces) == known


def test_inputs_and_outputs_by_name():
    def run():
        keras.utils.set_random_seed(0)
        a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
        model = keras.Model({"a": a, "b": b}, {"sum": L.Dense(1)(a + b), "first": L.Dense(3)(a)})
        model.compile("sgd", {"sum": "mse", "first": "mae"})
        x = {"b": X, "a": X[::-1]}
        history = model.fit(x, {"first": X[:, :3], "sum": X[:, :1]}, batch_size=8, verbose=0).history
        return [history, model.predict(x, verbose=0)]

    assert_same(both(run))


class Watching(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


class Stopping(keras.callbacks.Callback):
    def on_batch_end(self, batch, logs=None):
        self.model.stop_training = batch == 3


def test_callbacks_for_batches_see_each():
    watching = Watching()
    small_model().fit(X, Y, batch_size=5, callbacks=[watching], verbose=0)
    assert watching.batches == list(range(81))
    model = small_model()
    model.fit(X, Y, batch_size=5, callbacks=[Stopping()], verbose=0)
    assert int(model.optimizer.iterations) == 4


@pytest.mark.parametrize("how", [{"run_eagerly": True}, {"steps_per_execution": 3}], ids=str)
def test_what_the_user_chose_holds(how):
    model = small_model(**how)
    calls = calls_of(model, "train_function")
    model.fit(X[:60], Y[:60], batch_size=5, verbose=0)
    assert len(calls) == 12 // how.get("steps_per_execution", 1)


def test_callbacks_for_epochs_keep_groups(tmp_path):
    model = small_model()
    calls = calls_of(model, "train_function")
    model.fit(
        X,
        Y,
        batch_size=2,
        epochs=2,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[
            keras.callbacks.EarlyStopping(),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        ],
    )
    assert len(calls) < 300
    assert (tmp_path / "1.keras").exists()


def test_no_batch_too_many_is_taken():
    def run():
        taken = []

        def batches():
            for i in range(1000):
                taken.append(i)
                yield X[:4] + i, Y[:4]

        model = small_model()
        model.fit(batches(), steps_per_epoch=7, epochs=5, shuffle=False, verbose=0)
        repeated = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4).repeat()
        model.fit(repeated, steps_per_epoch=30, epochs=3, shuffle=False, verbose=0)
        return int(model.optimizer.iterations), model.get_weights()

    with_groups, single = both(run)
    assert with_groups[0] == single[0] == 35 + 90
    assert_same((with_groups[1], single[1]))


def test_data_that_end_early():
    def run():
        model = small_model()
        data = (
            tf.data.Dataset.from_tensor_slices((X[:64], Y[:64]))
            .batch(4)
            .apply(tf.data.experimental.assert_cardinality(16))
        )
        with pytest.warns(UserWarning, match="ran out of data"):
            model.fit(data, steps_per_epoch=40, shuffle=False, verbose=0)
        return int(model.optimizer.iterations), model.get_weights()

    with_groups, single = both(run)
    assert with_groups[0] == single[0] == 16
    assert_same((with_groups[1], single[1]))


class Own(keras.Model):
    """Steps and results of its own: a vector of logs, a dict of outputs, ragged ones."""

    def __init__(self, ragged):
        super().__init__()
        self.dense, self.ragged = L.Dense(2), ragged

    def call(self, x):
        return {"a": self.dense(x), "b": [x[:, :1]]}

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(x)["a"] ** 2, axis=0)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"both": loss, "count": tf.size(y)}

    def predict_step(self, data):
        y = self(data)
        return tf.RaggedTensor.from_tensor(y["a"]) if self.ragged else y


@pytest.mark.parametrize("ragged", [False, True])
def test_models_with_steps_of_their_own(ragged):
    def run():
        keras.utils.set_random_seed(0)
        model = Own(ragged)
        model.compile("sgd")
        history = model.fit(X, Y, batch_size=5, epochs=2, verbose=0).history
        outputs = model.predict(X, batch_size=4, verbose=0)
        return history, outputs.to_list() if ragged else outputs

    assert_same(both(run))


def test_models_that_make_their_own_functions():
    class Making(keras.Sequential):
        def make_train_function(self, force=False):
            self.seen = []
            self.train_function = lambda iterator: self.seen.append(next(iterator)) or {"loss": 0.0}

    model = Making([keras.Input((6,)), L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X[:40], Y[:40], batch_size=4, verbose=0)
    assert len(model.seen) == 10


def test_functions_made_before_serve_on():
    fk.ungroup_steps()
    model = small_model()
    model.fit(X, Y, batch_size=5, verbose=0)
    before = model.predict(X, verbose=0)
    fk.group_steps()
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    model.fit(X, Y, batch_size=5, verbose=0)
    assert int(model.optimizer.iterations) == 162
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=5, verbose=0)
    fk.ungroup_steps()
    model.fit(X, Y, batch_size=5, verbose=0)
    assert int(model.optimizer.iterations) == 162


def test_what_was_made_before_keeps_no_other_method_from_groups():
    fk.ungroup_steps()
    model = small_model()
    model.predict_on_batch(X)
    fk.group_steps()
    calls = calls_of(model, "train_function")
    model.fit(X, Y, batch_size=2, verbose=0)
    assert 2 < len(calls) < 150  # of 202 steps


def test_the_progress_bar_counts_all_steps(capsys):
    small_model().fit(X, Y, batch_size=5, verbose=1)
    assert "81/81" in capsys.readouterr().out


def test_undone_exactly_and_wrong_arguments_as_ever():
    kind = keras.Sequential
    names = "fit", "evaluate", "predict", "_make_function", "make_predict_function"
    with pytest.raises(TypeError, match="nonsense"):
        small_model().fit(X, Y, nonsense=1)
    grouped = [getattr(kind, name) for name in names]
    fk.group_steps()
    assert [getattr(kind, name) for name in names] == grouped
    fk.ungroup_steps()
    stock = [getattr(kind, name) for name in names]
    assert not set(stock) & set(grouped)
    with fk.patched():
        assert kind.fit is not stock[0]
    assert [getattr(kind, name) for name in names] == stock
