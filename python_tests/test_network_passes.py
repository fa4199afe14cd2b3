"""Passes alone: what they rewrite computes the same, and what they must leave stays."""

import numpy as np
import pytest

from fastconv.network import Graph, Net, Node, Value
from fastconv.network.passes import (
    activations,
    channels,
    clips,
    constants,
    dense,
    gates,
    gelu,
    identities,
    padding,
    residuals,
    slopes,
    sums,
    unread,
)
from fastconv.network.plan import Plan

F32 = np.dtype("float32")
rng = np.random.default_rng(0)


def graph(nodes, constants, shape, outputs=None):
    """A graph of nodes given as (op, inputs, output, attributes), '-' for an absent input."""
    nodes = [
        Node(op, tuple(name.replace("-", "") for name in inputs.split()), (output,), dict(attributes))
        for op, inputs, output, attributes in nodes
    ]
    values = {
        name: value if isinstance(value, np.ndarray) and value.dtype.kind in "iu" else np.asarray(value, F32)
        for name, value in constants.items()
    }
    return Graph([Value("x", shape, F32)], [Value(name) for name in outputs or nodes[-1].outputs], nodes, values)


def rewritten(before, change):
    """Ops left after a pass, whose outputs are compared to those before."""
    shape = tuple(2 if size is None else size for size in before.inputs[0].shape)
    x = rng.standard_normal(shape).astype(F32)
    wanted = Plan(before, [shape]).workspace()([x])
    after = before.copy()
    change(after)
    after.check()
    for a, b in zip(wanted, Plan(after, [shape]).workspace()([x]), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)
    return [node.op for node in after.nodes]


CONV = ("Conv", "x k", "y", {})
BATCH_NORMALIZATION = {name: np.abs(rng.standard_normal(4)) for name in "gbmv"}


def kernel(*shape):
    return rng.standard_normal(shape)


@pytest.mark.parametrize(
    ("layout", "shape", "axis"),
    [
        ("channels_last", (None, 6, 7, 2), -1),
        ("channels_last", (None, 6, 7, 2), 3),
        ("channels_first", (None, 2, 6, 7), 1),
        ("channels_first", (None, 2, 6, 7), -3),
    ],
)
@pytest.mark.parametrize("present", ["g b", "- b", "g -", "- -"])
def test_batch_normalization_goes_into_convolutions(layout, shape, axis, present):
    nodes = [
        ("Conv", "x k c", "y", {"data_format": layout}),
        ("BatchNormalization", f"y {present} m v", "z", {"axis": axis, "epsilon": 1e-3}),
    ]
    before = graph(nodes, BATCH_NORMALIZATION | {"k": kernel(3, 3, 2, 4), "c": kernel(4)}, shape)
    assert rewritten(before, channels.fold_channel_factors) == ["Conv"]


@pytest.mark.parametrize(("op", "kernel_shape"), [("ConvTranspose", (3, 3, 4, 2)), ("Dense", (2, 4))])
def test_factors_go_into_other_layers(op, kernel_shape):
    nodes = [
        (op, "x k", "y", {}),
        ("Mul", "y s", "z", {}),
        ("Sub", "z t", "w", {}),
        ("Div", "w d", "v", {}),
        ("Add", "t v", "u", {}),
    ]
    values = {"k": kernel(*kernel_shape), "s": kernel(4), "t": kernel(4), "d": [2.0]}
    assert rewritten(graph(nodes, values, (None, 6, 7, 2)), channels.fold_channel_factors) == [op]


@pytest.mark.parametrize(
    ("second", "values"),
    [
        (("Sub", "s y", "z", {}), {"s": kernel(4)}),  # the convolution is subtracted
        (("Add", "y s", "z", {}), {"s": kernel(4, 1)}),  # not a number a channel
        (("Add", "y s", "z", {}), {"s": kernel(1, 1, 1, 1, 4)}),  # one axis more
        (("Mul", "y y", "z", {}), {}),
        (("Mul", "y x", "z", {}), {}),
    ],
)
def test_what_is_no_factor_of_channels_stays(second, values):
    before = graph(
        [("Conv", "x k", "y", {"pads": "same_upper"}), second], values | {"k": kernel(3, 3, 4, 4)}, (None, 4, 4, 4)
    )
    assert len(rewritten(before, channels.fold_channel_factors)) == 2


def test_what_others_read_stays():
    nodes = [CONV, ("Mul", "y s", "z", {}), ("Activation", "y", "w", {"activation": ("relu", 0.0)})]
    before = graph(nodes, {"k": kernel(3, 3, 2, 4), "s": kernel(4)}, (None, 6, 7, 2), ["y", "z", "w"])
    assert len(rewritten(before, channels.fold_channel_factors)) == 3
    assert len(rewritten(before, activations.fuse_activations)) == 3


@pytest.mark.parametrize("op", ["Conv", "Dense", "Add", "Mul", "BatchNormalization"])
def test_activations_go_into_the_node_before(op):
    first = {
        "Conv": ("Conv", "x k", "y", {}),
        "Dense": ("Dense", "x w", "y", {}),
        "Add": ("Add", "x x", "y", {}),
        "Mul": ("Mul", "x s", "y", {}),
        "BatchNormalization": ("BatchNormalization", "x - - s s", "y", {"axis": -1, "epsilon": 1}),
    }[op]
    before = graph(
        [
            first,
            ("Activation", "y", "z", {"activation": ("leaky_relu", 0.3)}),
            ("Activation", "z", "u", {"activation": ("tanh", 0.0)}),
        ],
        {"k": kernel(3, 3, 2, 4), "w": kernel(2, 4), "s": [1.0, 2.0]},
        (None, 6, 7, 2),
    )
    assert rewritten(before, activations.fuse_activations) == [op, "Activation"]


@pytest.mark.parametrize(
    ("pads", "inputs", "own", "left"),
    [
        ([1, 2, 0, 1], "x p - a", "valid", 1),
        ([1, 2, 0, 1], "x p z a", ((1, 0), (0, 2)), 1),
        ([0, 1, 2, 0, 0, 3, 4, 0], "x p", "valid", 1),
        ([0, 1, 2, 1, 0, 3, 4, 0], "x p", "valid", 2),
        ([1, 2, 0, 1], "x p o a", "valid", 2),
        ([1, 2, 0, 1], "x p - a", "same_upper", 2),
        ([1, -1, 0, 1], "x p - a", "valid", 2),
    ],
)
def test_zeros_around_images_go_into_convolutions(pads, inputs, own, left):
    values = {"p": np.array(pads), "a": np.array([1, -2]), "z": 0.0, "o": 1.0, "k": kernel(3, 3, 3, 4)}
    if left == 2 and len(pads) == 8:
        values["k"] = kernel(3, 3, 4, 4)
    before = graph([("Pad", inputs, "y", {}), ("Conv", "y k", "z2", {"pads": own})], values, (None, 6, 7, 3))
    assert len(rewritten(before, padding.fold_padding)) == left


@pytest.mark.parametrize(
    ("activation", "pads", "words", "folded"),
    [
        ("relu", [1, 1, 1, 1], {}, True),
        ("relu6", [2, 0, 0, 1], {}, True),
        ("tanh", [1, 1, 1, 1], {}, False),
        ("relu", [2, 0, 1, 0], {}, False),
        ("relu", [1, 1, 1, 1], {"pads": "same_upper"}, False),
        ("relu", [1, 1, 1, 1], {"ceil_mode": True}, False),
    ],
)
def test_zeros_around_images_go_into_maxima_that_they_cannot_win(activation, pads, words, folded):
    nodes = [
        ("Activation", "x", "r", {"activation": (activation, 0.0)}),
        ("Pad", "r p - a", "y", {}),
        ("MaxPool", "y", "z", {"window": (3, 3), "strides": (2, 2), **words}),
    ]
    before = graph(nodes, {"p": np.array(pads), "a": np.array([1, 2])}, (None, 6, 7, 3))
    assert rewritten(before, padding.fold_padding) == ["Activation", *["Pad"] * (not folded), "MaxPool"]


@pytest.mark.parametrize("shape", [(2, 6, 7, 4), (6, 7, 4), (1, 1, 1, 4), (2, 1, 1, 4), (3, 2, 6, 7, 4)])
def test_sums_go_into_convolutions(shape):
    """Whatever the other summand is broadcast to."""
    nodes = [
        ("Conv", "x k", "y", {"pads": "same_upper"}),
        ("Neg", "c", "z", {}),
        ("Add", "y z", "w", {}),
        ("Activation", "w", "u", {"activation": ("relu", 0.0)}),
    ]
    before = graph(nodes, {"k": kernel(3, 3, 4, 4), "c": kernel(*shape)}, (None, 6, 7, 4))
    assert rewritten(before, residuals.fuse_residuals) == ["Neg", "Conv", "Activation"]


def test_the_second_of_two_convolutions_takes_the_sum():
    nodes = [
        ("Conv", "x k", "y", {"pads": "same_upper"}),
        ("Conv", "x l b", "z", {}),
        ("Add", "y z", "w", {"activation": ("relu", 0.0)}),
        ("Conv", "w m", "v", {}),
        ("Add", "v v", "u", {}),
    ]
    before = graph(
        nodes,
        {"k": kernel(3, 3, 4, 8), "l": kernel(1, 1, 4, 8), "b": kernel(8), "m": kernel(1, 1, 8, 2)},
        (None, 6, 7, 4),
    )
    assert rewritten(before, residuals.fuse_residuals) == ["Conv", "Conv", "Conv", "Add"]


def test_identities_go_between_inputs_outputs_and_readers():
    nodes = [
        ("Identity", "x", "a", {}),
        ("Neg", "a", "b", {}),
        ("Identity", "b", "c", {}),
        ("Abs", "c", "d", {}),
        ("Activation", "d", "e", {"activation": ("linear", 0.0)}),
        ("Identity", "x", "f", {}),
    ]
    before = graph(nodes, {}, (None, 3), ["c", "e", "f"])
    assert rewritten(before, identities.drop_identities) == ["Neg", "Abs", "Identity"]


def test_constants_fold_unless_they_grow():
    nodes = [
        ("Neg", "c", "d", {}),
        ("Add", "x d", "y", {}),
        ("Concat", "w v", "e", {"axis": 0}),
        ("Concat", " ".join(["w"] * 9), "f", {"axis": 0}),
    ]
    large = np.zeros((200_000, 1), F32)
    before = graph(nodes, {"c": kernel(3), "w": large, "v": large}, (None, 3), ["y"])
    assert rewritten(before, constants.fold_constants) == ["Add", "Concat"]
    nodes = [
        ("Repeat", "c", "d", {"axes": (0,), "counts": (1_000_000,)}),
        ("ReduceSum", "d", "e", {}),
        ("Add", "x e", "y", {}),
    ]
    assert rewritten(graph(nodes, {"c": [0.0]}, (None, 3)), constants.fold_constants) == ["Repeat", "ReduceSum", "Add"]


def test_patterns():
    nodes = [
        ("MatMul", "x w", "a", {}),
        ("Clip", "a zero six", "b", {}),
        ("Clip", "b zero", "c", {}),
        ("Clip", "c one", "d", {}),
        ("Activation", "d", "e", {"activation": ("sigmoid", 0.0)}),
        ("Mul", "d e", "f", {}),
        ("Activation", "f", "g", {"activation": ("hard_sigmoid", 0.0)}),
        ("Mul", "g f", "h", {}),
        ("Neg", "h", "unread", {}),
        ("Abs", "h", "y", {}),
    ]
    before = graph(nodes, {"w": kernel(3, 4), "zero": 0.0, "one": 1.0, "six": 6.0}, (None, 3))
    found = []
    for change in (dense.recognize_dense, clips.recognize_clips, gates.recognize_gates, unread.drop_unread):
        found = rewritten(before, change)
        change(before)
    assert found == ["Dense", "Activation", "Activation", "Clip", "Activation", "Activation", "Abs"]
    words = [node.attributes["activation"][0] for node in before.nodes if node.op == "Activation"]
    assert words == ["relu6", "relu", "silu", "hard_silu"]


def test_layers_that_are_asked_for_are_kept():
    before = graph(
        [CONV, ("Activation", "y", "z", {"activation": ("relu", 0.0)})], {"k": kernel(3, 3, 2, 4)}, (None, 6, 7, 2)
    )
    before.layers = {"conv": "y"}
    x = rng.standard_normal((1, 6, 7, 2)).astype(F32)
    outputs, layers = Net(before)(x, layers=["conv"])
    np.testing.assert_array_equal(np.maximum(layers["conv"], 0), outputs)


@pytest.mark.parametrize("present", ["g b", "- b", "g -", "- -"])
def test_factors_go_into_normalizations_of_the_last_axis(present):
    nodes = [
        ("BatchNormalization", f"x {present} m v", "n", {"axis": -1, "epsilon": 1e-3}),
        ("Mul", "f n", "a", {}),
        ("Add", "a h", "c", {}),
        ("Div", "c one", "y", {}),
        ("Sub", "wide y", "z", {}),
    ]
    constants = {**BATCH_NORMALIZATION, "f": kernel(4), "h": kernel(4), "one": 0.5, "wide": kernel(1, 4)}
    assert rewritten(graph(nodes, constants, (None, 3, 4)), channels.fold_channel_factors) == [
        "BatchNormalization",
        "Sub",
    ]
    nodes[0] = (*nodes[0][:3], {"axis": 2, "epsilon": 1e-3})
    kept = [node[0] for node in nodes]
    assert rewritten(graph(nodes, constants, (None, 3, 4)), channels.fold_channel_factors) == kept


def test_sums_of_two_are_additions():
    nodes = [("Sum", "x x", "a", {}), ("Sum", "a x a", "b", {}), ("Sum", "b", "y", {})]
    assert rewritten(graph(nodes, {}, (None, 3)), sums.recognize_sums) == ["Add", "Sum", "Sum"]


@pytest.mark.parametrize("before", ["Div x r", "Mul q x"])
@pytest.mark.parametrize(
    "after",
    [
        ["Mul x c y", "Mul half y z"],
        ["Mul c x y", "Div y two z"],
        ["Mul x half y", "Mul y c z"],
        ["Div x two y", "Mul c y z"],
    ],
)
def test_gelu(before, after):
    constants = {"r": np.sqrt(2), "q": np.sqrt(0.5), "one": 1.0, "half": 0.5, "two": 2.0}
    rows = [f"{before} a", "Erf a b", "Add b one c", *after]
    nodes = [(op, " ".join(names[:-1]), names[-1], {}) for op, *names in map(str.split, rows)]
    assert rewritten(graph(nodes, constants, (None, 5)), gelu.recognize_gelu) == ["Activation"]
    wrong = constants | {"one": 2.0}
    assert rewritten(graph(nodes, wrong, (None, 5)), gelu.recognize_gelu) == [node[0] for node in nodes]
    assert "Erf" in rewritten(graph(nodes, constants, (None, 5), ["z", "c"]), gelu.recognize_gelu)


@pytest.mark.parametrize("slope", [[0.25, 1.0, 0.5], [0.0, -1.5, 2.0], [np.inf, 0.5, np.nan]])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_slopes(slope):
    x = np.array([[1, 0, -0.0], [-2, np.inf, -np.inf], [np.nan, -3, 4], [-1, -1, -1], [-0.0, 2, np.inf]], F32)
    y = Net(graph([("PRelu", "x s", "y", {})], {"s": slope}, (None, 3)))(x)
    wanted = np.where(x < 0, x * np.array(slope, F32), x)
    np.testing.assert_array_equal(y, wanted)
    zeros = (wanted == 0) & (x == 0)
    np.testing.assert_array_equal(np.signbit(y[zeros]), np.signbit(wanted[zeros]))


def test_a_single_slope_is_a_leaky_rectifier():
    nodes = [("PRelu", "x one", "a", {}), ("PRelu", "a all", "y", {})]
    before = graph(nodes, {"one": [[-1.5]], "all": kernel(3)}, (None, 3))
    assert rewritten(before, slopes.recognize_slopes) == ["Activation", "PRelu"]
