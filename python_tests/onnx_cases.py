"""The test cases that the onnx package brings, and which of them a network is for."""

import os
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

DATA = Path(os.path.dirname(onnx.__file__)) / "backend" / "test" / "data"

# Operators that no network here has: of transformers, training, signals, text, sequences, trees, random numbers,
# control flow, and others that CNNs do without.
OTHER_OPERATORS = {
    "AffineGrid",
    "Attention",
    "Bernoulli",
    "BitCast",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "BlackmanWindow",
    "CausalConvWithState",
    "CenterCropPad",
    "Col2Im",
    "Compress",
    "CumProd",
    "DFT",
    "DeformConv",
    "Det",
    "EyeLike",
    "FlexAttention",
    "GridSample",
    "HammingWindow",
    "HannWindow",
    "ImageDecoder",
    "LinearAttention",
    "Loop",
    "LpPool",
    "MaxUnpool",
    "MeanVarianceNormalization",
    "MelWeightMatrix",
    "NegativeLogLikelihoodLoss",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "RMSNormalization",
    "RandomUniformLike",
    "ReverseSequence",
    "RoiAlign",
    "RotaryEmbedding",
    "STFT",
    "Scan",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceAt",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SoftmaxCrossEntropyLoss",
    "SplitToSequence",
    "ConcatFromSequence",
    "SwiGLU",
    "TensorScatter",
    "TfIdfVectorizer",
    "Unique",
    "RegexFullMatch",
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
}
# Cases of operators that networks have, by a part of their names.
OTHER_FORMS = {
    "3d_default": "three spatial axes",
    "averagepool_3d": "three spatial axes",
    "maxpool_3d": "three spatial axes",
    "convtranspose_3d": "three spatial axes",
    "training_dropout": "training",
    "training_mode": "training",
    "maxpool_with_argmax": "indices of maxima",
    "affine_grid": "a condition that is not constant",
}
ELEMENTS = {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13}


def node_cases() -> list:
    """All of onnx's cases of single nodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collect_testcases(None)


def is_served(case) -> bool:
    """Whether networks have all that a case is made of."""
    graph = case.model.graph
    kinds = {node.op_type for node in graph.node}
    others = any(node.domain not in ("", "ai.onnx") for node in graph.node)
    types = {value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]}
    types |= {attribute.i for node in graph.node for attribute in node.attribute if attribute.name == "to"}
    old = any(entry.domain == "" and entry.version < 6 for entry in case.model.opset_import)
    return (
        not kinds & OTHER_OPERATORS
        and not others
        and not old
        and types <= ELEMENTS
        and not any(part in case.name for part in OTHER_FORMS)
    )


def as_array(value) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def tensor_file(path: Path) -> np.ndarray:
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def with_constants(model, inputs: list):
    """The model with its inputs of integers and bool, single numbers and scales as constants, and the inputs left.

    Shapes, axes and the like must be known before a network runs; these cases give them as inputs.
    """
    changed, left = onnx.ModelProto(), []
    changed.CopyFrom(model)
    for value, array in zip(model.graph.input, inputs, strict=True):
        if array.dtype.kind in "biu" or array.ndim == 0 or value.name in ("roi", "scales"):
            changed.graph.initializer.append(numpy_helper.from_array(array, value.name))
        else:
            left.append(array)
    return changed, left
