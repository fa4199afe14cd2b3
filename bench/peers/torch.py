"""PyTorch, without autograd but in `step`: tensors contiguous (NCHW) or in the channels_last memory format (NHWC)."""

from __future__ import annotations

import networks
import numpy as np
import torch
from torch.nn import functional as F

from peers import Candidate

_backward = torch.ops.aten.convolution_backward
_NCHW = {0: 0, 1: 2, 2: 3, 3: 1}  # the place of an axis of NHWC


def setup(threads):
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)


def candidate(problem, variant):
    if problem.dtype not in ("float32", "float64"):
        return None
    if problem.op == "step":
        return _step(problem, torch.channels_last if variant else torch.contiguous_format)
    build = {
        "convolve2d": _filter,
        "filter2d": _filter,
        "conv2d": _conv2d,
        "conv2d_input_grad": _input_grad,
        "conv2d_kernel_grad": _kernel_grad,
        "activation": _activation,
        "activation_grad": _activation_grad,
    }.get(problem.op, _pool)
    run = build(problem, torch.channels_last if variant else torch.contiguous_format)
    to_array = {"conv2d_kernel_grad": _to_kernel, "convolve2d": _to_image, "filter2d": _to_image}.get(
        problem.op, _to_nhwc
    )
    return run and Candidate(run, to_array, note="given the indices" if problem.op == "max_pool2d_grad" else "")


def _to_nhwc(result):
    return result.permute(0, 2, 3, 1).numpy()


def _to_kernel(result):
    return result.permute(2, 3, 1, 0).numpy()


def _to_image(result):
    image = result[0].permute(1, 2, 0).numpy()
    return image[:, :, 0] if image.shape[2] == 1 else image


def _tensor(array, order, memory):
    """A tensor in this layout, on the array's own memory where that is laid out so."""
    return torch.from_numpy(np.ascontiguousarray(array)).permute(*order).contiguous(memory_format=memory)


def _tensors(problem, memory):
    images, kernels = (0, 3, 1, 2), (3, 2, 0, 1)
    x, kernel, dy = (problem.arrays.get(name) for name in ("x", "kernel", "dy"))
    return (
        torch.from_numpy(problem.x_nchw) if memory is torch.contiguous_format else _tensor(x, images, memory),
        None if kernel is None else _tensor(kernel, kernels, memory),
        None if dy is None else _tensor(dy, images, memory),
    )


def _filter(problem, memory):
    """Every channel a group of its own; one channel has only one layout, and symmetric padding is not on offer."""
    image, kernel, border = np.atleast_3d(problem.arrays["x"]), problem.arrays["kernel"], problem.options["border"]
    channels = image.shape[2]
    if border == "symm" or (channels == 1 and memory is torch.channels_last):
        return None
    x = _tensor(image[None], (0, 3, 1, 2), memory)
    turned = kernel[::-1, ::-1] if problem.op == "convolve2d" else kernel
    weights = _tensor(np.repeat(turned[:, :, None, None], channels, axis=3), (3, 2, 0, 1), memory)
    if border != "reflect101":
        return lambda: F.conv2d(x, weights, padding="same", groups=channels)
    top, left = (k // 2 for k in kernel.shape)
    return lambda: F.conv2d(F.pad(x, (left, left, top, top), mode="reflect"), weights, groups=channels)


def _padding(options):
    """(symmetric padding that the convolution does itself, cells to add before it for F.pad)."""
    (top, bottom), (left, right) = options["pads"]
    return (top, left), ((0, right - left, 0, bottom - top) if (top, left) != (bottom, right) else None)


def _conv2d(problem, memory):
    x, kernel, _ = _tensors(problem, memory)
    o = problem.options
    padding, extra = _padding(o)
    if extra:
        return lambda: F.conv2d(F.pad(x, extra), kernel, None, o["strides"], padding, o["dilation"], o["groups"])
    return lambda: F.conv2d(x, kernel, None, o["strides"], padding, o["dilation"], o["groups"])


def _grad_arguments(options, padding):
    return [options["strides"]] * 2, list(padding), [options["dilation"]] * 2, False, [0, 0], options["groups"]


def _input_grad(problem, memory):
    x, kernel, dy = _tensors(problem, memory)
    padding, extra = _padding(problem.options)
    arguments = *_grad_arguments(problem.options, padding), (True, False, False)
    h, w = x.shape[2:]
    like = F.pad(x, extra) if extra else x
    return lambda: _backward(dy, like, kernel, None, *arguments)[0][:, :, :h, :w]


def _kernel_grad(problem, memory):
    x, kernel, dy = _tensors(problem, memory)
    padding, extra = _padding(problem.options)
    arguments = *_grad_arguments(problem.options, padding), (False, True, False)
    if extra:
        return lambda: _backward(dy, F.pad(x, extra), kernel, None, *arguments)[1]
    return lambda: _backward(dy, x, kernel, None, *arguments)[1]


def _pool(problem, memory):
    x, _, dy = _tensors(problem, memory)
    o = problem.options
    padding, extra = _padding(o)
    if extra or 2 * max(padding) > min(o["pool"]):
        return None  # its pooling pads alike on both sides
    size, stride = list(o["pool"]), [o["strides"]] * 2
    if problem.op == "max_pool2d":
        return lambda: F.max_pool2d(x, size, stride, padding)
    if problem.op == "avg_pool2d":
        return lambda: F.avg_pool2d(x, size, stride, padding, count_include_pad=False)
    if problem.op == "avg_pool2d_grad":
        return lambda: torch.ops.aten.avg_pool2d_backward(dy, x, size, stride, list(padding), False, False, None)
    _, indices = F.max_pool2d(x, size, stride, padding, return_indices=True)
    return lambda: torch.ops.aten.max_pool2d_with_indices_backward(
        dy, x, size, stride, list(padding), [1, 1], False, indices
    )


def _step(problem, memory):
    """A pool that is padded pads at the end only: windows lie side by side."""
    pools = {"max": F.max_pool2d, "avg": F.avg_pool2d}
    chain = [
        (layer, [_tensor(given[0], (3, 2, 0, 1), memory), torch.from_numpy(given[1])] if given else [])
        for layer, given in zip(problem.options["layers"], networks.weights(problem), strict=True)
    ]
    parameters = [tensor.requires_grad_() for _, tensors in chain for tensor in tensors]
    x, dy = (_tensor(problem.arrays[name], (0, 3, 1, 2), memory) for name in ("x", "dy"))

    def step(y, dy):
        with torch.enable_grad():
            for layer, tensors in chain:
                if tensors:
                    y = getattr(torch, layer.activation)(F.conv2d(y, *tensors, padding=layer.padding))
                else:
                    y = pools[layer.kind](y, layer.window, ceil_mode=layer.padding == "same")
            return y, torch.autograd.grad(y, parameters, dy)

    def checked(_):
        y, grads = step(x[: networks.CHECKED], dy[: networks.CHECKED])
        return networks.vector(_to_nhwc(y.detach()), [_to_kernel(g) if g.ndim == 4 else g.numpy() for g in grads])

    return Candidate(lambda: step(x, dy), checked)


def _activation(problem, memory):
    x, _, _ = _tensors(problem, memory)
    name, axis = problem.options["function"], _NCHW[problem.options["axis"]]
    if name == "softmax":
        return lambda: F.softmax(x, dim=axis)
    function = getattr(torch, name, None) or getattr(F, name)
    return lambda: function(x)


def _activation_grad(problem, memory):
    """Where PyTorch keeps the output of the forward pass, it is given that."""
    x, _, dy = _tensors(problem, memory)
    name, axis = problem.options["function"], _NCHW[problem.options["axis"]]
    aten = torch.ops.aten
    y = _activation(problem, memory)() if name in ("tanh", "sigmoid", "softmax") else None
    return {
        "relu": lambda: aten.threshold_backward(dy, x, 0),
        "gelu": lambda: aten.gelu_backward(dy, x),
        "elu": lambda: aten.elu_backward(dy, 1.0, 1.0, 1.0, False, x),
        "tanh": lambda: aten.tanh_backward(dy, y),
        "sigmoid": lambda: aten.sigmoid_backward(dy, y),
        "softmax": lambda: aten._softmax_backward_data(dy, y, axis, torch.float32),
    }[name]
