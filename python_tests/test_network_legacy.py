"""Configurations as Keras 2 writes them, built by hand; what they mean is computed by NumPy."""

import numpy as np
import pytest

from fastconv.network import Limits, UnsupportedError
from fastconv.network.keras import Source, model_graph
from fastconv.network.net import Net


class Weights:
    """Weights by the names of layers."""

    def __init__(self, arrays):
        self._arrays = arrays

    def layers(self, names):
        return [Weights(self._arrays.get(name, [])) for name, _ in names]

    def child(self, attribute, name=None):
        return self

    def arrays(self):
        return self._arrays


def layer(kind, name, nodes, **config):
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, "trainable": True, **config},
        "inbound_nodes": nodes,
    }


def function(name, spelling, node, kind="TFOpLambda"):
    return layer(kind, name, [node], function=spelling, dtype="float32")


def net(shape, layers, *outputs, weights=None, inputs=("x",)):
    entries = [layer("InputLayer", name, [], batch_input_shape=[None, *shape]) for name in inputs]
    config = {
        "name": "model",
        "layers": [*entries, *layers],
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [list(output) for output in outputs],
    }
    return Net(model_graph(Source("model", "Functional", config, Weights(weights or {}), 2), Limits()))


X = np.random.default_rng(0).standard_normal((2, 4, 5)).astype(np.float32)
FUNCTIONS = {
    "a constant comes first": ("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}], 1 - X),
    "a constant comes second": ("math.multiply", [["x", 0, 0, {"y": 2.0, "name": None}]], 2 * X),
    "a keyword is a tensor": ("math.maximum", [["x", 0, 0, {"y": ["x", 0, 0]}]], X),
    "a list of tensors": ("concat", [["x", 0, 0, {"axis": -1}], ["x", 0, 0, {"axis": -1}]], np.concatenate([X, X], -1)),
    "add_n": ("math.add_n", [["x", 0, 0, {}], ["x", 0, 0, {}]], 2 * X),
    "mean": ("math.reduce_mean", [["x", 0, 0, {"axis": [1], "keepdims": True}]], X.mean(1, keepdims=True)),
    "transpose": ("compat.v1.transpose", [["x", 0, 0, {"perm": [0, 2, 1], "conjugate": False}]], X.swapaxes(1, 2)),
    "gather": ("compat.v1.gather", [["x", 0, 0, {"indices": [0, 2], "axis": -1, "batch_dims": 0}]], X[..., [0, 2]]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_tensorflow(name):
    spelling, node, wanted = FUNCTIONS[name]
    found = net((4, 5), [function("f", spelling, node)], ("f", 0, 0))(X)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_slices():
    spec = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 3, "step": None}, -1]
    node = [["x", 0, 0, {"slice_spec": spec}]]
    found = net((4, 5), [function("f", "__operators__.getitem", node, "SlicingOpLambda")], ("f", 0, 0))(X)
    np.testing.assert_array_equal(found, X[:, 1:3, -1])


def test_operands_that_a_file_does_not_name_are_refused():
    with pytest.raises(UnsupportedError, match=r"'f' \(einsum: a product whose operands"):
        net((4, 5), [function("f", "einsum", ["_CONSTANT_VALUE", -1, "abc,abd->acd", {}])], ("f", 0, 0))


def test_calls_of_inner_models_count_from_one():
    """The second call is an output only, so that no layer tells how many there are."""
    inner = [
        layer("InputLayer", "in", [], batch_input_shape=[None, 4, 5]),
        layer("Dense", "dense", [[["in", 0, 0, {}]]]),
    ]
    config = {"layers": inner, "input_layers": [["in", 0, 0]], "output_layers": [["dense", 0, 0]]}
    kernel, bias = np.eye(5, dtype=np.float32), np.arange(5, dtype=np.float32)
    layers = [
        layer("Functional", "inner", [[["x", 0, 0, {}]], [["twice", 0, 0, {}]]], **config),
        function("twice", "math.multiply", [["x", 0, 0, {"y": 2.0}]]),
        layer("Flatten", "flat", [[["inner", 1, 0, {}]]]),
    ]
    weights = {"inner": [kernel, bias]}

    class Nested(Weights):
        def layers(self, names):
            return [Nested([kernel, bias]) for _ in names]

    entries = [layer("InputLayer", "x", [], batch_input_shape=[None, 4, 5]), *layers]
    outer = {"layers": entries, "input_layers": [["x", 0, 0]], "output_layers": [["flat", 0, 0], ["inner", 2, 0]]}
    flat, second = Net(model_graph(Source("model", "Functional", outer, Nested(weights), 2), Limits()))(X)
    np.testing.assert_allclose(flat, (X + bias).reshape(2, -1), rtol=1e-6)
    np.testing.assert_allclose(second, 2 * X + bias, rtol=1e-6)


def test_renorm_has_statistics_that_only_training_reads():
    gamma, beta, mean, variance, *others = np.random.default_rng(1).random((7, 5)).astype(np.float32) + 0.5
    norm = layer("BatchNormalization", "norm", [[["x", 0, 0, {}]]], renorm=True, epsilon=1e-3, axis=[2])
    weights = {"norm": [gamma, beta, mean, variance, *others]}
    found = net((4, 5), [norm], ("norm", 0, 0), weights=weights)(X)
    np.testing.assert_allclose(found, (X - mean) / np.sqrt(variance + 1e-3) * gamma + beta, rtol=1e-5, atol=1e-6)


def test_weights_of_cudnn():
    """Each gate's matrices are transposed, and there are two biases, which add up."""
    rng = np.random.default_rng(2)
    kernel, recurrent = rng.standard_normal((5, 12)).astype(np.float32), rng.standard_normal((3, 12)).astype(np.float32)
    bias = rng.standard_normal(12).astype(np.float32)
    stored = [
        np.hstack([gate.T.reshape(gate.shape) for gate in np.split(kernel, 4, 1)]),
        np.hstack([gate.T for gate in np.split(recurrent, 4, 1)]),
        np.concatenate([0.25 * bias, 0.75 * bias]),
    ]
    words = {"units": 3, "return_sequences": True}
    plain = net(
        (4, 5),
        [layer("LSTM", "l", [[["x", 0, 0, {}]]], **words)],
        ("l", 0, 0),
        weights={"l": [kernel, recurrent, bias]},
    )
    cudnn = net((4, 5), [layer("CuDNNLSTM", "l", [[["x", 0, 0, {}]]], **words)], ("l", 0, 0), weights={"l": stored})
    np.testing.assert_allclose(cudnn(X), plain(X), rtol=1e-5, atol=1e-6)
