"""`fit` with grouped steps and fused optimizers against stock Keras: what steps and callbacks see, on drawn data.

``FASTCONV_EXAMPLES=500 pytest python_tests/test_keras_fit.py --hypothesis-seed=1`` draws others.
"""

from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tensorflow as tf
from drawn import examples
from hypothesis import event, example, given
from hypothesis import strategies as st

import fastconv.keras as fk
from fastconv.keras import whole_steps

L = keras.layers
KINDS = ["arrays", "dataset", "sequence", "generator", *(["loader"] if find_spec("torch") else [])]
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.9), momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
}


class Failure(Exception):
    """What data raise that were asked to."""


class Sequence(keras.utils.PyDataset):
    def __init__(self, batches, fails):
        super().__init__()
        self.batches, self.fails = batches, fails

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        if index == self.fails:
            raise Failure
        return self.batches[index]


class Recorded(keras.Sequential):
    """Writes down what its steps are given, each with the optimizer's count and learning rate."""

    def train_step(self, data):
        given = [value for value in keras.utils.unpack_x_y_sample_weight(data) if value is not None]
        numbers = [tf.identity(self.optimizer.iterations.value), tf.convert_to_tensor(self.optimizer.learning_rate)]
        tf.numpy_function(self.see, [*numbers, *given], [])
        return super().train_step(data)

    def see(self, *values):
        self.seen.append([np.array(value, "float64").tolist() for value in values])


class Events(keras.callbacks.Callback):
    """Writes down its calls; from an epoch on those for batches too; ends the training after another."""

    def __init__(self, late, stop):
        super().__init__()
        self.late, self.stop, self.calls, self.batches = late, stop, [], []

    def note(self, name, *values, logs=None):
        self.calls.append([name, *values, int(self.model.optimizer.iterations), logs])

    def on_train_begin(self, logs=None):
        self.note("train", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note("epoch", epoch)
        if epoch == self.late:
            self.on_train_batch_end = lambda batch, logs=None: self.batches.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.note("end", epoch, logs=dict(logs))
        self.model.stop_training = epoch == self.stop

    def on_test_end(self, logs=None):
        self.note("test", logs=dict(logs))


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(KINDS))
    rows, size = draw(st.integers(1, 60)), draw(st.integers(1, 9))
    return {
        "kind": kind,
        "rows": rows,
        "size": size,
        "epochs": draw(st.integers(1, 4)),
        "optimizer": draw(st.sampled_from(sorted(OPTIMIZERS))),
        "shuffle": draw(st.booleans()),
        "reshuffle": draw(st.booleans()),
        "seed": draw(st.sampled_from([None, 3])),
        "weighted": draw(st.booleans()),
        "way": draw(st.permutations(["shuffle", "batch", "repeat", "cache", "prefetch", "filter"])),
        "ways": draw(st.integers(0, 6)),
        "steps": draw(st.sampled_from([None, None, 1, 3, 20])),
        "validation": draw(st.sampled_from([None, "split", "data", "steps"])),
        "late": draw(st.sampled_from([None, 0, 1])),
        "stop": draw(st.sampled_from([None, None, 1])),
        "fails": draw(st.sampled_from([None, None, None, 0, 2, 6])),
    }


def arrays(rows, weighted):
    rng = np.random.default_rng(rows)
    x, y = rng.standard_normal((rows, 3)).astype("float32"), rng.integers(0, 3, rows)
    # Rows can be told apart. They are small: training on large numbers multiplies roundings, on stock Keras too.
    x[:, 0] = np.arange(rows) / 60
    return (x, y, rng.random(rows).astype("float32")) if weighted else (x, y)


def dataset(case, given):
    data = tf.data.Dataset.from_tensor_slices(given)
    steps = {
        "shuffle": lambda d: d.shuffle(16, seed=case["seed"], reshuffle_each_iteration=case["reshuffle"]),
        "repeat": lambda d: d.repeat(2),
        "cache": lambda d: d.cache(),
        "prefetch": lambda d: d.prefetch(2),
        "filter": lambda d: d.filter(lambda x, *_: tf.reshape(x, [-1])[0] >= 0),
    }
    chosen = case["way"][: case["ways"]]
    for way in [*chosen, *(["batch"] if "batch" not in chosen else [])]:
        data = data.batch(case["size"]) if way == "batch" else steps[way](data)
    return data


def data_of(case):
    """The first arguments of `fit`."""
    given, size = arrays(case["rows"], case["weighted"]), case["size"]
    batches = [tuple(part[i : i + size] for part in given) for i in range(0, case["rows"], size)]
    if case["kind"] == "arrays":
        return {
            "x": given[0],
            "y": given[1],
            "batch_size": size,
            **({"sample_weight": given[2]} if case["weighted"] else {}),
        }
    if case["kind"] == "dataset":
        return {"x": dataset(case, given)}
    if case["kind"] == "sequence":
        return {"x": Sequence(batches, case["fails"])}
    if case["kind"] == "loader":
        import torch

        tensors = [torch.from_numpy(part) for part in given]
        return {"x": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=size)}
    return {"x": generator(batches, case["fails"])}


def generator(batches, fails):
    for number in range(10 * len(batches)):
        if number == fails:
            raise Failure
        yield batches[number % len(batches)]


def keywords(case):
    given = {
        "epochs": case["epochs"],
        "verbose": 0,
        "steps_per_epoch": case["steps"],
        "shuffle": case["shuffle"] and case["kind"] == "arrays",
    }
    if case["kind"] == "generator" and not case["steps"]:
        given["steps_per_epoch"] = 2
    if case["validation"] == "split" and case["kind"] == "arrays" and case["rows"] > 3:
        given["validation_split"] = 0.3
    elif case["validation"]:
        given["validation_data"] = arrays(11, False)
        given |= {"validation_batch_size": 4, "validation_steps": 2 if case["validation"] == "steps" else None}
    return given


def fitted(case, kind=Recorded):
    keras.utils.set_random_seed(0)
    model = kind([keras.Input((3,)), L.Dense(4, "tanh"), L.Dropout(0.3), L.Dense(3, "softmax")])
    model.seen = []
    model.compile(OPTIMIZERS[case["optimizer"]](), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    events = Events(case["late"], case["stop"])
    found = {}
    try:
        found["history"] = model.fit(**data_of(case), **keywords(case), callbacks=[events]).history
    except (Failure, ValueError, tf.errors.OpError) as error:
        found["raised"] = type(error).__name__
    return found | {
        "seen": model.seen,
        "calls": events.calls,
        "batches": sorted(events.batches),
        "iterations": int(model.optimizer.iterations),
        "weights": model.get_weights(),
    }


def assert_alike(actual, expected):
    exact = "seen", "batches", "iterations", "raised"
    assert {key: actual.get(key) for key in exact} == {key: expected.get(key) for key in exact}
    assert [call[:-1] for call in actual["calls"]] == [call[:-1] for call in expected["calls"]]
    for name in ("calls", "history", "weights"):
        numbers = [
            [leaf for leaf in keras.tree.flatten(found.get(name)) if isinstance(leaf, float | np.ndarray)]
            for found in (actual, expected)
        ]
        for a, e in zip(*numbers, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5)


PLAIN = {
    "kind": "dataset",
    "rows": 39,
    "size": 3,
    "epochs": 4,
    "optimizer": "adam",
    "shuffle": True,
    "reshuffle": True,
    "seed": 3,
    "weighted": False,
    "way": ["shuffle", "batch", "prefetch", "filter"],
    "ways": 3,
    "steps": None,
    "validation": None,
    "late": None,
    "stop": None,
    "fails": None,
}


@pytest.mark.filterwarnings("ignore:.*ran out of data:UserWarning")
@examples(8)
@example(PLAIN)
@example(PLAIN | {"seed": None, "ways": 2})
@example(PLAIN | {"ways": 4})
@example(PLAIN | {"kind": "sequence", "fails": 6})
@example(PLAIN | {"kind": "arrays", "late": 1, "epochs": 3})
@given(cases())
def test_fit_sees_what_it_sees_on_stock_keras(case):
    event(case["kind"])
    expected = fitted(case)
    fk.group_steps()
    fk.fuse_optimizers()
    try:
        actual = fitted(case)
    finally:
        fk.ungroup_steps()
        fk.unfuse_optimizers()
    assert_alike(actual, expected)


@pytest.mark.filterwarnings("ignore:.*ran out of data:UserWarning")
@examples(8)
@example(PLAIN)
@example(PLAIN | {"kind": "arrays", "late": 1, "epochs": 3, "validation": "split", "weighted": True})
@example(PLAIN | {"kind": "sequence", "fails": 6, "validation": "steps"})
@given(cases())
def test_whole_steps_see_what_stock_keras_sees(case):
    event(case["kind"])
    expected = fitted(case, keras.Sequential)
    before = whole_steps.taken()
    whole_steps.take_whole_steps()
    fk.group_steps()
    try:
        actual = fitted(case, keras.Sequential)
    finally:
        fk.ungroup_steps()
        whole_steps.untake_whole_steps()
    assert whole_steps.taken() - before >= actual["iterations"]
    assert_alike(actual, expected)
