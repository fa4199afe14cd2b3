"""fastconv: the plain calls that a user writes; `prepared` packs the kernel once, as ONNX Runtime does, `nchw` has
images and results channels first, and `out` is given the array for the result where the memory bounds the time."""

from __future__ import annotations

import networks
import numpy as np

import fastconv
from peers import Candidate


def setup(threads):
    fastconv.set_num_threads(threads)


def candidate(problem, variant):
    if problem.op == "step":
        return _taped_step(problem) if variant == "tf" else _step(problem)
    if problem.op == "conv2d":
        return _conv2d(problem, "nchw" in variant, "prepared" in variant)
    if problem.op in ("convolve2d", "filter2d"):
        return _filter(problem, variant == "out")
    return Candidate(_call(problem))


def _filter(problem, into):
    x, kernel, border = problem.arrays["x"], problem.arrays["kernel"], problem.options["border"]
    if into and not problem.options["copy"]:
        return None
    options = {"out": np.zeros_like(x)} if into else {}
    if problem.op == "filter2d":
        return Candidate(lambda: fastconv.filter2d(x, kernel, border=border, **options))
    return Candidate(lambda: fastconv.convolve2d(x, kernel, mode="same", boundary=border, **options))


def _conv2d(problem, nchw, prepare):
    kernel, options = problem.arrays["kernel"], _conv2d_options(problem)
    x = problem.x_nchw if nchw else problem.arrays["x"]
    options["data_format"] = "channels_first" if nchw else "channels_last"
    prepared = fastconv.prepare_conv2d(kernel, **options) if prepare else None
    run = (lambda: prepared(x)) if prepare else (lambda: fastconv.conv2d(x, kernel, **options))
    return Candidate(run, (lambda result: result.transpose(0, 2, 3, 1)) if nchw else np.asarray)


def _conv2d_options(problem):
    o = problem.options
    return {"strides": o["strides"], "padding": o["padding"], "dilation_rate": o["dilation"], "groups": o["groups"]}


def _step(problem):
    """Layer by layer on NumPy arrays."""
    nchw = problem.options["layout"] == "nchw"
    given = {"data_format": "channels_first" if nchw else "channels_last"}
    chain = [*zip(problem.options["layers"], networks.weights(problem), strict=True)]

    def step(x, dy):
        kept, grads = [], []
        for layer, weights in chain:
            if weights:
                y = fastconv.conv2d(x, *weights, padding=layer.padding, activation=layer.activation, **given)
            elif layer.kind == "max":
                y = fastconv.max_pool2d(x, layer.window, padding=layer.padding, **given)
            else:
                y = fastconv.avg_pool2d(x, layer.window, padding=layer.padding, **given)
            kept.append((x, y))
            x = y
        for i, (layer, weights) in reversed([*enumerate(chain)]):
            x, y = kept[i]
            if weights:
                found = fastconv.conv2d_grads(
                    x,
                    weights[0],
                    y,
                    dy,
                    padding=layer.padding,
                    activation=layer.activation,
                    wanted=fastconv.nn.Conv2DGrads._fields[i == 0 :],
                    **given,
                )
                grads[:0] = [found.dkernel, found.dbias]
                dy = found.dx
            elif layer.kind == "max":
                dy = fastconv.max_pool2d_grad(x, dy, layer.window, padding=layer.padding, **given)
            else:
                dy = fastconv.avg_pool2d_grad(dy, x.shape, layer.window, padding=layer.padding, **given)
        return kept[-1][1], grads

    x, dy = networks.ends(problem, nchw)
    return Candidate(
        lambda: step(x, dy), lambda _: networks.vector(*step(x[: networks.CHECKED], dy[: networks.CHECKED]), nchw)
    )


def _taped_step(problem):
    """The TensorFlow ops, in a graph."""
    import fastconv.tensorflow as ft

    nchw = problem.options["layout"] == "nchw"
    given = {"data_format": "channels_first" if nchw else "channels_last"}
    pools = {"max": ft.max_pool2d, "avg": ft.avg_pool2d}
    return Candidate(
        *networks.taped(
            problem,
            lambda layer, x, *weights: ft.conv2d(
                x, *weights, padding=layer.padding, activation=layer.activation, **given
            ),
            lambda layer, x: pools[layer.kind](x, layer.window, padding=layer.padding, **given),
            nchw,
        )
    )


def _call(problem):
    x, kernel, dy = (problem.arrays.get(name) for name in ("x", "kernel", "dy"))
    if problem.op.startswith("activation"):
        return _activation(problem)
    if problem.op.startswith("conv2d"):
        return _conv2d_grad(problem.op, x, kernel, dy, _conv2d_options(problem))
    return _pool(problem.op, x, dy, problem.options)


def _conv2d_grad(op, x, kernel, dy, options):
    return {
        "conv2d_input_grad": lambda: fastconv.conv2d_input_grad(dy, kernel, x.shape, **options),
        "conv2d_kernel_grad": lambda: fastconv.conv2d_kernel_grad(x, dy, kernel.shape, **options),
    }[op]


def _activation(problem):
    """Gradients are given the output of the forward pass where the peers are."""
    name, x, dy = problem.options["function"], problem.arrays["x"], problem.arrays.get("dy")
    forward, grad = getattr(fastconv, name), getattr(fastconv, f"{name}_grad")
    options = {"axis": problem.options["axis"]} if name == "softmax" else {}
    if problem.op == "activation":
        return lambda: forward(x, **options)
    y = forward(x, **options)
    if name == "softmax":
        return lambda: grad(y, dy, **options)
    return (lambda: grad(None, dy, y=y)) if name in ("tanh", "sigmoid") else (lambda: grad(x, dy))


def _pool(op, x, dy, o):
    pool, options = o["pool"], {"strides": o["strides"], "padding": o["padding"]}
    return {
        "max_pool2d": lambda: fastconv.max_pool2d(x, pool, **options),
        "avg_pool2d": lambda: fastconv.avg_pool2d(x, pool, **options),
        "max_pool2d_grad": lambda: fastconv.max_pool2d_grad(x, dy, pool, **options),
        "avg_pool2d_grad": lambda: fastconv.avg_pool2d_grad(dy, x.shape, pool, **options),
    }[op]
