"""Damaged files of networks: readers end in a ValueError that names the file, or give a network that runs."""

from __future__ import annotations

import functools
import io
import json
import resource
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from mutations import LIMITS, VALUES, mutated, places

import fastconv
from fastconv.network.fcn.layout import Header

from . import draw
from .check import Mismatch

GROWTH = 512 << 20  # bytes that a case may take: the limits, several times
CELLS = 1e5  # of an input; files that ask for more are read only
SUFFIXES = (".keras", ".h5", ".onnx", ".fcn")
PARTS = {".keras": ("config.json", "model.weights.h5", "archive"), ".fcn": ("table", "table", "bytes")}


def draw_case(d: draw.Draw) -> dict:
    """Which file is damaged where, and whether what is read runs."""
    suffix = d.choice(SUFFIXES)
    return {
        "suffix": suffix,
        "number": d.seed_of_values(),
        "part": d.choice(PARTS.get(suffix, ("bytes",))),
        "values": d.chance(0.7),
        "splice": d.chance(0.1),
        "seed": d.seed_of_values(),
        "runs": d.chance(0.3),
    }


def run(case: dict) -> None:
    data = damaged(case)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        net = fastconv.load(io.BytesIO(data), limits=LIMITS)
        if case["runs"]:
            _run(net)
    except ValueError as error:
        if not str(error):
            raise Mismatch("an error without a text") from error
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if grown > GROWTH:
        raise Mismatch(f"{grown >> 20} MB of memory")


def _run(net) -> None:
    shapes = [[2 if size is None else size for size in value.shape] for value in net.inputs]
    if max((np.prod(shape, dtype=float) for shape in shapes), default=0) < CELLS:
        net(*(np.ones(shape, value.dtype) for shape, value in zip(shapes, net.inputs, strict=True)))


def damaged(case: dict) -> bytes:
    """The bytes of a case."""
    whole = files()[case["suffix"]]
    data, other = (whole[(case["number"] + more) % len(whole)] for more in (0, 1))
    if case["splice"]:
        cut = np.random.default_rng(case["seed"]).random(2)
        return data[: int(cut[0] * len(data))] + other[int(cut[1] * len(other)) :]
    change = {".keras": _archive, ".fcn": _own}.get(case["suffix"])
    return change(data, case) if change else mutated(data, case["seed"])


def _archive(data: bytes, case: dict) -> bytes:
    """An archive with a damaged member, whose checksum is right; or damaged as a whole."""
    if case["part"] == "archive":
        return mutated(data, case["seed"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change = changed_json if case["part"] == "config.json" and case["values"] else mutated
    members[case["part"]] = change(members[case["part"]], case["seed"])
    return archive_of(members)


def archive_of(members: dict[str, bytes]) -> bytes:
    """An archive of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def _own(data: bytes, case: dict) -> bytes:
    """A file of the project's own format with a damaged table, whose checksum is right; or damaged as a whole."""
    if case["part"] == "bytes":
        return mutated(data, case["seed"])
    begin = Header.parse(data, "").table_begin
    change = changed_json if case["values"] else mutated
    table = change(data[begin:], case["seed"])
    return Header(begin + len(table), begin, zlib.crc32(table)).packed() + data[64:begin] + table


def changed_json(data: bytes, seed: int) -> bytes:
    """JSON with one to three values replaced by others, of its own or of `VALUES`."""
    rng = np.random.default_rng(seed)
    value = json.loads(data)
    for _ in range(rng.integers(1, 4)):
        found = places(value, [])
        (container, key), (other, place) = (found[rng.integers(len(found))] for _ in range(2))
        drawn = rng.integers(len(VALUES) + 15)
        # A copy: what is put in may be changed next, and must not hold itself.
        container[key] = json.loads(json.dumps(VALUES[drawn] if drawn < len(VALUES) else other[place]))
    return json.dumps(value).encode()


@functools.cache
def files() -> dict[str, list[bytes]]:
    """Whole files of small networks, by suffix."""
    nets = [fastconv.from_keras(model) for model in _models()]
    protos = _protos()
    with tempfile.TemporaryDirectory() as folder:
        found = {suffix: [_saved(model, suffix, folder) for model in _models()] for suffix in (".keras", ".h5")}
        found[".fcn"] = [
            _saved(net, ".fcn", folder) for net in [*nets, fastconv.from_onnx(protos[0]), fastconv.from_onnx(protos[2])]
        ]
    return found | {".onnx": protos}


def _saved(model, suffix: str, folder: str) -> bytes:
    path = Path(folder) / f"model{suffix}"
    model.save(path)
    return path.read_bytes()


@functools.cache
def _models() -> list:
    """Small Keras models with most kinds of structure."""
    import keras
    from keras import layers as L

    x = inputs = keras.Input((6, 6, 2))
    x = L.Conv2D(3, 3, padding="same", activation="relu")(L.Rescaling(0.5)(x))
    x = L.Add()([x, L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(x))])
    x = L.UpSampling2D(interpolation="bilinear")(L.MaxPooling2D()(L.ZeroPadding2D(1)(x))) * 2.0
    images = keras.Model(inputs, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))
    x = inputs = keras.Input((5, 3))
    x = keras.Sequential([keras.Input((5, 3)), L.Conv1D(2, 2), L.Reshape((2, 4))])(x)
    x = L.Bidirectional(L.LSTM(2, return_sequences=True))(x)
    rows = keras.Model(inputs, [L.LayerNormalization()(L.TimeDistributed(L.Dense(3))(x)), L.Flatten()(x)])
    plain = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(2)])
    models = [images, rows, plain]
    rng = np.random.default_rng(0)
    for model in models:  # so that a case is the same in every process
        model.set_weights([rng.random(array.shape, np.float32) for array in model.get_weights()])
    return models


@functools.cache
def _protos() -> list[bytes]:
    """Small ONNX models."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    value = functools.partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)

    def proto(nodes, weights, version):
        tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
        graph = helper.make_graph(
            nodes, "g", [value("x", shape=["n", 2, 6, 6])], [value("y", shape=None)], initializer=tensors
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)]).SerializeToString()

    node = helper.make_node
    k, b, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 2, 3, 3), (3,), (3, 2)))
    chain = [
        node("Conv", ["x", "k", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "b", "b", "b", "v"], ["n"]),
        node("Relu", ["n"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("Resize", ["p", "", "scales"], ["u"], mode="linear"),
        node("ReduceMean", ["u"], ["m"], axes=[2, 3], keepdims=0),
        node("Gemm", ["m", "w"], ["y"], alpha=0.5),
    ]
    weights = {"k": k, "b": b, "v": np.abs(b), "w": w, "scales": np.array([1, 1, 2, 2], np.float32)}
    shapes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Concat", ["n1", "rest"], ["t"], axis=0),
        node("Reshape", ["x", "t"], ["f"]),
        node("Split", ["f"], ["a", "d"], axis=1),
        node("Cast", ["a"], ["e"], to=TensorProto.FLOAT),
        node("Slice", ["d", "axes", "ends"], ["g"]),
        node("Pad", ["e", "pads"], ["h"]),
        node("Add", ["h", "h"], ["y"]),
    ]
    numbers = {"zero": 0, "axes": [0], "rest": [72], "ends": [1], "pads": [0, 1, 0, 1]}
    return [
        proto(chain, weights, 13),
        proto(shapes, {name: np.asarray(number, np.int64) for name, number in numbers.items()}, 13),
        proto(*_quantized(rng), 21),
    ]


def _quantized(rng) -> tuple[list, dict]:
    """Nodes and weights of a small network in 8 bits."""
    from onnx import helper

    node = helper.make_node
    scales = rng.uniform(0.01, 0.1, 3).astype(np.float32)
    weights = {
        "s": scales[0],
        "z": np.uint8(7),
        "k": rng.integers(-99, 99, (3, 2, 3, 3)).astype(np.int8),
        "ks": scales,
        "kz": np.zeros(3, np.int8),
        "b": rng.integers(-9, 9, 3).astype(np.int32),
        "bz": np.zeros(3, np.int32),
        "m": rng.integers(0, 255, (3, 2)).astype(np.uint8),
        "w": rng.integers(-99, 99, (48, 4)).astype(np.int8),
    }
    return [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("DequantizeLinear", ["k", "ks", "kz"], ["kd"], axis=0),
        node("DequantizeLinear", ["b", "ks", "bz"], ["bd"], axis=0),
        node("Conv", ["d", "kd", "bd"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("QuantizeLinear", ["r", "s", "z"], ["rq"]),
        node("MaxPool", ["rq"], ["p"], kernel_shape=[2, 2], strides=[1, 1]),
        node("QLinearConv", ["q", "s", "z", "k", "ks", "kz", "s", "z", "b"], ["l"], strides=[2, 2]),
        node("DequantizeLinear", ["l", "s", "z"], ["ld"]),
        node("DynamicQuantizeLinear", ["ld"], ["e", "es", "ez"]),
        node("Reshape", ["p", "rows"], ["f"]),
        node("QLinearMatMul", ["f", "s", "z", "m", "s", "z", "s", "z"], ["g"]),
        node("ConvInteger", ["e", "k3", "ez"], ["h"]),
        node("Reshape", ["e", "flat"], ["i"]),
        node("MatMulInteger", ["i", "w12", "ez"], ["j"]),
        node("Cast", ["j"], ["jf"], to=1),
        node("Mul", ["jf", "es"], ["y"]),
    ], weights | {
        "rows": np.array([-1, 3], np.int64),
        "flat": np.array([-1, 12], np.int64),
        "k3": weights["k"][:, [0, 1, 0]][..., :1, :1],
        "w12": weights["w"][:12],
    }
