"""ONNX models in 8 bits: what ONNX Runtime's tool writes against what ONNX Runtime computes, and malformed ones."""

import numpy as np
import onnx
import pytest
from mutations import LIMITS, mutated
from onnx import TensorProto, helper, numpy_helper
from quantized_models import by_runtime, integer_values, quantized, residual_model, samples, with_outputs

from fastconv.network import UnsupportedError, from_onnx, load

STATIC = [
    ("QDQ", {"per_channel": True}),
    ("QDQ", {"activation_type": "QInt8"}),
    ("QDQ", {"activation_type": "QUInt8", "weight_type": "QUInt8"}),
    ("QDQ", {"activation_type": "QUInt8", "weight_type": "QInt8", "per_channel": True}),
    ("QDQ", {"extra_options": {"ActivationSymmetric": True}}),
    ("QOperator", {"per_channel": True}),
    ("QOperator", {"activation_type": "QInt8"}),
    ("QOperator", {"activation_type": "QUInt8", "weight_type": "QUInt8"}),
]


def tool(form, words):
    from onnxruntime.quantization import QuantType

    words = {name: QuantType[value] if name.endswith("type") else value for name, value in words.items()}
    return quantized(residual_model(), [samples(8, seed) for seed in range(4)], form, **words)


@pytest.mark.parametrize(("form", "words"), STATIC, ids=lambda value: str(value))
def test_static_networks_give_the_integers_of_onnxruntime(form, words):
    model = tool(form, words)
    x, names = samples(16, 9), integer_values(model)
    all_of_it = with_outputs(model, names)
    off = count = 0
    for ours, theirs in zip(from_onnx(all_of_it)(x), by_runtime(all_of_it, x, names), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        difference = np.abs(ours.astype(int) - theirs)
        assert difference.max() <= 1
        off, count = off + np.count_nonzero(difference), count + difference.size
    assert off <= count / 10_000  # ties of roundings, which sums in another order tip over
    y = from_onnx(model)(x)
    (expected,) = by_runtime(model, x)
    np.testing.assert_allclose(y, expected, atol=0.02 * np.abs(expected).max())
    assert np.mean(y != expected) < 0.02


@pytest.mark.parametrize("weight_type", ["QInt8", "QUInt8"])
def test_dynamic_networks_agree_with_onnxruntime(weight_type):
    from onnxruntime.quantization import QuantType

    model = quantized(residual_model(), [], "dynamic", weight_type=QuantType[weight_type])
    x = samples(1, 3)
    (expected,) = by_runtime(model, x)
    np.testing.assert_allclose(from_onnx(model)(x), expected, rtol=1e-5, atol=1e-5)


def test_a_saved_network_in_8_bits_gives_the_same(tmp_path):
    net, x = from_onnx(tool("QDQ", {"per_channel": True})), samples(4)
    net.save(tmp_path / "net.fcn")
    np.testing.assert_array_equal(load(tmp_path / "net.fcn")(x), net(x))


def one_node(kind, inputs, constants, version=21, domain="", **words):
    """A model of one node; inputs by name with their element types, constants as arrays."""
    graph = helper.make_graph(
        [helper.make_node(kind, [*inputs, *constants], ["y"], domain=domain, **words)],
        "g",
        [helper.make_tensor_value_info(name, kind_, shape) for name, (kind_, shape) in inputs.items()],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", version), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_rounding_is_to_even_and_saturates():
    model = one_node("QuantizeLinear", {"x": (1, [None])}, {"s": np.float32(2), "z": np.int8(1)})
    x = np.float32([1, 3, 5, -1, -3, 252, 253, 1e30, -1e30, np.inf, -np.inf, np.nan])
    expected = np.int8([1, 3, 3, 1, -1, 127, 127, 127, -128, 127, -128, -128])
    np.testing.assert_array_equal(from_onnx(model)(x), expected)
    np.testing.assert_array_equal(by_runtime(model, x[:-1])[0], expected[:-1])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_padding_of_convolutions_is_the_zero_point(signed, per_channel):
    rng = np.random.default_rng(3)
    outputs, kind = 6, np.int8 if signed else np.uint8
    shape = outputs if per_channel else ()
    constants = {
        "xs": np.float32(0.02),
        "xz": kind(37),
        "w": rng.integers(-128, 128, (outputs, 2, 3, 3)).astype(np.int8),
        "ws": np.asarray(rng.uniform(0.01, 0.02, shape), np.float32),
        "wz": np.asarray(rng.integers(-9, 9, shape), np.int8) if per_channel else np.int8(5),
        "ys": np.float32(0.11),
        "yz": kind(100),
        "b": rng.integers(-999, 999, outputs).astype(np.int32),
    }
    element = TensorProto.INT8 if signed else TensorProto.UINT8
    words = {"pads": [1, 2, 0, 1], "strides": [1, 2], "group": 2, "dilations": [2, 1]}
    model = one_node("QLinearConv", {"x": (element, [2, 4, 9, 8])}, constants, **words)
    x = rng.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, (2, 4, 9, 8)).astype(kind)
    wide = np.pad(x.astype(int) - 37, ((0, 0), (0, 0), (1, 0), (2, 1)))
    w = constants["w"].astype(int) - np.reshape(constants["wz"], (-1, 1, 1, 1))
    sums = np.zeros((2, outputs, 6, 5), int) + constants["b"].reshape(-1, 1, 1)
    for place in np.ndindex(sums.shape[1:]):
        o, i, j = place
        group = slice(2 * (o // 3), 2 * (o // 3) + 2)
        sums[(slice(None), *place)] += (wide[:, group, i : i + 5 : 2, 2 * j : 2 * j + 3] * w[o]).sum((1, 2, 3))
    factor = np.float32(0.02) * constants["ws"] / np.float32(0.11)
    bounds = np.iinfo(kind)
    scaled = np.rint(sums.astype(np.float32) * np.reshape(factor, (-1, 1, 1)))
    np.testing.assert_array_equal(from_onnx(model)(x), np.clip(scaled + 100, bounds.min, bounds.max))


def test_kernels_behind_a_scale_need_no_kernel_shape():
    rng = np.random.default_rng(4)
    constants = {"w": rng.integers(-128, 128, (6, 2, 3, 3)).astype(np.int8), "ws": np.float32(0.01), "wz": np.int8(0)}
    constants |= {"xs": np.float32(0.02), "xz": np.uint8(37), "ys": np.float32(0.1), "yz": np.uint8(99)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["r"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["k"]),
        helper.make_node("Conv", ["r", "k"], ["c"], group=2),
        helper.make_node("QuantizeLinear", ["c", "ys", "yz"], ["y"]),
    ]
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    value = helper.make_tensor_value_info("x", TensorProto.UINT8, [2, 4, 9, 8])
    graph = helper.make_graph(nodes, "g", [value], [onnx.ValueInfoProto(name="y")], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    x = rng.integers(0, 256, (2, 4, 9, 8)).astype(np.uint8)
    assert np.abs(from_onnx(model)(x).astype(int) - by_runtime(model, x)[0]).max() <= 1


def test_gemm_of_onnxruntime_with_and_without_a_scale_of_the_result():
    rng = np.random.default_rng(5)
    constants = {
        "as": np.float32(0.1),
        "az": np.uint8(3),
        "b": rng.integers(-128, 128, (4, 7)).astype(np.int8),
        "bs": rng.uniform(0.01, 0.02, 4).astype(np.float32),
        "bz": np.zeros(4, np.int8),
        "c": rng.integers(-999, 999, 4).astype(np.int32),
    }
    result = {"ys": np.float32(0.3), "yz": np.uint8(99)}
    x = rng.integers(0, 256, (5, 7)).astype(np.uint8)
    for more in ({}, result):
        model = one_node("QGemm", {"x": (2, [5, 7])}, constants | more, domain="com.microsoft", transB=1)
        np.testing.assert_allclose(from_onnx(model)(x), by_runtime(model, x)[0], rtol=1e-6, atol=0)


def test_scales_of_rows_of_a_product_with_a_vector():
    x = np.uint8([[0, 1, 2], [3, 4, 5]])
    constants = {"as": np.float32([1, 2]), "az": np.uint8([0, 1]), "b": np.int8([1, 1, 2]), "bs": np.float32(1)}
    constants |= {"bz": np.int8(0), "ys": np.float32(0.5), "yz": np.uint8(7)}
    expected = np.uint8([7 + 5 / 0.5, 7 + 13 * 2 / 0.5])
    model = one_node("QLinearMatMul", {"x": (2, [2, 3])}, constants)
    np.testing.assert_array_equal(from_onnx(model)(x), expected)


def test_convolutions_of_no_outputs():
    x, kernel, zero = np.ones((1, 2, 4, 5), np.uint8), np.ones((0, 2, 3, 3), np.int8), np.zeros(0, np.int8)
    model = one_node("ConvInteger", {"x": (2, [1, 2, 4, 5])}, {"w": kernel, "xz": np.uint8(1), "wz": zero})
    assert from_onnx(model)(x).shape == (1, 0, 2, 3)


@pytest.mark.parametrize("outputs", [1, 3])
def test_zero_points_of_another_number_than_outputs_are_refused(outputs):
    constants = {"xs": np.float32(1), "xz": np.uint8(0), "w": np.ones((outputs, 2, 1, 1), np.int8)}
    constants |= {"ws": np.float32(1), "wz": np.ones(5, np.int8), "ys": np.float32(1), "yz": np.uint8(0)}
    net = from_onnx(one_node("QLinearConv", {"x": (2, [1, 2, 3, 3])}, constants))
    with pytest.raises(ValueError, match=f"zero points of the kernel must be one number or {outputs}"):
        net(np.ones((1, 2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("kind", "constants", "words", "message"),
    [
        ("DequantizeLinear", {"s": np.float32([1, 2])}, {}, r"the scales must have shape \(3,\)"),
        ("DequantizeLinear", {"s": np.float32([[1, 2]])}, {"axis": 1, "block_size": -2}, "blocks of -2"),
        ("DequantizeLinear", {"s": np.float32(1), "z": np.int8(1)}, {}, "dtype uint8; received int8"),
        ("DequantizeLinear", {"s": np.float32([1] * 3)}, {"axis": 5}, "no axis 5"),
        ("DequantizeLinear", {"s": np.float32([1] * 3), "z": np.uint8(1)}, {}, "the zero points must have"),
    ],
)
def test_what_does_not_fit_is_a_value_error(kind, constants, words, message):
    net = from_onnx(one_node(kind, {"x": (2, [2, 3])}, constants, **words))
    with pytest.raises(ValueError, match=message):
        net(np.ones((2, 3), np.uint8))


@pytest.mark.parametrize("element", [17, 21, 22, 23])
def test_numbers_of_less_than_8_bits_and_float8_are_refused_by_name(element):
    model = one_node("QuantizeLinear", {"x": (1, [2])}, {"s": np.float32(1)}, output_dtype=element)
    with pytest.raises(UnsupportedError, match=r"QuantizeLinear: the element type"):
        from_onnx(model)


def test_malformed_models_end_in_value_errors():
    data = tool("QDQ", {"per_channel": True}).SerializeToString()
    for seed in range(150):
        try:
            net = from_onnx(mutated(data, seed), limits=LIMITS)
            shapes = [[2 if size is None else size for size in value.shape] for value in net.inputs]
            if max((np.prod(shape, dtype=float) for shape in shapes), default=0) < 1e5:
                net(*(np.ones(shape, value.dtype) for shape, value in zip(shapes, net.inputs, strict=True)))
        except ValueError:
            continue
