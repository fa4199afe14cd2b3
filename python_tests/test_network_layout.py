"""Networks of channels_first images: what is rewritten to channels_last computes the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_drawn import models
from test_onnx import by_onnxruntime, drawn, same

from fastconv.network import Graph, Net, Node, Value, from_onnx
from fastconv.network.passes import PASSES, optimize
from fastconv.network.passes.layout import put_channels_last
from fastconv.network.plan import Plan

F32 = np.dtype("float32")
FIRST = {"data_format": "channels_first"}
CONV = ("Conv", "x k", "c", FIRST)
BACK = ("Conv", "a k2", "y", FIRST)
CONSTANTS = {
    "k": drawn(3, 3, 4, 6),
    "k2": drawn(1, 1, 6, 4, seed=1),
    "channel": drawn(6, 1, 1, seed=2),
    "image": drawn(5, 7, seed=3),
    "one": np.float32(0.5),
    "ones": np.full((1, 1), 0.25, F32),
    "v": np.abs(drawn(6, seed=4)) + 0.5,
}


def graph(nodes, constants, outputs=("y",), shape=(None, 4, 7, 9)):
    """A graph of nodes given as (op, inputs, outputs, attributes), '-' for an absent input."""
    nodes = [
        Node(op, tuple(name.replace("-", "") for name in inputs.split()), tuple(given.split()), dict(attributes))
        for op, inputs, given, attributes in nodes
    ]
    return Graph([Value("x", shape, F32)], [Value(name) for name in outputs], nodes, dict(constants))


def rewritten(before, change=put_channels_last):
    """Transposes and other ops left after the pass, whose outputs are compared to those before."""
    shape = tuple(2 if size is None else size for size in before.inputs[0].shape)
    x = drawn(*shape, seed=5)
    wanted = Plan(before, [shape]).workspace()([x])
    after = before.copy()
    change(after)
    after.check()
    for a, b in zip(wanted, Plan(after, [shape]).workspace()([x]), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5 * max(1, np.abs(a).max(initial=0)))
    assert all(node.attributes.get("data_format") != "channels_first" for node in after.nodes)
    ops = [node.op for node in after.nodes]
    return ops.count("Transpose"), [op for op in ops if op != "Transpose"]


INTS = {
    "p": np.array([0, 0, 1, 2, 0, 0, 0, 1]),
    "q": np.array([1, 0, 2, 0]),
    "hw": np.array([2, 3]),
    "h_c": np.array([-2, 1]),
    "begin": np.array([1, 0]),
    "end": np.array([5, 100]),
    "two": np.array([2, 1]),
    "c": np.array([1]),
    "sizes": np.array([2, 1, 3]),
}
BETWEEN = {  # what stands between two convolutions and needs no Transpose
    "activation": [("Activation", "c", "a", {"activation": ("tanh", 0.0)})],
    "clip": [("Clip", "c one ones", "a", {})],
    "constants": [("Mul", "c channel", "b", {}), ("Add", "image b", "d", {}), ("Sub", "one d", "a", {})],
    "values": [("Neg", "c", "b", {}), ("Max", "b c one", "d", {}), ("Sum", "d", "a", {})],
    "where": [("Less", "c image", "b", {}), ("Where", "b c channel", "a", {})],
    "prelu": [("PRelu", "c channel", "a", {})],
    "pools": [
        ("MaxPool", "c", "b", FIRST | {"window": (2, 2), "strides": (1, 1), "pads": "same_upper"}),
        ("AveragePool", "b", "a", FIRST | {"window": (2, 3), "ceil_mode": True}),
    ],
    "global pools": [
        ("GlobalAveragePool", "c", "b", {}),
        ("GlobalMaxPool", "c", "d", {}),
        ("Mul", "b c", "e", {}),
        ("Add", "e d", "a", {}),
    ],
    "normalization": [("BatchNormalization", "c v - v v", "a", {"axis": 1, "epsilon": 1e-3})],
    "groups": [
        ("GroupNormalization", "c v", "b", {"axis": 1, "groups": -1, "epsilon": 1e-3}),
        ("GroupNormalization", "b v v", "a", {"axis": -3, "groups": 3, "epsilon": 1e-3}),
    ],
    "responses": [("LRN", "c", "a", {"alpha": 0.1, "beta": 0.5, "bias": 1.0, "size": 3})],
    "softmax": [
        ("Softmax", "c", "b", {"axis": 1}),
        ("Softmax", "b", "d", {"axis": (2, -1)}),
        ("LogSoftmax", "d", "a", {"axis": -2}),
    ],
    "concat and split": [
        ("Split", "c sizes", "b d e", {"axis": 1, "parts": 3}),
        ("Concat", "e b d", "a", {"axis": -3}),
    ],
    "concat of rows": [("Concat", "c c", "a", {"axis": 2})],
    "pad": [("Pad", "c p one", "b", {}), ("Pad", "b q - hw", "a", {"mode": "edge"})],
    "slice": [("Slice", "c begin end hw two", "b", {}), ("Slice", "b zeros end", "a", {})],
    "reductions": [
        ("ReduceMean", "c hw", "b", {}),
        ("ReduceMax", "c h_c", "d", {"keepdims": True}),
        ("ReduceSum", "c", "e", {}),
        ("Sum", "b d e c", "a", {}),
    ],
    "images": [
        ("ResizeImages", "c", "b", FIRST | {"scales": (2, 1), "mode": "bilinear"}),
        ("CenterCrop", "b", "a", FIRST | {"sizes": (6, 5)}),
    ],
    "resize": [
        (
            "Resize",
            "c - scales",
            "a",
            {
                "mode": "linear",
                "transform": "half_pixel",
                "rounding": "floor",
                "policy": "stretch",
                "cubic": -0.75,
                "exclude_outside": False,
                "outside": 0.0,
                "antialias": False,
                "axes": None,
            },
        )
    ],
    "transposed": [("ConvTranspose", "c kt v", "a", FIRST | {"strides": (2, 1), "pads": ((1, 0), (0, 1))})],
    "residual": [("Conv", "x k v c", "a", FIRST | {"activation": ("relu", 0.0)})],
    "there and back": [
        ("Transpose", "c", "b", {"perm": (0, 2, 3, 1)}),
        ("Neg", "b", "d", {}),
        ("Transpose", "d", "a", {"perm": (0, 3, 1, 2)}),
    ],
}
CONSTANTS |= INTS | {
    "kt": drawn(3, 2, 6, 6, seed=6),
    "scales": np.array([1, 1, 2, 1.5], F32),
    "zeros": np.zeros(2, int),
}


@pytest.mark.parametrize("nodes", BETWEEN.values(), ids=BETWEEN)
def test_nothing_stands_between_convolutions(nodes):
    constants = {"c0" if name == "c" else name: array for name, array in CONSTANTS.items()}
    transposes, ops = rewritten(graph([CONV, *nodes, BACK], constants))
    assert transposes == 2
    assert len(ops) == len(nodes) + 2 - 2 * (ops.count("Neg") and "Max" not in ops)


BEHIND = {  # what ends in an order of its own, with the Transposes it takes
    "flatten": ([("Flatten", "c", "f", {}), ("Dense", "f w bias", "y", {})], 1),
    "reshape": ([("Reshape", "c flat", "f", {}), ("Dense", "f w", "y", {}), ("Dense", "f w bias", "z", {})], 1),
    "reshape of known images": ([("Reshape", "c two_rows", "f", {}), ("Dense", "f w", "y", {})], 2),
    "reshape to a size": ([("Reshape", "c rows", "f", {}), ("Dense", "f w", "y", {})], 2),
    "flat output": ([("Flatten", "c", "z", {}), ("Dense", "z w", "y", {})], 2),
    "mean": ([("ReduceMean", "c hw", "y", {"keepdims": False})], 1),
    "mean of channels": ([("ReduceMean", "c first", "y", {"keepdims": False})], 1),
    "mean of rows": ([("ReduceMean", "c row", "y", {"keepdims": False})], 2),
    "squeeze": ([("GlobalMaxPool", "c", "g", {}), ("Squeeze", "g hw", "y", {})], 1),
    "places": (
        [
            ("ArgMax", "c", "y", {"axis": 1, "keepdims": False, "last": False}),
            ("ArgMin", "c", "z", {"axis": -1, "keepdims": True, "last": True}),
        ],
        2,
    ),
    "order": ([("Transpose", "c", "y", {"perm": (3, 0, 2, 1)}), ("Transpose", "c", "z", {})], 3),
    "unknown": ([("DepthToSpace", "c", "d", {"block": 1, "mode": "DCR"}), ("Add", "d c", "y", {})], 4),
    "output": ([("Neg", "c", "y", {}), ("Neg", "y", "z", {})], 3),
    "products": ([("MatMul", "c square", "y", {})], 2),
}
WEIGHTS = {
    "w": drawn(6 * 5 * 7, 3, seed=7),
    "bias": drawn(3, seed=8),
    "flat": np.array([0, -1]),
    "two_rows": np.array([2, -1]),
    "rows": np.array([-1, 6 * 5 * 7]),
    "first": np.array([1]),
    "row": np.array([2]),
    "square": drawn(7, 7, seed=9),
}


@pytest.mark.parametrize(("nodes", "transposes"), BEHIND.values(), ids=BEHIND)
def test_what_follows_convolutions(nodes, transposes):
    outputs = [name for name in ("y", "z") if any(name in node[2] for node in nodes)]
    constants = {name: array for name, array in CONSTANTS.items() if name != "c"} | WEIGHTS
    assert rewritten(graph([CONV, *nodes], constants, outputs))[0] == transposes


def test_sequences():
    nodes = [
        ("Transpose", "x", "t", {"perm": (0, 2, 1)}),
        ("Conv", "t k", "c", FIRST | {"pads": ((1, 1),)}),
        ("MaxPool", "c", "p", FIRST | {"window": (2,)}),
        ("Activation", "p", "a", {"activation": ("relu", 0.0)}),
        ("Transpose", "a", "y", {"perm": (0, 2, 1)}),
    ]
    before = graph(nodes, {"k": drawn(3, 4, 6)}, shape=(None, 9, 4))
    assert rewritten(before) == (0, ["Conv", "MaxPool", "Activation"])


@pytest.mark.parametrize(
    ("parted", "joined", "transposes"),
    [
        ([2, 2, 3, 5, 7], [2, 6, 5, 7], 3),
        ([0, 2, 3, 5, 7], [-1, 6, 5, 7], 3),
        ([0, 3, 2, 7, 5], [0, 6, 7, 5], 3),
        ([-1, 2, 3, 5, 7], [2, 6, 5, 7], 5),
        ([1, 6, 2, 5, 7], [2, 6, 5, 7], 5),
        ([2, 2, 3, 5, 7], [2, 6, 7, 5], 5),
    ],
)
def test_channel_shuffles(parted, joined, transposes):
    nodes = [
        CONV,
        ("Reshape", "c p", "r", {}),
        ("Transpose", "r", "t", {"perm": (0, 2, 1, 3, 4)}),
        ("Reshape", "t j", "a", {}),
        BACK,
    ]
    before = graph(nodes, CONSTANTS | {"p": np.array(parted), "j": np.array(joined)}, shape=(2, 4, 7, 9))
    del before.constants["c"]
    assert rewritten(before)[0] == transposes


def test_axes_that_are_none_are_refused():
    nodes = [CONV, ("Softmax", "c", "y", {"axis": 4})]
    after = graph(nodes, {"k": CONSTANTS["k"]})
    put_channels_last(after)
    with pytest.raises(ValueError, match="Softmax"):
        Plan(after, [(2, 4, 7, 9)])


def test_other_graphs_stay():
    nodes = [("Conv", "x k", "c", {}), ("Activation", "c", "y", {"activation": ("relu", 0.0)})]
    before = graph(nodes, {"k": drawn(3, 3, 9, 2)})
    after = before.copy()
    put_channels_last(after)
    assert after.nodes == before.nodes


@pytest.mark.parametrize("perm", [(0, 2, 3, 1), (3, 1, 0, 2), (2, 3, 1, 0), (0, 1, 3, 2), (2, 1, 0, 3)])
def test_transposes_of_few_channels(perm):
    x = drawn(4, 3, 40, 4)
    y = Net(graph([("Transpose", "x", "y", {"perm": perm})], {}, shape=x.shape))(x)
    np.testing.assert_array_equal(y, x.transpose(perm))


def test_layers_keep_their_order():
    before = graph([CONV, *BETWEEN["activation"], BACK], {name: CONSTANTS[name] for name in ("k", "k2")})
    before.layers = {"conv": "c", "tanh": "a"}
    x = drawn(2, 4, 7, 9)
    y, layers = Net(before)(x, layers=["conv", "tanh"])
    assert layers["conv"].shape == (2, 6, 5, 7)
    np.testing.assert_allclose(np.tanh(layers["conv"]), layers["tanh"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(Net(before)(x), y)
    plain = optimize(before, [change for change in PASSES if change is not put_channels_last])
    np.testing.assert_allclose(Plan(plain, [x.shape]).workspace()([x])[0], y, rtol=1e-5, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(models(), st.integers(1, 2))
def test_drawn_models_as_onnxruntime_has_them(proto, batch):
    x = drawn(batch, 3, 8, 8)
    same(from_onnx(proto.SerializeToString())(x), by_onnxruntime(proto, x))
