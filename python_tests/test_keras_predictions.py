"""Predictions on a plan of `fastconv.network`: nobody may see them but by the time they take."""

from contextlib import contextmanager

import keras
import numpy as np
import pytest

import fastconv.keras as fk
from fastconv.keras import predictions

L = keras.layers
BACKEND = keras.backend.backend()
TRAINS = BACKEND != "numpy"
X = np.random.default_rng(0).random((7, 8, 8, 2), np.float32)


@pytest.fixture(autouse=True, params=["patched", "accelerated"])
def way(request):
    with fk.patched() if request.param == "patched" else contextmanager(lambda: iter([None]))():
        yield request.param


def build(way, *extra, **compiled):
    keras.utils.set_random_seed(0)
    layers = [L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.MaxPooling2D(), *extra]
    model = keras.Sequential([keras.Input((8, 8, 2)), *layers, L.Flatten(), L.Dense(3, "softmax")])
    if TRAINS:
        model.compile("sgd", "sparse_categorical_crossentropy", **compiled)
    return model if way == "patched" else fk.accelerate(model)


def plan_of(model):
    choice = vars(model).get(predictions._CHOICE)
    return choice and choice._plan


def stock(model, x=X):
    """What the layers give, called one after the other."""
    return keras.ops.convert_to_numpy(model(x, training=False))


def assert_fresh(model):
    for predict in (model.predict_on_batch, lambda x: model.predict(x, batch_size=3, verbose=0)):
        y = predict(X)
        assert type(y) is np.ndarray and y.dtype == np.float32
        np.testing.assert_allclose(y, stock(model), atol=2e-5, rtol=0)


def test_a_plain_model_predicts_on_a_plan(way):
    model = build(way)
    assert_fresh(model)
    plan = plan_of(model)
    assert plan is not None and plan.is_current()
    assert_fresh(model)
    assert plan_of(model) is plan


def scale_in_graph(model):
    import tensorflow as tf

    variable = model.layers[0].kernel._value
    tf.function(lambda: variable.assign_sub(variable * 0.5))()


def scatter_in_graph(model):
    import tensorflow as tf

    variable = model.layers[0].kernel._value
    tf.function(lambda: variable.scatter_nd_update([[1]], variable[1:2] * 3))()


def set_data(model):
    kernel = model.layers[0].kernel.value
    kernel.data = kernel.data * 3


LABELS = np.arange(len(X)) % 3
WRITES = {
    "assign": lambda model: model.layers[0].kernel.assign(model.layers[0].kernel.value * 2),
    "assign_add": lambda model: model.layers[-1].bias.assign_add(np.arange(3, dtype="float32")),
    "set_weights": lambda model: model.set_weights([weight[::-1] + 0.25 for weight in model.get_weights()]),
    "statistics": lambda model: model.layers[1].moving_variance.assign(model.layers[1].moving_variance.value * 3),
}
if TRAINS:
    WRITES |= {
        "fit": lambda model: model.fit(X, LABELS, verbose=0),
        "train_on_batch": lambda model: model.train_on_batch(X, LABELS),
    }
WRITES |= {
    "tensorflow": {"graph": scale_in_graph, "scatter": scatter_in_graph},
    "torch": {
        "data": lambda model: model.layers[0].kernel.value.data.mul_(2),
        "new data": set_data,
        "in place": lambda model: model.layers[0].kernel.value.detach().add_(0.5),
    },
    "numpy": {"in place": lambda model: np.negative(*2 * [model.layers[0].kernel._value])},
}.get(BACKEND, {})


@pytest.mark.parametrize("how", WRITES)
def test_weights_are_never_stale(way, how):
    model = build(way)
    for _ in range(3):
        before = model.predict(X, batch_size=1, verbose=0)
        assert plan_of(model) is not None
        WRITES[how](model)
        assert abs(stock(model) - before).max() > 1e-4
        assert_fresh(model)
        # Enough batches for another plan.
        large = np.repeat(X, 10, 0)
        for _ in range(3):
            np.testing.assert_allclose(
                model.predict(large, batch_size=1, verbose=0), stock(model, large), atol=2e-5, rtol=0
            )


def test_alternating_with_training_makes_few_plans(way, monkeypatch):
    made = []
    stock_made = predictions._Choice._made
    monkeypatch.setattr(predictions._Choice, "_made", lambda *args: made.append(1) or stock_made(*args))
    model = build(way)
    for i in range(20):
        model.layers[-1].bias.assign(np.full(3, i, "float32"))
        np.testing.assert_allclose(model.predict(X, verbose=0), stock(model), atol=2e-5, rtol=0)
    assert len(made) == 1


class Watching(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_predict_batch_end(self, batch, logs=None):
        self.seen.append((batch, keras.ops.convert_to_numpy(logs["outputs"]).shape))


def test_callbacks_see_each_batch(way):
    model, callback = build(way), Watching()
    model.predict(X, batch_size=3, verbose=0, callbacks=[callback])
    assert callback.seen == [(0, (3, 3)), (1, (3, 3)), (2, (1, 3))]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_progress_is_that_of_keras(way, verbose, capsys):
    texts = []
    for planned in (True, False):
        model = build(way)
        model.predict(X, batch_size=3, verbose=0)
        capsys.readouterr()
        if planned:
            model.predict(X, batch_size=3, verbose=verbose)
        else:
            super(keras.Model, model).predict(X, batch_size=3, verbose=verbose)
        texts.append(capsys.readouterr().out)
    # Steps and counts; what differs are times, and how often the bar was drawn.
    assert [text.count("3/3") > 0 for text in texts] == [verbose != 0] * 2
    assert texts[0] == "" if verbose == 0 else texts[0].endswith("\n")


def test_what_has_structure_goes_the_usual_way(way):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": L.Add()([a, b]), "dense": L.Dense(2)(a)})
    model = model if way == "patched" else fk.accelerate(model)
    x = {"a": np.ones((3, 4), "float32"), "b": np.full((3, 4), 2, "float32")}
    y = model.predict(x, verbose=0)
    assert sorted(y) == ["dense", "sum"]
    np.testing.assert_array_equal(y["sum"], np.full((3, 4), 3))
    assert plan_of(model) is None


class Halving(keras.layers.Layer):
    def call(self, x):
        return x / 2


@pytest.mark.parametrize(
    "kind",
    [
        lambda: Halving(),
        lambda: L.Conv2D(2, 1, activation=lambda x: x * 3),
        lambda: L.Conv2D(2, 1, activity_regularizer="l2"),
        lambda: L.Conv2D(2, 1, dtype="float16" if BACKEND == "jax" else "float64"),
        lambda: L.RandomFlip(),
    ],
    ids=["layer", "activation", "regularizer", "dtype", "random"],
)
def test_what_no_plan_gives_stays_with_keras(way, kind):
    model = build(way, kind())
    assert_fresh(model)
    assert plan_of(model) is None


def test_steps_and_errors_are_those_of_keras(way):
    model = build(way)
    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict(X, batch_size=3, steps=2, verbose=0), expected[:6], atol=1e-6)
    for wrong in (X[..., :1], X[:, :4]):
        with pytest.raises(Exception, match=r".") as found:
            build(way).predict(wrong, verbose=0)
        with pytest.raises(found.type, match=r"."):
            super(keras.Model, build(way)).predict(wrong, verbose=0)
    np.testing.assert_allclose(model.predict(X.astype("float64"), verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(X[:1], verbose=0), expected[:1], atol=1e-6)


def test_a_changed_layer_is_seen(way):
    model = build(way)
    model.predict(X, verbose=0)
    model.layers[-1].activation = keras.activations.linear
    if TRAINS:
        model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(2):
        np.testing.assert_allclose(model.predict(X, verbose=0), stock(model), atol=2e-5)
    model.pop()
    if TRAINS:
        model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.predict(X, verbose=0).shape == (7, 36)


def test_own_steps_are_called(way):
    model = build(way)
    assert model.predict(X, verbose=0).shape == (7, 3)
    model.predict_function = None

    def own_step(*arguments):
        raise ValueError("own step")

    model.predict_step = own_step
    with pytest.raises(ValueError, match="own step"):
        model.predict_on_batch(X)


def test_restored_it_is_as_it_was(way):
    model = build(way)
    model.predict(X, verbose=0)
    fk.restore(model)
    assert not {"predict", "predict_on_batch"} & vars(model).keys()
    np.testing.assert_allclose(model.predict(X, verbose=0), stock(model), atol=2e-5)
    if way == "patched":
        fk.unpatch_keras()
        assert not {"predict", "predict_on_batch"} & vars(keras.Model).keys()


@pytest.mark.skipif(BACKEND != "torch", reason="torch's hooks")
def test_hooks_of_torch_are_called(way):
    model, seen = build(way), []
    model.predict_on_batch(X)
    handle = model.layers[0].register_forward_hook(lambda *args: seen.append(1))
    model.predict_on_batch(X)
    assert seen
    handle.remove()
