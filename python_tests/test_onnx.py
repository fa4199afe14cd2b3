"""ONNX models: older operator sets, weights in other files, what is refused, and malformed files."""

import io
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from mutations import mutated
from onnx import TensorProto, helper, numpy_helper

import fastconv
from fastconv.network import FileError, Limits, UnsupportedError, from_onnx, load

FLOAT = TensorProto.FLOAT


def model(nodes, inputs, outputs, weights=(), version=17):
    """A model of float32 inputs by shape, and of outputs by name."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in dict(weights).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def network(version=17):
    """A small CNN with a residual block, a shape that is computed, and two outputs."""
    weights = {
        "k1": drawn(8, 3, 3, 3) / 5,
        "b1": drawn(8, seed=1),
        "k2": drawn(8, 1, 3, 3, seed=2),
        "k3": drawn(8, 8, 1, 1) / 3,
        "scale": drawn(8, seed=3),
        "offset": drawn(8, seed=4),
        "mean": drawn(8, seed=5),
        "var": np.abs(drawn(8, seed=6)),
        "w": drawn(5, 8, seed=7),
        "b": drawn(5, seed=8),
        "minus": np.array([-1]),
        "zero": np.array(0),
        "axis": np.array([0]),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "k1", "b1"], ["c1"], "stem", strides=[2, 2], pads=[1, 0, 0, 1]),
        node("Relu", ["c1"], ["r1"], "stem_relu"),
        node("Conv", ["r1", "k2"], ["c2"], "depthwise", group=8, auto_pad="SAME_UPPER"),
        node("BatchNormalization", ["c2", "scale", "offset", "mean", "var"], ["n2"], "norm"),
        node("Sigmoid", ["n2"], ["s2"], "gate"),
        node("Mul", ["n2", "s2"], ["a2"], "silu"),
        node("Conv", ["a2", "k3"], ["c3"], "pointwise"),
        node("Add", ["c3", "r1"], ["sum"], "residual"),
        node(
            "MaxPool",
            ["sum"],
            ["p"],
            "pool",
            kernel_shape=[3, 3],
            strides=[2, 2],
            **({"ceil_mode": 1} if version >= 10 else {}),
        ),
        node("GlobalAveragePool", ["p"], ["g"], "mean"),
        node("Shape", ["g"], ["shape"], "shape"),
        node("Gather", ["shape", "zero"], ["batch"], "batch"),
        node(
            "Unsqueeze",
            ["batch", "axis"] if version >= 13 else ["batch"],
            ["batch1"],
            "unsqueeze",
            **({} if version >= 13 else {"axes": [0]}),
        ),
        node("Concat", ["batch1", "minus"], ["target"], "target", axis=0),
        node("Reshape", ["g", "target"], ["flat"], "flatten"),
        node("Gemm", ["flat", "w", "b"], ["logits"], "dense", transB=1),
        node("Softmax", ["logits"], ["y"], "softmax", axis=1),
    ]
    return model(nodes, {"x": ["n", 3, "h", "w"]}, ["y", "p"], weights, version)


def by_onnxruntime(proto, *inputs):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {value.name: array for value, array in zip(session.get_inputs(), inputs, strict=True)})


def same(ours, theirs, eps=1e-5):
    ours = ours if isinstance(ours, list) else [ours]
    for y, expected in zip(ours, theirs, strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
        assert np.abs(y - expected).max() <= eps * np.abs(expected).max()


@pytest.mark.parametrize("version", [7, 9, 11, 13, 17, 21])
def test_network_as_onnxruntime_has_it(version):
    proto = network(version)
    net = from_onnx(proto)
    for shape in ((1, 3, 16, 16), (3, 3, 21, 17)):
        x = drawn(*shape)
        same(net(x), by_onnxruntime(proto, x))
    assert [value.shape for value in net.inputs] == [(None, 3, None, None)]
    (_, pooled), features = net(x, layers=["stem_relu", "pool"])
    np.testing.assert_array_equal(features["pool"], pooled)
    assert features["stem_relu"].min() == 0


def test_load_takes_paths_and_files(tmp_path):
    proto, x = network(), drawn(2, 3, 16, 16)
    onnx.save(proto, tmp_path / "net.onnx")
    expected = from_onnx(proto)(x)
    for source in (tmp_path / "net.onnx", str(tmp_path / "net.onnx"), io.BytesIO(proto.SerializeToString())):
        same(fastconv.load(source)(x), expected, 0)
    same(fastconv.from_onnx(proto.SerializeToString())(x), expected, 0)


def external(folder, location="weights.bin"):
    proto = network()
    onnx.save_model(proto, folder / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=64)
    proto = onnx.load(folder / "net.onnx", load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "net.onnx").write_bytes(proto.SerializeToString())
    return folder / "net.onnx"


def test_weights_in_a_file_of_their_own(tmp_path):
    path, x = external(tmp_path), drawn(1, 3, 16, 16)
    same(load(path)(x), from_onnx(network())(x), 0)
    with pytest.raises(FileError, match="load the model by its path"):
        from_onnx(path.read_bytes())
    (tmp_path / "weights.bin").write_bytes(b"short")
    with pytest.raises(FileError, match=r"net\.onnx: initializer 'k1' lies beyond its file 'weights.bin'"):
        load(path)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "link", "folder/../../secret", "missing", "", "a\0b"])
def test_weights_outside_the_folder_are_refused(tmp_path, location):
    (tmp_path / "secret").write_bytes(bytes(100_000))
    folder = tmp_path / "model"
    folder.mkdir()
    os.symlink(tmp_path / "secret", folder / "link")
    with pytest.raises(FileError, match=r"names|cannot be read"):
        load(external(folder, location))


def test_all_unknown_nodes_are_listed():
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Loop", ["", "", "a"], ["b"], "loop_1"),
        helper.make_node("Bernoulli", ["b"], ["c"]),
        helper.make_node("FusedConv", ["c"], ["d"], "fused", domain="com.microsoft"),
        helper.make_node("Resize", ["d", "", "", ""], ["y"], "up"),
        helper.make_node("Conv", ["y", "k"], ["z"], "volume"),
    ]
    with pytest.raises(UnsupportedError) as caught:
        from_onnx(model(nodes, {"x": [1, 2]}, ["z"], {"k": drawn(1, 1, 1, 1, 1)}))
    assert str(caught.value) == (
        "model: not supported: 'loop_1' (Loop), 'c' (Bernoulli), 'fused' (com.microsoft.FusedConv), "
        "'up' (Resize: neither scales nor sizes), 'volume' (Conv: 3 spatial axes)"
    )


@pytest.mark.parametrize("truth", [True, False])
def test_the_branch_of_a_constant_condition_is_taken(truth):
    def branch(op):
        return helper.make_graph(
            [helper.make_node(op, ["x"], [f"{op}_y"])], op, [], [helper.make_tensor_value_info(f"{op}_y", FLOAT, None)]
        )

    nodes = [helper.make_node("If", ["truth"], ["y"], then_branch=branch("Neg"), else_branch=branch("Abs"))]
    x = drawn(5)
    net = from_onnx(model(nodes, {"x": [5]}, ["y"], {"truth": np.array(truth)}))
    np.testing.assert_array_equal(net(x), -x if truth else np.abs(x))
    nodes = [helper.make_node("Equal", ["x", "x"], ["truth"]), *nodes]
    with pytest.raises(UnsupportedError, match=r"'y' .If: a condition that is not constant"):
        from_onnx(model(nodes, {"x": [1]}, ["y"]))


def test_the_branch_of_a_condition_on_sizes_is_taken_at_each_call():
    node, info = helper.make_node, helper.make_tensor_value_info

    def branch(op, *more, constant="c", result="z"):
        nodes = [node("Constant", [], [constant], value_float=2.0), node(op, ["x", constant], [result]), *more]
        return helper.make_graph(nodes, op, [], [info("w" if more else result, FLOAT, None)])

    inner = node(
        "If",
        ["short"],
        ["w"],
        then_branch=branch("Mul", constant="d", result="v"),
        else_branch=branch("Add", constant="d", result="v"),
    )
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Less", ["s", "ten"], ["l"]),
        node("Squeeze", ["l"], ["short"]),
        node("If", ["short"], ["y"], then_branch=branch("Sub", inner), else_branch=branch("Div")),
    ]
    net = from_onnx(model(nodes, {"x": ["n"]}, ["y"], {"ten": np.array([10])}))
    for count in (3, 30, 4):
        x = drawn(count)
        np.testing.assert_array_equal(net(x), x * 2 if count < 10 else x / 2)


def one(op, inputs, version, outputs=("y",), weights=(), **attributes):
    """A model of one node."""
    names = [*inputs, *dict(weights)]
    return model([helper.make_node(op, names, list(outputs), **attributes)], inputs, [*outputs], weights, version)


OLDER = [
    one("Upsample", {"x": [1, 2, 3, 4]}, 7, scales=[1.0, 1.0, 2.0, 3.0], mode="nearest"),
    one("Upsample", {"x": [1, 2, 3, 4]}, 9, weights={"s": np.array([1, 1, 2, 3], np.float32)}, mode="linear"),
    one("Resize", {"x": [1, 2, 5, 4]}, 10, weights={"s": np.array([1, 1, 0.6, 2], np.float32)}, mode="linear"),
    one("Pad", {"x": [2, 3]}, 7, pads=[1, 0, 0, 2], value=1.5),
    one("Pad", {"x": [4, 3]}, 10, pads=[1, 2, 0, 1], mode="reflect"),
    one("Slice", {"x": [4, 5]}, 9, starts=[1, -3], ends=[3, 100], axes=[0, 1]),
    one("Slice", {"x": [4, 5]}, 7, starts=[1], ends=[3]),
    one("Clip", {"x": [30]}, 7, min=-0.5, max=0.25),
    one("Clip", {"x": [30]}, 9, min=0.0, max=6.0),
    one("Clip", {"x": [30]}, 9, min=0.0),
    one("Softmax", {"x": [2, 3, 4]}, 11, axis=1),
    one("LogSoftmax", {"x": [2, 3, 4]}, 9, axis=0),
    one("Squeeze", {"x": [2, 1, 4]}, 11, axes=[1]),
    one("Unsqueeze", {"x": [2, 4]}, 11, axes=[0, 3]),
    one("Split", {"x": [2, 6]}, 11, ["a", "b"], axis=1, split=[2, 4]),
    one("Split", {"x": [2, 7]}, 18, ["a", "b", "c"], axis=1, num_outputs=3),
    one("ReduceMean", {"x": [2, 3, 4]}, 11, axes=[0, 2], keepdims=0),
    one("ReduceL2", {"x": [2, 3, 4]}, 13, axes=[-1]),
    one("TopK", {"x": [2, 9]}, 9, ["v", "i"], k=3),
    one("Dropout", {"x": [4]}, 7, ratio=0.9),
    one("MatMul", {"x": [2, 3], "z": [3, 4]}, 9),
    one("Gemm", {"x": [3, 2], "z": [4, 3], "c": [4]}, 9, transA=1, transB=1, alpha=0.5, beta=2.0),
    one("LRN", {"x": [2, 7, 3, 3]}, 9, size=5, alpha=0.3),
    one("AveragePool", {"x": [1, 2, 7, 6]}, 11, kernel_shape=[3, 2], pads=[1, 1, 0, 1], strides=[2, 2], ceil_mode=1),
    one("AveragePool", {"x": [1, 2, 7, 6]}, 11, kernel_shape=[3, 2], pads=[1, 1, 0, 1], count_include_pad=1),
    one("MaxPool", {"x": [1, 2, 9, 8]}, 11, kernel_shape=[2, 3], dilations=[2, 1], strides=[2, 1]),
    one(
        "ConvTranspose",
        {"x": [1, 4, 5, 4]},
        11,
        weights={"k": drawn(4, 3, 3, 2), "b": drawn(6)},
        strides=[2, 3],
        pads=[1, 0, 1, 1],
        output_padding=[1, 0],
        group=2,
    ),
    one(
        "ConvTranspose", {"x": [1, 2, 3, 4]}, 11, weights={"k": drawn(2, 3, 3, 4)}, strides=[2, 3], output_shape=[6, 11]
    ),
    one(
        "ConvTranspose",
        {"x": [1, 2, 3, 4]},
        11,
        weights={"k": drawn(2, 3, 4, 4)},
        strides=[1, 3],
        auto_pad="SAME_LOWER",
    ),
    one("ConvTranspose", {"x": [1, 2, 5]}, 11, weights={"k": drawn(2, 3, 4)}, strides=[3], auto_pad="SAME_UPPER"),
    one(
        "LSTM",
        {"x": [5, 2, 3]},
        14,
        ["y", "h", "c"],
        direction="bidirectional",
        hidden_size=4,
        weights={"k": drawn(2, 16, 3), "r": drawn(2, 16, 4) / 2, "b": drawn(2, 32)},
    ),
    one(
        "GRU",
        {"x": [5, 2, 3]},
        14,
        ["y", "h"],
        direction="reverse",
        hidden_size=4,
        linear_before_reset=1,
        weights={"k": drawn(1, 12, 3), "r": drawn(1, 12, 4) / 2, "b": drawn(1, 24)},
    ),
    one("GRU", {"x": [5, 2, 3]}, 14, ["y"], hidden_size=4, weights={"k": drawn(1, 12, 3), "r": drawn(1, 12, 4) / 2}),
]


@pytest.mark.parametrize("proto", OLDER, ids=lambda proto: proto.graph.node[0].op_type)
def test_nodes_of_older_operator_sets_as_onnxruntime_has_them(proto):
    inputs = [
        drawn(*(dim.dim_value for dim in value.type.tensor_type.shape.dim), seed=i)
        for i, value in enumerate(proto.graph.input)
    ]
    for value in proto.graph.output:
        value.type.tensor_type.elem_type = TensorProto.INT64 if value.name == "i" else FLOAT
    same(from_onnx(proto)(*inputs), by_onnxruntime(proto, *inputs))


def test_broadcasting_of_operator_set_6():
    x, y = drawn(2, 3, 4, 5), drawn(3, 4)
    net = from_onnx(one("Add", {"x": x.shape, "z": y.shape}, 6, broadcast=1, axis=1))
    np.testing.assert_array_equal(net(x, y), x + y[:, :, np.newaxis])
    slope = np.array([0.1, 0.2, 0.3], np.float32)
    net = from_onnx(one("PRelu", {"x": x.shape}, 6, weights={"slope": slope}))
    np.testing.assert_array_equal(net(x), np.where(x < 0, x * slope[:, np.newaxis, np.newaxis], x))


def test_what_is_no_model():
    for data in (b"", b"\x08\x07", b"\x08\x07:\x00\xff", os.urandom(1000)):
        with pytest.raises(ValueError, match="model: "):
            from_onnx(data)
    with pytest.raises(TypeError, match="`model` must be bytes or a ModelProto; received int"):
        from_onnx(7)
    with pytest.raises(UnsupportedError, match="operator set 5, which is not in 6 to"):
        from_onnx(one("Relu", {"x": [1]}, 5))


def test_limits():
    proto = network()
    with pytest.raises(FileError, match="larger than the limit"):
        from_onnx(proto, limits=Limits(tensor_bytes=256))
    with pytest.raises(FileError, match="more items than the limit"):
        from_onnx(proto, limits=Limits(nodes=3))
    with pytest.raises(FileError, match="more than 2 deep"):
        from_onnx(proto, limits=Limits(depth=2))


def test_constants_that_a_small_model_would_make_are_bounded():
    doubled = [helper.make_node("Concat", [f"d{i}"] * 2, [f"d{i + 1}"], axis=0) for i in range(60)]
    filled = [helper.make_node("ConstantOfShape", ["n"], [f"f{i}"]) for i in range(60)]
    ends = [helper.make_node("Sum", [*(f"f{i}" for i in range(60)), "x"], ["y"])]
    limits = Limits(tensor_bytes=1 << 22, plan_bytes=1 << 24)
    cases = (doubled, "d60", "more than the limit"), ([*filled, *ends], "y", "constants of a plan")
    for nodes, output, message in cases:
        proto = model(nodes, {"x": [1]}, [output], {"d0": drawn(1000), "n": np.array([1_000_000])})
        with pytest.raises(ValueError, match=message):
            from_onnx(proto, limits=limits)(drawn(1))


def test_malformed_models_end_in_value_errors():
    data, x = network().SerializeToString(), drawn(1, 3, 8, 8)
    limits = Limits(tensor_bytes=1 << 24, plan_bytes=1 << 24)
    begin = max(data.index(b"stem") - 40, 0)
    hot = begin, data.index(b"softmax") + 40  # the nodes; weights follow
    outcomes = {True: 0, False: 0}
    for seed in range(1500):
        try:
            from_onnx(mutated(data, seed, hot), limits=limits)(x)
            outcomes[True] += 1
        except ValueError:
            outcomes[False] += 1
        except TypeError as error:  # another dtype, or more inputs
            assert str(error).startswith(("input ", "the network "))
    assert min(outcomes.values()) > 100


def test_weights_are_held_and_counted_once():
    """In whatever order their axes are, from initializers and from nodes that are constants."""
    weights = {"k": drawn(8, 3, 3, 3)}
    second = helper.make_node("Constant", [], ["l"], "weights", value=numpy_helper.from_array(drawn(4, 8, 1, 1)))
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], "first"),
        second,
        helper.make_node("Conv", ["c", "l"], ["y"], "second"),
    ]
    net = from_onnx(model(nodes, {"x": (1, 3, 8, 8)}, ["y"], weights).SerializeToString())
    count = 8 * 3 * 3 * 3 + 4 * 8
    assert f"{count:,} parameters, {4 * count:,} bytes" in repr(net.summary())
    assert net.layers == ["first", "second"] and net.nbytes == 4 * count


def test_what_follows_the_boxes_that_are_kept():
    """Their number follows from data, and with it the sizes of what is after them."""
    nodes = [
        helper.make_node("Relu", ["scores"], ["positive"]),
        helper.make_node("NonMaxSuppression", ["boxes", "positive", "most", "overlap", "least"], ["kept"]),
        helper.make_node("Gather", ["kept", "two"], ["places"], axis=1),
        helper.make_node("Gather", ["flat", "places"], ["y"], axis=0),
        helper.make_node("Reshape", ["boxes", "shape"], ["flat"]),
    ]
    nodes = [nodes[0], nodes[4], *nodes[1:4]]
    weights = {
        "most": np.array([3], np.int64),
        "overlap": np.array([0.4], np.float32),
        "least": np.array([0.1], np.float32),
        "two": np.array(2, np.int64),
        "shape": np.array([-1, 4], np.int64),
    }
    proto = model(nodes, {"boxes": (1, 12, 4), "scores": (1, 2, 12)}, ["y"], weights)
    net = fastconv.from_onnx(proto)
    for seed in range(4):
        boxes, scores = np.abs(drawn(1, 12, 4, seed=seed)), drawn(1, 2, 12, seed=seed + 9)
        (theirs,) = by_onnxruntime(proto, boxes, scores)
        np.testing.assert_array_equal(net(boxes, scores), theirs)
    assert net.outputs[0].shape is None
    with pytest.raises(ValueError, match="follow from data"):
        net.profile(boxes, scores)


@pytest.mark.parametrize("field", ["raw_data", "int32_data"])
def test_weights_of_bfloat16_have_their_numbers_in_float32(field):
    kernel = drawn(4, 3, 3, 3)
    bits = (kernel.view(np.uint32) >> 16).astype(np.uint16)
    tensor = TensorProto(name="half", data_type=TensorProto.BFLOAT16, dims=kernel.shape)
    if field == "raw_data":
        tensor.raw_data = bits.astype("<u2").tobytes()
    else:
        tensor.int32_data.extend(bits.ravel().tolist())
    nodes = [helper.make_node("Cast", ["half"], ["k"], to=FLOAT), helper.make_node("Conv", ["x", "k"], ["y"])]
    proto = model(nodes, {"x": (1, 3, 8, 8)}, ["y"])
    proto.graph.initializer.append(tensor)
    x = drawn(1, 3, 8, 8)
    (theirs,) = by_onnxruntime(proto, x)
    np.testing.assert_allclose(fastconv.from_onnx(proto)(x), theirs, rtol=1e-4, atol=1e-5)
