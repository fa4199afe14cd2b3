"""An ONNX file of `onnx_writer` as a module of PyTorch."""

from __future__ import annotations

import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional as F


class Network(torch.nn.Module):
    """The nodes of the file, one after the other."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        self._steps = [
            (
                node.op_type,
                list(node.input),
                node.output[0],
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
            for node in graph.node
        ]
        self._weights = {w.name: torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer}
        self._input, self._output = graph.input[0].name, graph.output[0].name
        for name, weight in self._weights.items():
            if weight.ndim == 4:
                self._weights[name] = weight.contiguous(memory_format=torch.channels_last)

    def forward(self, x):
        values = {self._input: x, **self._weights}
        for op, inputs, output, attributes in self._steps:
            values[output] = _OPERATORS[op](*(values[name] for name in inputs), **attributes)
        return values[self._output]


def _padded(x, window, a, value: float):
    """x with its pads as cells, which keeps those of one side only."""
    pads = a.get("pads", [0] * 4)
    if a.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        pairs = []
        for size, k, stride, dilation in zip(
            x.shape[2:], window, a["strides"], a.get("dilations", (1, 1)), strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
            pairs.append((total // 2, total - total // 2))
        pads = [pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]]
    top, left, bottom, right = pads
    return (
        (x, (top, left)) if (top, left) == (bottom, right) else (F.pad(x, (left, right, top, bottom), value=value), 0)
    )


def _conv(x, kernel, bias=None, **a):
    x, padding = _padded(x, kernel.shape[2:], a, 0.0)
    return F.conv2d(x, kernel, bias, a["strides"], padding, a["dilations"], a["group"])


def _max_pool(x, **a):
    x, padding = _padded(x, a["kernel_shape"], a, float("-inf"))
    return F.max_pool2d(x, a["kernel_shape"], a["strides"], padding)


def _pad(x, pads):
    _, _, top, left, _, _, bottom, right = pads.tolist()
    return F.pad(x, (left, right, top, bottom))


_OPERATORS = {
    "Add": torch.add,
    "BatchNormalization": lambda x, scale, offset, mean, variance, epsilon: F.batch_norm(
        x, mean, variance, scale, offset, eps=epsilon
    ),
    "Clip": torch.clamp,
    "Conv": _conv,
    "Flatten": lambda x: torch.flatten(x, 1),
    "Gemm": lambda x, kernel, bias=None, transB=1: F.linear(x, kernel, bias),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "Identity": lambda x: x,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Softmax": lambda x, axis: torch.softmax(x, axis),
    "Tanh": torch.tanh,
}
