"""ONNX Runtime: a session of one node, NCHW, the kernel an initializer (packed when the session is made)."""

from __future__ import annotations

import numpy as np
import onnxruntime

from peers import Candidate

_threads = 1
_OPSET, _IR = 20, 9


def setup(threads):
    global _threads
    _threads = threads


def candidate(problem, variant):
    # Its Conv has no float64 kernel, and pools need one window, not a gradient.
    if problem.dtype != "float32":
        return None
    x = problem.arrays["x"]
    if problem.op == "convolve2d":
        kernel = problem.arrays["kernel"][::-1, ::-1, None, None]
        run = _run("Conv", x[None, None], kernel, auto_pad="SAME_UPPER")
        return Candidate(run, lambda result: result[0].numpy()[0, 0])
    if problem.op == "activation":
        # Elementwise needs no other layout, and softmax over the last axis is its best case.
        name = problem.options["function"]
        run = _run(name.capitalize(), x, **({"axis": problem.options["axis"]} if name == "softmax" else {}))
        return Candidate(run, lambda result: result[0].numpy())
    return Candidate(_window(problem), lambda result: result[0].numpy().transpose(0, 2, 3, 1))


def _window(problem):
    o = problem.options
    x = problem.x_nchw
    (top, bottom), (left, right) = o["pads"]
    common = {"pads": [top, left, bottom, right], "strides": [o["strides"]] * 2}
    if problem.op == "conv2d":
        return _run("Conv", x, problem.arrays["kernel"], **common, dilations=[o["dilation"]] * 2, group=o["groups"])
    return _run(
        {"max_pool2d": "MaxPool", "avg_pool2d": "AveragePool"}[problem.op], x, **common, kernel_shape=list(o["pool"])
    )


def _run(operator, x, kernel=None, **attributes):
    """A call of a one-node session on values that stay in ONNX Runtime's own memory."""
    from onnx import TensorProto, helper, numpy_helper

    weights = (
        []
        if kernel is None
        else [numpy_helper.from_array(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), "kernel")]
    )
    node = helper.make_node(operator, ["x", *(w.name for w in weights)], ["y"], **attributes)
    graph = helper.make_graph(
        [node],
        "bench",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    value = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x))
    return lambda: session.run_with_ort_values(["y"], {"x": value})
