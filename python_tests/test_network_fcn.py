"""Files of `Net.save`: the same network again, whatever happens while it is written; damaged ones are refused."""

import ast
import io
import json
import os
import stat
import struct
import sys
import zlib
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import onnx
import pytest
from keras import layers as L
from mutations import VALUES as DAMAGES
from mutations import mutated, places
from network_models import moved

import fastconv
from fastconv.network import FileError, Graph, Limits, Net, Node, Value, fcn
from fastconv.network.fcn import writer
from fastconv.network.fcn.attributes import ATTRIBUTES
from fastconv.network.fcn.layout import Header

FLOAT = np.dtype("float32")
LIMITS = Limits(file_bytes=1 << 22, tensor_bytes=1 << 22, plan_bytes=1 << 24, nodes=1000, depth=10)


@pytest.fixture(scope="module")
def net():
    """Most kinds of structure."""
    x = inputs = keras.Input((12, 12, 3))
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="first")(L.Rescaling(0.5)(x))
    x = L.Add(name="sum")([x, L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x))])
    x = L.UpSampling2D(interpolation="bilinear")(L.MaxPooling2D()(L.ZeroPadding2D(1)(x))) * 2.0
    x = keras.Sequential([keras.Input((14, 14, 4)), L.Conv2DTranspose(2, 2), L.Reshape((15, 30))])(x)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    x = L.Dense(4, activation="softmax")(L.LayerNormalization()(L.TimeDistributed(L.Dense(3))(x)))
    return fastconv.from_keras(moved(keras.Model(inputs, [x, L.Flatten()(x)])))


@pytest.fixture(scope="module")
def data(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("fcn") / "model.fcn"
    net.save(path)
    return path.read_bytes()


@pytest.fixture
def x():
    return np.random.default_rng(0).random((2, 12, 12, 3), np.float32)


def small(weight):
    """A network that adds a weight."""
    weight = np.asarray(weight, np.float32)
    return Net(Graph([Value("x", (None, 2), FLOAT)], [Value("y")], [Node("Add", ("x", "w"), ("y",))], {"w": weight}))


def parts(data):
    """Weights and table of a file."""
    header = Header.parse(data, "")
    return data[: header.table_begin], json.loads(data[header.table_begin :])


def whole(weights, table, order=Header._field_defaults["order"]):
    """A file of weights and a table, with checksums that are right."""
    table = json.dumps(table).encode()
    header = Header(len(weights) + len(table), len(weights), zlib.crc32(table), order)
    return header.packed() + weights[64:] + table


def loaded(data, **limits):
    return fastconv.load(io.BytesIO(data), limits=Limits(**limits))


def assert_same_bits(a, b):
    assert len(a) == len(b)
    for first, second in zip(a, b, strict=True):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first.view(np.uint8), second.view(np.uint8))


def test_the_same_network_comes_back(net, x, tmp_path):
    net.save(tmp_path / "model.fcn")
    path = tmp_path / "model.fcn"
    for file in (path, str(path), io.BytesIO(path.read_bytes())):
        again = fastconv.load(file)
        assert_same_bits(again(x), net(x))
        assert repr(again.summary()) == repr(net.summary())
        assert (again.inputs, again.outputs, again.layers) == (net.inputs, net.outputs, net.layers)
        _, found = again(x, layers=["first", "sum"])
        _, wanted = net(x, layers=["first", "sum"])
        assert_same_bits([found["first"], found["sum"]], [wanted["first"], wanted["sum"]])


def test_saving_twice_gives_the_same_bytes(data, tmp_path):
    loaded(data).save(tmp_path / "again.fcn")
    assert (tmp_path / "again.fcn").read_bytes() == data


def test_weights_are_aligned_read_only_and_written_once(tmp_path):
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    values = {
        "a": weight,
        "b": weight,
        "c": weight.T,
        "d": np.float64(3),
        "e": np.zeros((0, 5), np.int64),
        "f": np.array([True, False]),
        "g": weight.astype(">f4"),
        "h": weight.astype(ml_dtypes.bfloat16),
    }
    graph = Graph(
        [Value("x", (None, 3), FLOAT)],
        [Value("y")],
        [Node("Add", ("x", "a"), ("y",))],
        {name: np.asarray(array) for name, array in values.items()},
    )
    Net(graph).save(tmp_path / "model.fcn")
    net = fastconv.load(tmp_path / "model.fcn")
    for name, array in values.items():
        found = net._graph.constants[name]
        np.testing.assert_array_equal(found, array)
        assert found.dtype == np.asarray(array).dtype.newbyteorder("=") and found.flags.c_contiguous
        assert found.ctypes.data % 64 == 0 and not found.flags.writeable
    assert net._graph.constants["a"].ctypes.data == net._graph.constants["b"].ctypes.data


def test_branches_of_a_condition(tmp_path):
    def branch(name, op):
        node = onnx.helper.make_node(op, ["x"], [name])
        return onnx.helper.make_graph([node], name, [], [onnx.helper.make_empty_tensor_value_info(name)])

    make = onnx.helper.make_node
    nodes = [
        make("Size", ["x"], ["size"]),
        make("Greater", ["size", "four"], ["big"]),
        make("If", ["big"], ["y"], then_branch=branch("a", "Neg"), else_branch=branch("b", "Abs")),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [value("x", 1, [None])],
        [value("y", 1, [None])],
        [onnx.numpy_helper.from_array(np.int64(4), "four")],
    )
    net = fastconv.from_onnx(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]))
    net.save(tmp_path / "model.fcn")
    again = fastconv.load(tmp_path / "model.fcn")
    for size in (2, 8):
        np.testing.assert_array_equal(again(np.ones(size, np.float32)), np.full(size, -1 if size > 4 else 1))


def test_files_of_the_other_byte_order(net, data, x):
    weights, table = parts(data)
    order, swapped = ">" if sys.byteorder == "little" else "<", bytearray(weights)
    for row in table["constants"]:
        count, begin = int(np.prod(row["shape"], dtype=int)), row["offset"]
        size = np.dtype(row["dtype"]).itemsize
        words = np.frombuffer(weights, f"u{size}", count, begin).byteswap().tobytes()
        swapped[begin : begin + len(words)] = words
        row["crc32"] = zlib.crc32(words)
    assert_same_bits(loaded(whole(bytes(swapped), table, order))(x), net(x))


def test_saving_over_a_loaded_file(tmp_path):
    path = tmp_path / "model.fcn"
    small([1, 2]).save(path)
    path.chmod(0o640)
    first = fastconv.load(path)
    small([3, 4]).save(path)
    np.testing.assert_array_equal(first([[0, 0]]), [[1, 2]])
    np.testing.assert_array_equal(fastconv.load(path)([[0, 0]]), [[3, 4]])
    first.save(path)
    np.testing.assert_array_equal(fastconv.load(path)([[0, 0]]), [[1, 2]])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 or os.name == "nt"
    assert os.listdir(tmp_path) == ["model.fcn"]


@pytest.mark.parametrize("failing", ["_write", "os.fsync", "os.replace", "os.chmod"])
def test_a_failure_leaves_the_file_as_it_was(tmp_path, monkeypatch, failing):
    path = tmp_path / "model.fcn"
    small([1, 2]).save(path)

    def fail(*args):
        raise OSError("no space")

    place, _, name = failing.rpartition(".")
    monkeypatch.setattr(os if place else writer, name, fail)
    with pytest.raises(OSError, match="no space"):
        small([3, 4]).save(path)
    monkeypatch.undo()
    np.testing.assert_array_equal(fastconv.load(path)([[0, 0]]), [[1, 2]])
    assert os.listdir(tmp_path) == ["model.fcn"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_in_half_precision(tmp_path, dtype):
    """The network computes what that of the rounded weights does, in float32."""
    x = inputs = keras.Input((12, 12, 3))
    x = L.Conv2DTranspose(16, 3)(L.Conv2D(32, 3, activation="relu", name="first")(x))
    x = L.Bidirectional(L.LSTM(16))(L.Reshape((12, 192))(x))
    model = moved(keras.Model(inputs, L.Dense(10)(x)))
    net = fastconv.from_keras(model)
    net.save(tmp_path / "whole.fcn")
    net.astype(dtype).save(tmp_path / "half.fcn")
    assert (tmp_path / "half.fcn").stat().st_size < 0.65 * (tmp_path / "whole.fcn").stat().st_size
    half = fastconv.load(tmp_path / "half.fcn")
    for variable in model.variables:
        values = np.asarray(variable)
        if values.ndim > 1:
            variable.assign(values.astype(dtype if dtype == "float16" else ml_dtypes.bfloat16).astype(np.float32))
    x = np.random.default_rng(0).random((2, 12, 12, 3), np.float32)
    wanted = fastconv.from_keras(model)(x)
    for found in (half, half.astype("float32"), half.astype(dtype)):
        assert_same_bits([found(x)], [wanted])
        assert found(x, layers=["first"])[1]["first"].dtype == np.float32
    assert [row[3] for row in half.summary().rows] == [row[3] for row in net.summary().rows]
    assert half.astype("float32")._graph.constants.keys() == net._graph.constants.keys()


def test_weights_beyond_half_precision():
    graph = Graph(
        [Value("x", (None, 2), FLOAT)],
        [Value("y")],
        [Node("Dense", ("x", "w"), ("y",), {}, "d", "Dense")],
        {"w": np.full((2, 2), 1e6, np.float32)},
    )
    with pytest.raises(ValueError, match=r"'d' \(Dense\) has weights beyond the range of float16"):
        Net(graph).astype("float16")
    with pytest.raises(ValueError, match="`dtype`"):
        Net(graph).astype("int8")


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(ValueError, match="`path`"):
        small([1, 2]).save(tmp_path)
    with pytest.raises(FileNotFoundError):
        small([1, 2]).save(tmp_path / "none" / "model.fcn")
    assert os.listdir(tmp_path) == []


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link.fcn").symlink_to(tmp_path / "model.fcn")
    small([1, 2]).save(tmp_path / "link.fcn")
    assert (tmp_path / "link.fcn").is_symlink() and not (tmp_path / "model.fcn").is_symlink()
    np.testing.assert_array_equal(fastconv.load(tmp_path / "model.fcn")([[0, 0]]), [[1, 2]])


def test_what_the_format_does_not_hold(tmp_path):
    node = Node("Add", ("x", "w"), ("y",), {"activation": object()})
    odd = Net(Graph([Value("x", (None, 2), FLOAT)], [Value("y")], [node], {"w": np.ones(2, np.float32)}))
    with pytest.raises(ValueError, match=r"'y' \(Add\) cannot be saved: the attribute 'activation'"):
        odd.save(tmp_path / "model.fcn")
    odd._graph.nodes[0].attributes.clear()
    odd._graph.constants["w"] = np.ones(2, np.complex64)
    with pytest.raises(ValueError, match="'w' is of dtype complex64"):
        odd.save(tmp_path / "model.fcn")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ({"file_bytes": 100}, "more than the limit of 100 bytes"),
        ({"nodes": 3}, r"nodes\[3\]: more than the limit of 3"),
        ({"tensor_bytes": 32}, r"constants\[2\].*more than the limit of 32"),
    ],
)
def test_limits_of_files(data, tmp_path, bound, message):
    (tmp_path / "model.fcn").write_bytes(data)
    for file in (io.BytesIO(data), tmp_path / "model.fcn"):
        with pytest.raises(FileError, match=message):
            fastconv.load(file, limits=Limits(**bound))


def test_every_attribute_that_readers_emit_is_known():
    """Keywords of calls that add nodes, as their files spell them."""
    emitted = set()
    folder = Path(fcn.__file__).parents[1]
    for path in [*(folder / "keras").rglob("*.py"), *(folder / "onnx").rglob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in ("add", "emit", "emit_several"):
                emitted |= {keyword.arg for keyword in call.keywords}
    assert {"axis", "epsilon"} < emitted
    assert emitted - {None, "to", "outputs", "branches"} <= set(ATTRIBUTES)


def _of(row, **words):
    return lambda table: table[row][-1].update(words)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_of("nodes", op="os.system"), r"nodes\[\d+\]: no operator of the name 'os.system'"),
        (_of("nodes", attributes={"axis": {"a": 1}}), "the attribute 'axis' may not be"),
        (_of("nodes", attributes={"__class__": 1}), "no attribute of the name '__class__'"),
        (_of("nodes", op="Conv", inputs=[]), "Conv does not take 0 inputs"),
        (_of("nodes", inputs=[1]), "`inputs` must be strings"),
        (_of("nodes", inputs=["nothing"]), "nodes: .* reads 'nothing'"),
        (_of("nodes", outputs=[""]), "no outputs"),
        (_of("nodes", op="If", attributes={"branches": []}), "two branches"),
        (
            _of("nodes", op="If", attributes={"branches": [{"nodes": [], "inputs": ["a"], "results": []}] * 2}),
            r"branches\[0\]: other numbers",
        ),
        (lambda table: table["layers"].update(more="nothing"), "layers: no value of the name 'nothing'"),
        (lambda table: table.update(nodes=None), "table: `nodes` must be a list"),
        (lambda table: table["inputs"][0].update(shape=None), r"inputs\[0\]: `shape`"),
        (lambda table: table["inputs"][0].update(dtype="object"), r"inputs\[0\]: no dtype of 'object'"),
        (lambda table: table["outputs"].append({"name": "nothing"}), "output 'nothing'"),
        (_of("constants", dtype="float7"), "no dtype of 'float7'"),
        (_of("constants", shape=[-1]), "`shape`"),
        (_of("constants", shape=[1] * 33), "`shape`"),
        (_of("constants", shape=[2**40, 2**40]), "more than the limit"),
        (_of("constants", shape=[0, 2**70]), "more than the limit"),
        (_of("constants", offset=2**40 * 64), "no place"),
        (_of("constants", offset=-64), "no place"),
        (_of("constants", offset=0), "no place"),
        (_of("constants", offset=72), "no place"),
        (_of("constants", offset=64), "overlaps"),
        (lambda table: table["constants"][0].update(crc32=0), "the checksum differs"),
    ],
)
def test_tables_that_do_not_fit(data, change, message):
    weights, table = parts(data)
    table["constants"].append(dict(table["constants"][-1], name="more"))
    change(table)
    with pytest.raises(FileError, match=f"^<BytesIO>: .*{message}"):
        loaded(whole(weights, table))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"[]", "not an object"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (2 << 20), "more than the limit"),
    ],
)
def test_tables_that_are_none(table, message):
    header = Header(64 + len(table), 64, zlib.crc32(table))
    with pytest.raises(FileError, match=f"^<BytesIO>: table: .*{message}"):
        loaded(header.packed() + table, nodes=1000)


def test_headers_that_do_not_fit(data):
    for place in (9, 12, 16):
        changed = bytearray(data)
        changed[place] ^= 3
        with pytest.raises(FileError, match="header: the checksum differs"):
            loaded(bytes(changed))
    for changed, message in [
        (data[:63], "not that of"),
        (data[:8] + b"?" + data[9:], "no byte order"),
        (data[:-1], f"there are {len(data) - 1}"),
        (data + b"\0", f"there are {len(data) + 1}"),
        (Header(len(data), 63, 0).packed() + data[64:], "beyond the file"),
    ]:
        with pytest.raises(FileError, match=f"^<BytesIO>: header: .*{message}"):
            loaded(changed)
    head = bytearray(data[:60])
    struct.pack_into("I", head, 12, 2)
    with pytest.raises(FileError, match="version 2; this fastconv reads version 1"):
        loaded(bytes(head) + struct.pack("I", zlib.crc32(head)) + data[64:])


def test_every_flipped_bit_is_found_or_of_no_weight(net, data, x):
    draw, wanted = np.random.default_rng(0), net(x)
    refused = 0
    for place in draw.integers(0, len(data), 200):
        changed = bytearray(data)
        changed[place] ^= 1 << draw.integers(8)
        try:
            again = loaded(bytes(changed))
        except FileError:
            refused += 1
        else:
            assert_same_bits(again(x), wanted)  # between two arrays
    assert refused > 150


def runs(data):
    """Whether a file gave an answer; a ValueError says that it gave none."""
    try:
        net = fastconv.load(io.BytesIO(data), limits=LIMITS)
        shapes = [[2 if size is None else size for size in value.shape] for value in net.inputs]
        if max((np.prod(shape, dtype=float) for shape in shapes), default=0) > 1e6:
            return False
        net(*(np.ones(shape, value.dtype) for shape, value in zip(shapes, net.inputs, strict=True)))
    except ValueError:
        return False
    return True


def test_damaged_bytes(data):
    """Also with checksums that are right, so that what they guard is reached."""
    begin = Header.parse(data, "").table_begin
    answers = 0
    for number in range(400):
        changed = mutated(data, number, (begin, len(data)))
        runs(changed)
        table = changed[begin:]
        answers += runs(Header(len(changed), begin, zlib.crc32(table)).packed() + changed[64:begin] + table)
    assert answers  # of names that only messages tell


VALUES = [*DAMAGES, "same_upper", "Conv", "float64"]


@pytest.mark.parametrize("seed", range(4))
def test_damaged_tables(data, seed):
    draw, answers = np.random.default_rng(seed), 0
    for _ in range(100):
        weights, table = parts(data)
        found = places({word: rows for word, rows in table.items() if word != "constants"}, [])
        container, key = found[draw.integers(len(found))]
        other, place = found[draw.integers(len(found))]
        drawn = draw.integers(len(VALUES) + 5)
        container[key] = VALUES[drawn] if drawn < len(VALUES) else json.loads(json.dumps(other[place]))
        answers += runs(whole(weights, table))
    assert answers
