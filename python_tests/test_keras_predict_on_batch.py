"""`predict_on_batch` goes straight to a trace that TensorFlow has made: nobody may see it but by the time it takes."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import fastconv.keras as fk
from fastconv.tensorflow.traced_calls import TracedCalls

L = keras.layers
X = np.random.default_rng(0).random((5, 6), np.float32)


@pytest.fixture(autouse=True)
def grouped():
    fk.group_steps()
    yield
    fk.ungroup_steps()


def small_model(*kinds, **how):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), *(kind() for kind in kinds), L.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", **how)
    return model


def three_times(model, x):
    return [model.predict_on_batch(x) for _ in range(3)]


def in_whole_lines(x):
    """A copy that begins on a line of 64 bytes, which TensorFlow takes as it is."""
    cells = np.empty(x.size + 16, x.dtype)
    copy = cells[-cells.ctypes.data // 4 % 16 :][: x.size].reshape(x.shape)
    copy[:] = x
    return copy


class Refusing(keras.layers.Layer):
    """Refuses negative numbers."""

    def call(self, x):
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "negative numbers")]):
            return tf.identity(x)


class Several(keras.Model):
    """Gives results in a structure."""

    def call(self, x):
        return {"x": 2 * x, "more": [tf.shape(x), x > 0.5]}


def test_a_shape_that_was_seen_goes_past_keras():
    model, calls = small_model(), []
    model.predict_on_batch(X)
    function = model.predict_function

    @functools.wraps(function)
    def counting(data):
        calls.append(None)
        return function(data)

    model.predict_function = counting
    three_times(model, X)
    assert not calls


def test_a_shape_that_was_seen_goes_past_the_function():
    class Counting:
        def __init__(self):
            self.calls, self.function = [], tf.function(lambda x: 2 * x)
            self.get_concrete_function = self.function.get_concrete_function

        def __call__(self, x):
            self.calls.append(x.shape)
            return self.function(x)

    counting = Counting()
    calls = TracedCalls(counting, lambda x: (x,))
    for x in (X, X, X[:2], X, X[:2], tf.constant(X), tf.constant(X)):
        np.testing.assert_array_equal(calls(x), 2 * x)
    assert counting.calls == [X.shape, X[:2].shape, X.shape]


@pytest.mark.parametrize(
    "how",
    [{}, {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 3}],
    ids=["graph", "jit", "eager", "steps"],
)
@pytest.mark.parametrize(
    "x",
    [X, X.astype(np.float64), (9 * X).astype(np.uint8), tf.constant(X), X[::2], X[:1]],
    ids=["float32", "float64", "uint8", "tensor", "strided", "one"],
)
def test_results_are_those_of_keras(x, how):
    found = three_times(small_model(lambda: L.Dense(4, "tanh"), **how), x)
    fk.ungroup_steps()
    want = three_times(small_model(lambda: L.Dense(4, "tanh"), **how), x)
    np.testing.assert_array_equal(found, want)
    assert [type(result) for result in found] == [np.ndarray] * 3


def test_shapes_take_turns():
    model = small_model()
    want = model.predict_on_batch(X)
    for count in (2, 5, 1, 2, 5, 1, 4):
        np.testing.assert_allclose(model.predict_on_batch(X[:count]), want[:count], rtol=1e-6)


def test_more_shapes_than_are_kept():
    model = small_model()
    x = np.ones((80, 6), np.float32)
    for _ in range(2):
        assert [len(model.predict_on_batch(x[:count])) for count in range(1, 81)] == list(range(1, 81))


def test_weights_are_the_present_ones():
    model = small_model()
    three_times(model, X)
    model.set_weights([-weight for weight in model.get_weights()])
    np.testing.assert_allclose(model.predict_on_batch(X), model(X), rtol=1e-6)
    model.fit(X, np.zeros(5), verbose=0)
    np.testing.assert_allclose(model.predict_on_batch(X), model(X), rtol=1e-6)


def test_results_in_any_structure():
    model = Several()
    model.compile()
    for result in three_times(model, X):
        np.testing.assert_array_equal(result["x"], 2 * X)
        np.testing.assert_array_equal(result["more"][0], X.shape)
        np.testing.assert_array_equal(result["more"][1], X > 0.5)


def test_inputs_in_any_structure():
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    for inputs, x in [([left, right], [X, 2 * X]), ({"left": left, "right": right}, {"right": 2 * X, "left": X})]:
        model = keras.Model(inputs, L.Subtract()([left, right]))
        model.compile()
        for result in three_times(model, x):
            np.testing.assert_array_equal(result, -X)


def test_ragged_rows():
    model = Several()
    model.call = lambda x: 2 * x
    model.compile()
    rows = tf.ragged.constant([[1, 2], [3]])
    for result in three_times(model, rows):
        assert result.to_list() == [[2, 4], [6]]


def test_what_is_asked_for_at_every_call():
    now = [1]

    class Asking(keras.layers.Layer):
        def call(self, x):
            graph = tf.compat.v1.get_default_graph()
            return x + graph.capture_call_time_value(lambda: tf.constant(now[0], tf.float32), tf.TensorSpec(()))

    model = keras.Sequential([keras.Input((6,)), Asking()])
    for now[0] in (1, 2, 3, 4):
        np.testing.assert_array_equal(model.predict_on_batch(X), X + now[0])


def test_results_are_nobody_elses():
    model = keras.Sequential([keras.Input((6,)), L.Identity()])
    x = in_whole_lines(X)
    results = three_times(model, x)
    results[2][:] = 7
    x[:] = 8
    np.testing.assert_array_equal(results[0], X)
    np.testing.assert_array_equal(results[1], X)


@pytest.mark.parametrize(
    "layer",
    [lambda: L.ReLU(), lambda: L.Rescaling(2.0), lambda: L.Activation(tf.nn.elu)],
    ids=["relu", "rescaling", "elu"],
)
def test_the_array_is_only_read(layer):
    x = in_whole_lines(np.full((512, 8), -1, np.float32))
    model = keras.Sequential([keras.Input((8,)), layer()])
    first, *others = three_times(model, x)
    assert (x == -1).all() and (first != -1).all()
    np.testing.assert_array_equal(others, [first, first])


def test_what_a_layer_keeps_is_its_own():
    class Keeping(keras.layers.Layer):
        def build(self, shape):
            self.last = self.add_weight(shape=(5, 6), trainable=False)

        def call(self, x):
            self.last.assign(x)
            return x

    model = keras.Sequential([keras.Input((6,)), Keeping()])
    x = in_whole_lines(X)
    three_times(model, x)
    x[:] = 8
    np.testing.assert_array_equal(model.layers[0].last, X)


def test_random_layers_draw_anew():
    class Noise(keras.layers.Layer):
        def call(self, x):
            return x + tf.random.uniform(tf.shape(x))

    model = keras.Sequential([keras.Input((6,)), Noise()])
    assert len({result.tobytes() for result in three_times(model, X)}) == 3


def test_errors_are_tensorflows():
    model = small_model(Refusing)
    three_times(model, X)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)negative numbers.*refusing"):
        model.predict_on_batch(-X)
    assert len(model.predict_on_batch(X)) == 5


def test_wrong_shapes_are_refused_as_ever():
    def refusal():
        model = small_model()
        three_times(model, X)
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)) as error:
            model.predict_on_batch(X[:, :4])
        assert len(model.predict_on_batch(X)) == 5
        return error.type

    found = refusal()
    fk.ungroup_steps()
    assert refusal() is found


def test_functions_run_eagerly_where_asked():
    seen = []

    class Seeing(keras.layers.Layer):
        def call(self, x):
            seen.append(tf.executing_eagerly())
            return x

    model = small_model(Seeing)
    three_times(model, X)
    tf.config.run_functions_eagerly(True)
    try:
        seen.clear()
        three_times(model, X)
        assert seen == [True] * 3
    finally:
        tf.config.run_functions_eagerly(False)


def test_batches_of_one_row_from_a_data_set():
    model = small_model()
    rows = tf.data.Dataset.from_tensor_slices(X).batch(1)
    callback = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: None)  # no groups
    np.testing.assert_allclose(model.predict(rows, callbacks=[callback], verbose=0), model(X), rtol=1e-6)


def test_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    model = small_model()
    want = model.predict_on_batch(X)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: model.predict_on_batch(X), range(100)):
            np.testing.assert_array_equal(result, want)
