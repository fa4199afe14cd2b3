"""Plans: constants fold, memory is shared only by what is not alive together, outputs are the caller's own."""

import numpy as np
import pytest

from fastconv.network import Graph, Limits, Net, Node, Value
from fastconv.network.plan import Plan

F32 = np.dtype("float32")


def chain(nodes, constants=(), outputs=None, shape=(None, 4)):
    """A graph of nodes given as (op, inputs, output, attributes)."""
    nodes = [Node(op, tuple(inputs.split()), (output,), dict(attributes)) for op, inputs, output, attributes in nodes]
    return Graph(
        [Value("x", shape, F32)],
        [Value(name) for name in outputs or nodes[-1].outputs],
        nodes,
        {name: np.asarray(value) for name, value in dict(constants).items()},
    )


def test_shapes_become_constants():
    graph = chain(
        [
            ("Shape", "x", "s", {}),
            ("Slice", "s zero one", "n", {}),
            ("Concat", "n rest", "t", {"axis": 0}),
            ("Reshape", "x t", "y", {}),
            ("Neg", "y", "z", {}),
        ],
        {"zero": [0], "one": [1], "rest": [2, 2]},
    )
    plan = Plan(graph, [(3, 4)])
    assert [planned.node.op for planned in plan.steps] == ["Reshape", "Neg"]
    x = np.arange(12, dtype=F32).reshape(3, 4)
    np.testing.assert_array_equal(Net(graph)(x), -x.reshape(3, 2, 2))


def test_values_alive_together_do_not_share_memory():
    ops = [
        ("Neg", "x", "a", {}),
        ("Abs", "a", "b", {}),
        ("Square", "a", "c", {}),
        ("Add", "b c", "d", {}),
        ("Neg", "d", "e", {}),
        ("Add", "e a", "f", {}),
    ]
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(F32)
    np.testing.assert_array_equal(Net(chain(ops))(x), -(np.abs(x) + x * x) - x)


def test_results_in_place_spare_what_is_read_later():
    ops = [("Neg", "x", "a", {}), ("Flatten", "a", "v", {}), ("Neg", "a", "b", {}), ("Add", "v b", "y", {})]
    x = np.ones((2, 4), F32)
    np.testing.assert_array_equal(Net(chain(ops))(x), np.zeros((2, 4)))


def test_outputs_belong_to_the_caller():
    graph = chain(
        [("Identity", "x", "y", {}), ("Neg", "y", "z", {}), ("Flatten", "z", "w", {})],
        {"c": np.ones(2, F32)},
        outputs=["x", "y", "z", "w", "c"],
    )
    x = np.ones((2, 4), F32)
    net = Net(graph)
    results = net(x)
    for result in results:
        result += 5
    np.testing.assert_array_equal(x, 1)
    assert not any(np.may_share_memory(a, b) for i, a in enumerate(results) for b in results[:i])
    np.testing.assert_array_equal(net(x)[4], [1, 1])


def test_limits_hold_plans():
    graph = chain([("Neg", "x", "a", {}), ("Concat", "a a a", "b", {"axis": 1}), ("Neg", "b", "y", {})])
    with pytest.raises(ValueError, match="limit of 100"):
        Net(graph, Limits(tensor_bytes=100))(np.ones((3, 4), F32))
    with pytest.raises(ValueError, match="limit of 100"):
        Net(graph, Limits(plan_bytes=100))(np.ones((3, 4), F32))


def test_what_does_not_fit_names_the_node():
    graph = chain([("Reshape", "x t", "y", {})], {"t": [3, 5]})
    graph.nodes[0].name, graph.nodes[0].kind = "reshape_1", "Reshape"
    with pytest.raises(ValueError, match=r"'reshape_1' \(Reshape\) on float32\[2, 4\]"):
        Net(graph)(np.ones((2, 4), F32))


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ((np.ones((2, 5)),), ValueError),
        ((np.ones((2, 4)),) * 2, ValueError),
        (({"y": np.ones((2, 4))},), ValueError),
        ((np.array([["a"] * 4]),), TypeError),
        ((np.ones((2, 4), complex),), TypeError),
    ],
)
def test_inputs_that_do_not_fit(inputs, error):
    with pytest.raises(error, match="input"):
        Net(chain([("Neg", "x", "y", {})]))(*inputs)


def test_a_graph_whose_values_have_no_origin():
    with pytest.raises(ValueError, match="reads 'q'"):
        Net(chain([("Neg", "q", "y", {})]))
    with pytest.raises(ValueError, match="another origin"):
        Net(chain([("Neg", "x", "x", {})]))


@pytest.mark.parametrize("pads", [[0, 2**30, 0, -(2**30)], [0, -5, 0, 5], [0, -(2**62), 0, 2**62]])
def test_more_is_not_cut_off_than_there_is(pads):
    """Else what is added on the other side would be larger than any limit while the result is small."""
    with pytest.raises(ValueError, match="cut more off"):
        Plan(chain([("Pad", "x p", "y", {})], {"p": np.array(pads)}), [(3, 4)])


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("op", ["BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"])
def test_no_images_give_no_images(op, axis):
    ones = {name: np.ones(4, F32) for name in "abcd"} if op == "BatchNormalization" else {}
    graph = chain([(op, " ".join(["x", *ones]), "y", {"axis": axis, "epsilon": 0.0})], ones, shape=(None,) * 4)
    net, images = Net(graph), np.ones((2, 4, 3, 4), F32)
    assert net(images[:0]).shape == (0, *net(images).shape[1:])
