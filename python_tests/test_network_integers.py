"""Steps of networks in 8 bits against integers, on every instruction set; the pass that writes them; `Net.quantize`."""

import pickle

import conv_reference
import numpy as np
import pytest
from conv_cases import from_layout, in_layout
from hypothesis import given, settings
from hypothesis import strategies as st
from test_conv2d_integer import BYTES, geometries, random, wrapped

import fastconv
from fastconv import cpu
from fastconv.network import Graph, Net, Node, Value, load
from fastconv.network.passes.integers import use_integers
from fastconv.network.passes.padding import fold_padding
from fastconv.network.plan import Plan

FLOAT = np.dtype("float32")


def run(node, inputs, constants):
    """A node's output for inputs by name."""
    values = [Value(name, array.shape, array.dtype) for name, array in inputs.items()]
    graph = Graph(values, [Value("y")], [node], constants)
    return Plan(graph, [array.shape for array in inputs.values()]).workspace()(list(inputs.values()))[0]


def cut(reals, zero, low, high):
    """float32 numbers rounded with ties to even, plus a zero point, cut."""
    return np.clip(np.rint(np.clip(reals.astype(np.float64), -1e6, 1e6)) + zero, low, high)


@given(
    geometries(),
    st.sampled_from(BYTES),
    st.sampled_from(BYTES),
    st.sampled_from(cpu.available_isas()),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_convolutions_give_the_integers_of_the_definition(geometry, x_dtype, y_dtype, isa, seed):
    rng = np.random.default_rng(seed)
    words, bounds = geometry["keywords"], np.iinfo(y_dtype)
    x, kernel = random(rng, x_dtype, geometry["x"]), random(rng, "int8", geometry["kernel"])
    x_zero, y_zero = (int(random(rng, dtype, ())) for dtype in (x_dtype, y_dtype))
    low, high = sorted(random(rng, y_dtype, 2).tolist()) if rng.random() < 0.5 else (int(bounds.min), int(bounds.max))
    bias = rng.integers(-999, 999, kernel.shape[3]).astype(np.int32)
    factors = rng.uniform(1e-4, 1e-2, kernel.shape[3]).astype(np.float32)
    factors[::2] = 2.0**-7  # ties
    plain = [words[name] for name in ("strides", "padding", "dilation_rate", "groups")]
    sums = wrapped(conv_reference.conv2d(x.astype(int) - x_zero, kernel, bias, *plain))
    want = cut(sums.astype(np.float32) * factors, y_zero, low, high)
    folded = bias - np.int32(x_zero) * kernel.sum((0, 1, 2), dtype=np.int32)
    node = Node(
        "QuantizedConv",
        ("x", "k", "b"),
        ("y",),
        {
            "data_format": words["data_format"],
            "strides": words["strides"],
            "dilations": words["dilation_rate"],
            "pads": words["padding"],
            "groups": words["groups"],
            "factors": tuple(factors.tolist()),
            "x_zero": x_zero,
            "y_zero": y_zero,
            "low": low,
            "high": high,
            "dtype": y_dtype,
        },
    )
    with cpu.use_isa(isa):
        y = run(node, {"x": in_layout(x, words["data_format"])}, {"k": kernel, "b": folded})
    assert y.dtype == y_dtype
    np.testing.assert_array_equal(from_layout(y, words["data_format"]), want)


@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("x_dtype", BYTES)
def test_dense_layers(rows, x_dtype, isa, rng):
    x, kernel = random(rng, x_dtype, (rows, 67)), random(rng, "int8", (67, 45))
    bias = rng.integers(-999, 999, 45).astype(np.int32)
    words = {"factors": (0.001,), "x_zero": 5, "y_zero": 9, "low": 9, "high": 255, "dtype": "uint8"}
    y = run(Node("QuantizedDense", ("x", "k", "b"), ("y",), words), {"x": x}, {"k": kernel, "b": bias})
    sums = x.astype(np.int32) @ kernel.astype(np.int32) + bias
    np.testing.assert_array_equal(y, cut(sums.astype(np.float32) * np.float32(0.001), 9, 9, 255))


@pytest.mark.parametrize("dtypes", [("uint8", "uint8", "uint8"), ("int8", "uint8", "int8"), ("uint8", "int8", "uint8")])
@pytest.mark.parametrize("b_shape", [(3, 1000, 7), (7,)])
def test_sums(dtypes, b_shape, isa, rng):
    a, b = random(rng, dtypes[0], (3, 1000, 7)), random(rng, dtypes[1], b_shape)
    low, high = (0, 100) if dtypes[2] == "uint8" else (-100, 50)
    words = {"a": (0.02, 3), "b": (0.5, -2 if dtypes[1] == "int8" else 2), "y": (0.25, 7), "low": low, "high": high}
    node = Node("QuantizedAdd", ("a", "b"), ("y",), words | {"dtype": dtypes[2]})
    reals = [
        (array.astype(np.float32) - np.float32(words[name][1])) * np.float32(words[name][0])
        for name, array in (("a", a), ("b", b))
    ]
    y = run(node, {"a": a, "b": b}, {})
    np.testing.assert_array_equal(y, cut((reals[0] + reals[1]) / np.float32(0.25), 7, low, high))


@pytest.mark.parametrize("dtype", BYTES)
def test_there_and_back(dtype, isa, rng):
    constants = {"s": np.float32(0.5), "z": np.asarray(3, dtype)}
    x = np.concatenate([rng.standard_normal(40_000) * 40, np.arange(-300, 300) / 4]).astype(np.float32)
    x[:5] = np.nan, np.inf, -np.inf, 1e38, -1e38
    bounds = np.iinfo(dtype)
    y = run(Node("QuantizeLinear", ("x", "s", "z"), ("y",)), {"x": x}, constants)
    want = cut(np.where(np.isnan(x), -np.inf, x) / np.float32(0.5), 3, bounds.min, bounds.max)
    np.testing.assert_array_equal(y, want)
    back = run(Node("DequantizeLinear", ("x", "s", "z"), ("y",)), {"x": y}, constants)
    np.testing.assert_array_equal(back, (y.astype(np.float32) - 3) * np.float32(0.5))


@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_maxima(dtype, data_format, isa, rng):
    x = random(rng, dtype, (2, 9, 11, 19))
    words = {"window": (3, 2), "strides": (2, 3), "pads": ((1, 0), (1, 1)), "data_format": data_format}
    y = run(Node("MaxPool", ("x",), ("y",), words), {"x": in_layout(x, data_format)}, {})
    wide = np.pad(x.astype(int), ((0, 0), (1, 0), (1, 1), (0, 0)), constant_values=-999)
    want = np.stack(
        [np.stack([wide[:, i : i + 3, j : j + 2].max((1, 2)) for j in range(0, 12, 3)], 1) for i in range(0, 8, 2)], 1
    )
    assert y.dtype == dtype
    np.testing.assert_array_equal(from_layout(y, data_format), want)


@pytest.mark.parametrize("size", [(2**29, 2**30), (2**20, 2**20), (1, 2**40)])
def test_maxima_of_windows_far_larger_than_the_image(size, rng):
    x = random(rng, "uint8", (4, 7, 8, 3))
    words = {"window": size, "strides": (1, 1), "pads": tuple((side // 2, side // 2) for side in size)}
    with fastconv.threads(4):
        y = run(Node("MaxPool", ("x",), ("y",), words | {"data_format": "channels_last"}), {"x": x}, {})
    want = x.max(2, keepdims=True) if size[0] == 1 else x.max((1, 2), keepdims=True)
    np.testing.assert_array_equal(y, np.broadcast_to(want, y.shape))


def quantized_graph(nodes, constants, output="y"):
    """Nodes on x of uint8, whose scales s and t have zero points 10 and 20."""
    scales = {"s": np.float32(0.5), "z": np.uint8(10), "t": np.float32(0.25), "u": np.uint8(20)}
    made = [Node(op, tuple(inputs.split()), (y,), words) for op, inputs, y, words in nodes]
    value = Value("x", (None, 6, 6, 2), np.dtype("uint8"))
    return Graph([value], [Value(output)], made, scales | constants)


def layer_constants(bias_scale=0.5 * 0.125):
    rng = np.random.default_rng(1)
    return {
        "k": rng.integers(-127, 128, (3, 3, 2, 4)).astype(np.int8),
        "ks": np.float32([0.125, 0.25, 0.5, 0.0625]),
        "kz": np.zeros(4, np.int8),
        "b": np.int32([3, -4, 5, 6]),
        "bs": np.float32(bias_scale) * np.float32([1, 2, 4, 0.5]),
        "bz": np.zeros(4, np.int32),
    }


CONV = [
    ("DequantizeLinear", "x s z", "r", {}),
    ("DequantizeLinear", "k ks kz", "kr", {"axis": 3}),
    ("DequantizeLinear", "b bs bz", "br", {"axis": 0}),
    ("Conv", "r kr br", "c", {"pads": "same_upper"}),
    ("Activation", "c", "a", {"activation": ("relu6", 0.0)}),
    ("QuantizeLinear", "a t u", "y", {}),
]


def test_a_convolution_between_scales_is_one_step_with_the_same_integers(rng):
    graph = quantized_graph(CONV, layer_constants())
    x = random(rng, "uint8", (2, 6, 6, 2))
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    use_integers(graph)
    (node,) = graph.nodes
    assert (node.op, node.attributes["low"], node.attributes["high"]) == ("QuantizedConv", 20, 44)
    fused = Plan(graph, [x.shape]).workspace()([x])[0]
    np.testing.assert_array_equal(fused, plain)  # sums here are exact in float32 too


@pytest.mark.parametrize("value", [0.0, 1.5, 1e9])
@pytest.mark.parametrize("mode", ["constant", "edge"])
def test_cells_around_integers_are_integers(value, mode, rng):
    pads = [
        ("DequantizeLinear", "x s z", "d", {}),
        ("Pad", "d p v", "e", {"mode": mode}),
        ("QuantizeLinear", "e s z", "q", {}),
        ("DequantizeLinear", "q s z", "r", {}),
    ]
    constants = {"p": np.array([0, 1, 2, 0, 0, 2, 1, 0]), "v": np.float32(value)}
    graph = quantized_graph(pads + CONV[1:], layer_constants() | constants)
    x = random(rng, "uint8", (2, 6, 6, 2))
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    use_integers(graph)
    assert [node.op for node in graph.nodes] == ["Pad", "QuantizedConv"]
    np.testing.assert_array_equal(Plan(graph, [x.shape]).workspace()([x])[0], plain)


@pytest.mark.parametrize(("zero", "value", "left"), [(10, 10, 0), (10, 9, 1), (0, 0, 0)])
def test_cells_of_the_zero_point_go_into_convolutions(zero, value, left, rng):
    pad = Node("Pad", ("x", "p", "v"), ("e",))
    words = {
        "factors": (0.01,),
        "x_zero": zero,
        "y_zero": 7,
        "low": 0,
        "high": 255,
        "dtype": "uint8",
        "pads": ((0, 1),) * 2,
    }
    conv = Node("QuantizedConv", ("e", "k", "b"), ("y",), words)
    constants = {"p": np.array([0, 1, 2, 0, 0, 2, 1, 0]), "v": np.uint8(value), "b": np.int32([3, -4, 5, 6])}
    constants["k"] = layer_constants()["k"]
    graph = Graph([Value("x", (None, 6, 6, 2), np.dtype("uint8"))], [Value("y")], [pad, conv], constants)
    x = random(rng, "uint8", (2, 6, 6, 2))
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    fold_padding(graph)
    assert len(graph.nodes) == 1 + left
    np.testing.assert_array_equal(Plan(graph, [x.shape]).workspace()([x])[0], plain)


@pytest.mark.parametrize(("dtype", "value", "left"), [("uint8", 0, 0), ("int8", -128, 0), ("int8", 0, 1)])
def test_cells_of_the_least_integer_go_into_maxima(dtype, value, left, rng):
    pad = Node("Pad", ("x", "p", "v"), ("e",))
    pool = Node("MaxPool", ("e",), ("y",), {"window": (3, 3), "strides": (2, 2)})
    constants = {"p": np.array([0, 1, 1, 0, 0, 1, 1, 0]), "v": np.asarray(value, dtype)}
    graph = Graph([Value("x", (None, 6, 6, 2), np.dtype(dtype))], [Value("y")], [pad, pool], constants)
    x = random(rng, dtype, (2, 6, 6, 2))
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    fold_padding(graph)
    assert len(graph.nodes) == 1 + left
    np.testing.assert_array_equal(Plan(graph, [x.shape]).workspace()([x])[0], plain)


def test_a_bias_on_another_scale_stays_as_it_is_written():
    graph = quantized_graph(CONV, layer_constants(bias_scale=0.07))
    use_integers(graph)
    assert [node.op for node in graph.nodes] == [op for op, *_ in CONV]


def test_a_value_that_is_asked_for_is_given(rng):
    net = Net(quantized_graph(CONV, layer_constants()))
    net._graph.layers["conv"] = "c"
    x = random(rng, "uint8", (1, 6, 6, 2))
    y, found = net(x, layers=["conv"])
    np.testing.assert_array_equal(np.clip(np.rint(np.clip(found["conv"], 0, 6) / np.float32(0.25)) + 20, 0, 255), y)


def test_parts_of_other_scales_are_joined_by_tables(rng):
    nodes = [
        ("DequantizeLinear", "x s z", "r", {}),
        ("Activation", "r", "a", {"activation": ("tanh", 0.0)}),
        ("QuantizeLinear", "a t u", "q", {}),
        ("DequantizeLinear", "q t u", "d", {}),
        ("Concat", "d r", "j", {"axis": -1}),
        ("QuantizeLinear", "j t u", "y", {}),
    ]
    graph = quantized_graph(nodes, {})
    x = random(rng, "uint8", (2, 6, 6, 2))
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    use_integers(graph)
    assert [node.op for node in graph.nodes] == ["LookupBytes", "LookupBytes", "Concat"]
    np.testing.assert_array_equal(Plan(graph, [x.shape]).workspace()([x])[0], plain)


def small_net(seed=0):
    rng = np.random.default_rng(seed)

    def weights(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    relu, same = {"activation": ("relu", 0.0)}, {"pads": "same_upper"}
    nodes = [
        Node("Conv", ("x", "k1", "b1"), ("c1",), same | relu, "first", "Conv2D"),
        Node("Conv", ("c1", "k2", "b2"), ("c2",), same | {"groups": 16}, "depthwise", "DepthwiseConv2D"),
        Node("Activation", ("c2",), ("a2",), relu),
        Node("Conv", ("a2", "k3"), ("c3",), {}, "pointwise", "Conv2D"),
        Node("Add", ("c3", "c1"), ("s",), dict(relu)),
        Node("MaxPool", ("s",), ("p",), {"window": (2, 2)}),
        Node("Flatten", ("p",), ("f",), {"axis": 1}),
        Node("Dense", ("f", "d1", "e1"), ("h",), {"activation": ("silu", 0.0)}, "hidden", "Dense"),
        Node("Dense", ("h", "d2"), ("y",), {}, "scores", "Dense"),
    ]
    shapes = {"k1": (3, 3, 3, 16), "k2": (3, 3, 1, 16), "k3": (1, 1, 16, 16), "d1": (256, 24), "d2": (24, 10)}
    constants = {name: weights(*shape) for name, shape in shapes.items()}
    constants |= {name: 0.1 * weights(1, count)[0] for name, count in (("b1", 16), ("b2", 16), ("e1", 24))}
    layers = {node.name: node.outputs[0] for node in nodes if node.name}
    return Net(Graph([Value("x", (None, 8, 8, 3), FLOAT)], [Value("y")], nodes, constants, layers))


def images(count, seed=3):
    return np.random.default_rng(seed).standard_normal((count, 8, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("weights", ["per_channel", "per_tensor"])
@pytest.mark.parametrize("activations", BYTES)
@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_quantized_networks_stay_near(weights, activations, method, tmp_path):
    net = small_net()
    small = net.quantize(images(200), weights=weights, activations=activations, method=method, keep=())
    x = images(50, 4)
    y, want = small(x), net(x)
    assert np.linalg.norm(y - want) < 0.06 * np.linalg.norm(want)
    np.testing.assert_array_equal(np.concatenate([small(x[i : i + 1]) for i in range(3)]), y[:3])
    with fastconv.threads(1):
        np.testing.assert_array_equal(small(x), y)
    small.save(tmp_path / "small.fcn")
    np.testing.assert_array_equal(load(tmp_path / "small.fcn")(x), y)
    assert [layer.kept for layer in small.report.layers] == [""] * 5
    assert all(20 < layer.decibels < 80 for layer in small.report.layers)


def test_what_is_kept_stays_in_float32():
    net = small_net()
    small = net.quantize(images(64), keep=("first", "last", "hidden"))
    told = {layer.name: (layer.kind, layer.kept) for layer in small.report.layers}
    assert told["first"] == ("Conv2D", "first") and told["scores"] == ("Dense", "last")
    assert told["hidden"] == ("Dense", "keep") and told["depthwise"][1] == told["pointwise"][1] == ""
    assert "depthwise  DepthwiseConv2D" in repr(small.report)
    _, found = small(images(2), layers=["first"])
    np.testing.assert_array_equal(found["first"].shape, (2, 8, 8, 16))


def test_batches_and_arguments():
    net, x = small_net(), images(40)
    small = net.quantize([x[:20], x[20:]], keep="last")
    np.testing.assert_array_equal(small(x), net.quantize(iter([{"x": x[:20]}, {"x": x[20:]}]), keep="last")(x))
    for words, error, message in [
        ({"weights": "each"}, ValueError, "`weights` must be"),
        ({"activations": "int4"}, ValueError, "`activations` must be"),
        ({"method": "none"}, ValueError, "`method` must be"),
        ({"keep": None}, TypeError, "`keep` must be a str or several; received None"),
        ({"keep": [["first"]]}, TypeError, "`keep` must be"),
        ({"samples": [x[:0]]}, ValueError, "at least one batch that is not empty"),
        ({"samples": {"x": x}}, TypeError, "`samples` must be an array or batches of them; received dict"),
        ({"samples": np.array(3.0)}, TypeError, "`samples` must be an array"),
        ({"keep": "middle"}, ValueError, "`keep` must be some of 'first', 'last'"),
        ({"samples": []}, ValueError, "at least one batch"),
        ({"samples": 3}, TypeError, "`samples` must be an array"),
        ({"samples": [{"z": x}]}, ValueError, "`samples` must be inputs of the network"),
        ({"samples": x[:, 1:]}, ValueError, "`samples` must be inputs of the network: input .* must have shape"),
        ({"samples": [x.astype(complex)]}, TypeError, "`samples` must be inputs of the network"),
        ({"samples": x * np.float32(np.nan)}, ValueError, "not finite"),
    ]:
        with pytest.raises(error, match=message):
            net.quantize(**({"samples": x} | words))


def test_values_that_are_one_number_and_dead_outputs():
    kernel = np.zeros((2, 3), np.float32)
    kernel[:, 0] = 1
    graph = Graph(
        [Value("x", (None, 2), FLOAT)],
        [Value("y")],
        [Node("Dense", ("x", "k", "b"), ("y",))],
        {"k": kernel, "b": np.float32([0, 5, 0])},
    )
    x = np.zeros((4, 2), np.float32)
    np.testing.assert_allclose(Net(graph).quantize(x, keep=())(x), Net(graph)(x), atol=0.02)


def plain_and_fused(graph, x):
    """What a graph gives as it is written, and after the pass."""
    plain = Plan(graph, [x.shape]).workspace()([x])[0]
    use_integers(graph)
    return plain, Plan(graph, [x.shape]).workspace()([x])[0]


def test_sums_beyond_int32_stay_on_floats():
    constants = layer_constants() | {"b": np.int32([2**31 - 1, -(2**31), 5, 6])}
    graph = quantized_graph(CONV, constants)
    plain, fused = plain_and_fused(graph, np.full((1, 6, 6, 2), 255, np.uint8))
    assert [node.op for node in graph.nodes] == [op for op, *_ in CONV]
    np.testing.assert_array_equal(fused, plain)


@pytest.mark.parametrize("scale", [1e38, 1e30, 1e-42])
def test_scales_whose_products_are_beyond_float32_stay_on_floats(scale):
    constants = layer_constants() | {"ks": np.full(4, scale, np.float32), "b": np.zeros(4, np.int32)}
    constants["bs"] = np.float32(min(scale, 1e-9)) * constants["ks"]
    graph = quantized_graph(CONV, constants | {"s": np.float32(scale)})
    plain, fused = plain_and_fused(graph, np.full((1, 6, 6, 2), 10, np.uint8))
    np.testing.assert_array_equal(fused, plain)


@pytest.mark.parametrize("function", ["round", "add"])
def test_tables_and_sums_are_of_float32_as_it_is_written(function):
    """Of 0.05 as a float32, 10 steps are 0.5, and in float64 a little more."""
    middle = ("Round", "r", "a", {}) if function == "round" else ("Add", "r r", "a", {})
    nodes = [("DequantizeLinear", "x v z", "r", {}), middle, ("QuantizeLinear", "a w u", "y", {})]
    graph = quantized_graph(nodes, {"v": np.float32(0.05), "w": np.float32(0.04)})
    x = np.arange(216, dtype=np.uint8).reshape(3, 6, 6, 2)
    np.testing.assert_array_equal(*plain_and_fused(graph, x))


def test_sums_of_single_numbers():
    words = {"a": (0.5, 3), "b": (0.5, 2), "y": (0.25, 7), "low": 0, "high": 255, "dtype": "uint8"}
    y = run(Node("QuantizedAdd", ("a", "b"), ("y",), words), {"a": np.uint8(9), "b": np.uint8(4)}, {})
    assert y == 23


@pytest.mark.parametrize("dtype", ["int8", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    "nodes",
    [
        [("Add", "r r", "a", {})],
        [("Neg", "r", "a", {})],
        [("DequantizeLinear", "k ks kz", "kr", {"axis": 3}), ("Conv", "r kr", "a", {})],
    ],
)
def test_inputs_of_another_dtype_than_the_zero_point_are_value_errors(nodes, dtype):
    nodes = [("DequantizeLinear", "x s z", "r", {}), *nodes, ("QuantizeLinear", "a t u", "y", {})]
    graph = quantized_graph(nodes, layer_constants())
    graph.inputs[0] = Value("x", (None, 6, 6, 2), np.dtype(dtype))
    with pytest.raises(ValueError, match=dtype):
        Net(graph)(np.ones((1, 6, 6, 2), dtype))


LAYER = {"factors": (0.5,), "x_zero": 1, "y_zero": 2, "low": 0, "high": 255, "dtype": "uint8"}
SUM = {"a": (0.5, 3), "b": (0.5, 2), "y": (0.25, 7), "low": 0, "high": 255, "dtype": "uint8"}


@pytest.mark.parametrize(
    ("op", "words"),
    [
        *(("QuantizedConv", LAYER | {name: value}) for name, value in [
            ("factors", ()), ("factors", (1.0, 2.0)), ("factors", (np.nan,)), ("low", "a"), ("high", 999),
            ("x_zero", -1), ("y_zero", 0.5), ("dtype", "float32"), ("dtype", "object"), ("reads", ("int8",)),
        ]),
        *(("QuantizedAdd", SUM | {name: value}) for name, value in [
            ("a", None), ("a", (1.0,)), ("b", (np.nan, 0)), ("y", (0.0, 0)), ("y", (1.0, 2**40)), ("low", "x"),
        ]),
        *(("LookupBytes", {"table": table, "dtype": dtype}) for table, dtype in [
            (b"abc", "uint8"), (bytes(256), "uint16"), (bytes(256), "object"), (None, "uint8"),
        ]),
    ],
)  # fmt: skip
def test_malformed_steps_are_value_errors(op, words):
    inputs = {"QuantizedConv": ("x", "k", "b"), "QuantizedAdd": ("x", "x"), "LookupBytes": ("x",)}[op]
    constants = {"k": np.ones((1, 1, 2, 4), np.int8), "b": np.zeros(4, np.int32)}
    graph = Graph(
        [Value("x", (1, 3, 3, 2), np.dtype("uint8"))], [Value("y")], [Node(op, inputs, ("y",), words)], constants
    )
    with pytest.raises(ValueError, match="'y'"):
        Net(graph)(np.full((1, 3, 3, 2), 200, np.uint8))


def test_networks_in_8_bits_are_quantized_again_and_keep_their_report():
    net, x = small_net(), images(40)
    small = net.quantize(x, keep=())
    again = small.quantize(7 * x, keep=())
    assert np.linalg.norm(again(x) - net(x)) < 0.1 * np.linalg.norm(net(x))
    copied = pickle.loads(pickle.dumps(small))
    assert copied.report == small.report
    np.testing.assert_array_equal(copied(x), small(x))


def test_values_may_have_any_names_and_be_read_along_two_axes(rng):
    weights = {"x:scale": rng.standard_normal((1, 1, 3, 4)).astype(np.float32), "d": np.ones((5, 2), np.float32)}
    nodes = [
        Node("Conv", ("x", "x:scale"), ("x:bytes",), {"data_format": "channels_first"}),
        Node("Dense", ("x", "d"), ("y",)),
    ]
    net = Net(Graph([Value("x", (None, 3, 8, 5), FLOAT)], [Value("x:bytes"), Value("y")], nodes, weights))
    x = rng.standard_normal((9, 3, 8, 5)).astype(np.float32)
    for ours, want in zip(net.quantize(x, keep=())(x), net(x), strict=True):
        assert np.linalg.norm(ours - want) < 0.03 * np.linalg.norm(want)
