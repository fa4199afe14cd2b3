"""A small residual network as an ONNX model, and what ONNX Runtime's own tool makes of it in 8 bits."""

import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPE = (3, 12, 12)


def residual_model(seed: int = 0):
    """A convolution, a block of a depthwise and a 1x1 one that is added up, pools, and a dense layer; opset 17."""
    rng = np.random.default_rng(seed)
    weights: list = []

    def weight(*shape: int) -> str:
        name = f"w{len(weights)}"
        fan = np.prod(shape[1:]) if len(shape) > 1 else 4
        weights.append(numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(fan)).astype("f4"), name))
        return name

    def conv(x: str, y: str, c_in: int, c_out: int, taps: int, **words):
        words = {"pads": [taps // 2] * 4, "kernel_shape": [taps, taps]} | words
        shape = c_out, c_in // words.get("group", 1), taps, taps
        return helper.make_node("Conv", [x, weight(*shape), weight(c_out)], [y], **words)

    nodes = [
        conv("x", "c1", 3, 16, 3),
        helper.make_node("Relu", ["c1"], ["r1"]),
        conv("r1", "c2", 16, 16, 3, group=16),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r2"]),
        conv("r2", "c3", 16, 16, 1),
        helper.make_node("Add", ["c3", "r1"], ["a"]),
        helper.make_node("Relu", ["a"], ["r3"]),
        helper.make_node("MaxPool", ["r3"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        conv("p", "c4", 16, 24, 3, group=2, strides=[2, 2]),
        helper.make_node("LeakyRelu", ["c4"], ["l"], alpha=0.1),
        conv("l", "c5", 24, 24, 1),
        helper.make_node("Sigmoid", ["c5"], ["s"]),
        helper.make_node("Mul", ["c5", "s"], ["m"]),
        helper.make_node("Concat", ["m", "l"], ["j"], axis=1),
        helper.make_node("GlobalAveragePool", ["j"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", weight(10, 48), weight(10)], ["y"], transB=1),
    ]
    bounds = [numpy_helper.from_array(np.float32(value), name) for name, value in (("zero", 0), ("six", 6))]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [*weights, *bounds],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def samples(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *SHAPE)).astype("f4")


class _Samples:
    """A data reader of ONNX Runtime's tool."""

    def __init__(self, name: str, batches):
        self._left = [{name: batch} for batch in batches]

    def get_next(self):
        return self._left.pop() if self._left else None


def quantized(model, batches, form: str, **words):
    """The model in 8 bits by ONNX Runtime's tool: static in the form 'QDQ' or 'QOperator', or 'dynamic'."""
    from onnxruntime import quantization

    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before, after = str(Path(folder, "a.onnx")), str(Path(folder, "b.onnx"))
        onnx.save(model, before)
        if form == "dynamic":
            quantization.quantize_dynamic(before, after, **words)
        else:
            reader = _Samples(model.graph.input[0].name, batches)
            quantization.quantize_static(before, after, reader, quant_format=quantization.QuantFormat[form], **words)
        logging.disable(logging.NOTSET)
        return onnx.load(after)


def by_runtime(model, x: np.ndarray, outputs: list[str] | None = None) -> list[np.ndarray]:
    """What ONNX Runtime gives for the model's outputs, or for values of it."""
    import onnxruntime

    model = with_outputs(model, outputs) if outputs else model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def with_outputs(model, names: list[str]):
    """The model with these values as its outputs, of types that are not told."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return changed


def integer_values(model) -> list[str]:
    """The values that QuantizeLinear and ONNX Runtime's operators give."""
    return [
        node.output[0] for node in model.graph.node if node.op_type.startswith(("QuantizeLinear", "QLinear", "QGemm"))
    ]
