"""A network of fastconv's as an ONNX file of images with channels first, which other runtimes read."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR = 17, 9
_TO_NCHW = (0, 3, 1, 2)
_ACTIVATIONS = {"relu": "Relu", "relu6": "Clip", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
_PADS = {"valid": "VALID", "same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def to_onnx(graph, shapes: dict[str, tuple]) -> bytes:
    """The model of a graph whose images have channels last; `shapes` are those of its values.

    Raises
    ------
    ValueError
        If a node is none of those that convolutional networks of images are mostly made of.
    """
    return _Writer(graph, shapes).model()


class _Writer:
    def __init__(self, graph, shapes):
        self._graph, self._shapes = graph, shapes
        self._nodes, self._weights = [], []
        self._flattened: dict[str, tuple] = {}  # by value, the image that it is the cells of

    def model(self) -> bytes:
        for node in self._graph.nodes:
            write = getattr(self, f"_{node.op.lower()}", None)
            if write is None:
                raise ValueError(f"the benchmark writes no ONNX of {node.op}")
            name = write(node, *node.inputs)
            self._activate(node.attributes.get("activation"), name, node.outputs[0])
        graph = helper.make_graph(
            self._nodes,
            "network",
            [self._value(value.name) for value in self._graph.inputs],
            [self._value(value.name) for value in self._graph.outputs],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        return model.SerializeToString()

    def _value(self, name: str):
        shape = self._shapes[name]
        shape = [shape[axis] for axis in _TO_NCHW] if len(shape) == 4 else list(shape)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape[1:]])

    def _emit(self, op: str, inputs: list[str], output: str | None = None, **attributes) -> str:
        output = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def _weight(self, array: np.ndarray) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _constant(self, name: str) -> np.ndarray:
        return self._graph.constants[name]

    def _activate(self, activation, name: str, output: str) -> None:
        """The value `output`, of the result that a node gave."""
        kind = activation[0] if activation else "linear"
        if kind == "linear":
            self._emit("Identity", [name], output)
        elif kind == "relu6":
            self._emit("Clip", [name, *(self._weight(np.float32(bound)) for bound in (0, 6))], output)
        elif kind in _ACTIVATIONS:
            self._emit(_ACTIVATIONS[kind], [name], output)
        else:
            raise ValueError(f"the benchmark writes no ONNX of the activation {kind}")

    def _window(self, attributes: dict) -> dict:
        found = {"strides": list(attributes["strides"])}
        pads = attributes["pads"]
        if isinstance(pads, str):
            return found | {"auto_pad": _PADS[pads]}
        return found | {"pads": [pair[end] for end in (0, 1) for pair in pads]}

    def _conv(self, node, x, kernel, bias=""):
        weights = [self._weight(self._constant(kernel).transpose(3, 2, 0, 1))]
        weights += [self._weight(self._constant(bias))] if bias else []
        window = self._window(node.attributes) | {"dilations": list(node.attributes.get("dilations", (1, 1)))}
        return self._emit("Conv", [x, *weights], group=node.attributes.get("groups", 1), **window)

    def _maxpool(self, node, x):
        window = self._window(node.attributes)
        return self._emit("MaxPool", [x], kernel_shape=list(node.attributes["window"]), **window)

    def _averagepool(self, node, x):
        window = self._window(node.attributes)
        return self._emit("AveragePool", [x], kernel_shape=list(node.attributes["window"]), **window)

    def _batchnormalization(self, node, x, *parameters):
        weights = [self._weight(self._constant(name)) for name in parameters]
        return self._emit("BatchNormalization", [x, *weights], epsilon=node.attributes["epsilon"])

    def _pad(self, node, x, pads, value="", axes=""):
        chosen = self._constant(axes) if axes else np.arange(4)
        cells = np.zeros((2, 4), np.int64)
        cells[:, chosen] = np.reshape(self._constant(pads), (2, -1))
        return self._emit("Pad", [x, self._weight(cells[:, list(_TO_NCHW)].ravel())])

    def _add(self, node, a, b):
        return self._emit("Add", [a, b])

    def _activation(self, node, x):
        return x

    def _identity(self, node, x):
        return x

    def _reducemean(self, node, x, axes):
        if sorted(np.ravel(self._constant(axes)) % 4) != [1, 2] or node.attributes.get("keepdims", True):
            raise ValueError("the benchmark writes no ONNX of means but those of whole images")
        return self._emit("Flatten", [self._emit("GlobalAveragePool", [x])])

    def _flatten(self, node, x):
        if len(self._shapes[x]) == 4:
            self._flattened[node.outputs[0]] = self._shapes[x][1:]
        return self._emit("Flatten", [x])

    def _dense(self, node, x, kernel, bias=""):
        matrix = self._constant(kernel)
        if x in self._flattened:  # whose cells come channel by channel
            order = np.arange(len(matrix)).reshape(self._flattened[x]).transpose(2, 0, 1).ravel()
            matrix = matrix[order]
        weights = [self._weight(matrix.T)] + ([self._weight(self._constant(bias))] if bias else [])
        return self._emit("Gemm", [x, *weights], transB=1)

    def _softmax(self, node, x):
        return self._emit("Softmax", [x], axis=node.attributes["axis"])
