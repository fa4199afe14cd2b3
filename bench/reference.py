"""The right answer of a problem, in float64, by the shortest NumPy that gives it."""

from __future__ import annotations

import math

import numpy as np
from cases import KERAS, NETWORKS, Problem
from images import PADDINGS
from numpy.lib.stride_tricks import sliding_window_view


def answer(problem: Problem) -> np.ndarray:
    """What every candidate should return."""
    batched = problem.op == "conv2d"  # its images become float64 one by one
    arrays = {
        name: array if batched and name == "x" else array.astype(np.float64) for name, array in problem.arrays.items()
    }
    return _ANSWERS[problem.op](arrays, problem.options, problem)


def error(got: np.ndarray, expected: np.ndarray) -> float:
    """norm(got - expected) / norm(expected), an image at a time; infinite where the shapes differ."""
    if got.shape != expected.shape:
        return math.inf
    pairs = zip(got, expected, strict=True) if expected.ndim == 4 else [(got, expected)]
    squares = [(np.vdot(d, d), np.vdot(b, b)) for a, b in pairs for d in (a - b,)]
    distance, norm = (math.sqrt(sum(parts)) for parts in zip(*squares, strict=True))
    return distance / norm if norm else distance


def levels(got: np.ndarray, expected: np.ndarray) -> float:
    """Of integers: the share of cells that are one level off, or, where a cell is further off, by how many levels."""
    if got.shape != expected.shape:
        return math.inf
    distance = np.abs(got - expected)
    most = float(distance.max(initial=0))
    return most if most > 1 else float(np.mean(distance > 0))


def _convolve2d(arrays, options, problem):
    """mode='same'; integers wrap, exact once rounded, whose sums stay far below 2**53."""
    result = _correlate(arrays["x"], arrays["kernel"][::-1, ::-1], PADDINGS[options["border"]])
    return (
        np.rint(result) % 256 if problem.dtype == "uint8" else np.rint(result) if problem.dtype[:3] == "int" else result
    )


def _filter2d(arrays, options, problem):
    """Each channel by itself; integers rounded half to even, and saturated."""
    padding, x = PADDINGS[options["border"]], arrays["x"]
    planes = [_correlate(plane, arrays["kernel"], padding) for plane in np.atleast_3d(x).transpose(2, 0, 1)]
    result = np.stack(planes, axis=2).reshape(x.shape)
    return np.clip(np.rint(result), 0, np.iinfo(problem.dtype).max) if problem.rounds else result


def _correlate(image, kernel, padding):
    """With an odd kernel about each cell, through an FFT of a length without large prime factors."""
    image = np.pad(image, [(k // 2, k // 2) for k in kernel.shape], padding)
    length = tuple(-(-n // 128) * 128 if n > 16 else n for n in image.shape)
    spectrum = np.fft.rfft2(kernel[::-1, ::-1], length)
    spectrum *= np.fft.rfft2(image, length)
    result = np.fft.irfft2(spectrum, length)
    return result[tuple(slice(k - 1, n) for k, n in zip(kernel.shape, image.shape, strict=True))]


def _rows(x, options, k_h, k_w):
    """For each kernel row, the windows (n, out_h, out_w, c, k_w) that it meets."""
    (top, bottom), (left, right) = options["pads"]
    stride, dilation = options["strides"], options["dilation"]
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    out_h = (padded.shape[1] - (k_h - 1) * dilation - 1) // stride + 1
    for i in range(k_h):
        rows = padded[:, i * dilation : i * dilation + (out_h - 1) * stride + 1 : stride]
        yield i, sliding_window_view(rows, (k_w - 1) * dilation + 1, axis=2)[:, :, ::stride, :, ::dilation]


def _conv2d(arrays, options, problem):
    """One image after another: the windows of all would not fit into memory."""
    kernel, parts = arrays["kernel"], options["groups"]
    return np.concatenate([_conv2d_groups(x[None].astype(np.float64), kernel, options, parts) for x in arrays["x"]])


def _conv2d_groups(x, kernel, options, groups):
    rows = _rows(x, options, *kernel.shape[:2])
    if groups == x.shape[3] == kernel.shape[3]:
        return sum(np.einsum("nhwcj,jc->nhwc", windows, kernel[i, :, 0]) for i, windows in rows)
    if groups > 1:
        parts = zip(np.split(x, groups, axis=3), np.split(kernel, groups, axis=3), strict=True)
        return np.concatenate([_conv2d_groups(a, b, options, 1) for a, b in parts], axis=3)
    return sum(np.tensordot(windows, kernel[i], axes=([3, 4], [1, 0])) for i, windows in rows)


def _conv2d_kernel_grad(arrays, options, problem):
    k_h, k_w = problem.arrays["kernel"].shape[:2]
    rows = [
        np.tensordot(windows, arrays["dy"], axes=([0, 1, 2], [0, 1, 2])).transpose(1, 0, 2)
        for _, windows in _rows(arrays["x"], options, k_h, k_w)
    ]
    return np.stack(rows)


def _conv2d_input_grad(arrays, options, problem):
    dy, kernel, (n, h, w, c) = arrays["dy"], arrays["kernel"], problem.arrays["x"].shape
    (top, bottom), (left, right) = options["pads"]
    stride, dilation = options["strides"], options["dilation"]
    padded = np.zeros((n, top + h + bottom, left + w + right, c))
    for i in range(kernel.shape[0]):
        products = np.tensordot(dy, kernel[i], axes=([3], [2]))
        for j in range(kernel.shape[1]):
            _tap(padded, i * dilation, j * dilation, stride, dy.shape)[...] += products[:, :, :, j]
    return padded[:, top : top + h, left : left + w]


def _tap(padded, i, j, stride, out_shape):
    """The cells that cell (i, j) of a window meets, over all windows."""
    _, out_h, out_w, _ = out_shape
    return padded[:, i : i + (out_h - 1) * stride + 1 : stride, j : j + (out_w - 1) * stride + 1 : stride]


def _pool_taps(x, options, fill):
    """The padded x and, for each cell of the window, the cells of x that it meets."""
    (top, bottom), (left, right) = options["pads"]
    (pool_h, pool_w), stride = options["pool"], options["strides"]
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    out = (x.shape[0], (padded.shape[1] - pool_h) // stride + 1, (padded.shape[2] - pool_w) // stride + 1, x.shape[3])
    return padded, [_tap(padded, i, j, stride, out) for i in range(pool_h) for j in range(pool_w)]


def _max_pool2d(arrays, options, problem):
    return np.maximum.reduce(_pool_taps(arrays["x"], options, -np.inf)[1])


def _avg_pool2d(arrays, options, problem):
    count = sum(_pool_taps(np.ones_like(arrays["x"]), options, 0)[1])
    return sum(_pool_taps(arrays["x"], options, 0)[1]) / count


def _max_pool2d_grad(arrays, options, problem):
    """The first maximum of a window takes its gradient."""
    x, dy = arrays["x"], arrays["dy"]
    taps = _pool_taps(x, options, -np.inf)[1]
    first = np.zeros(dy.shape, dtype=int)
    best = taps[0].copy()
    for index, tap in enumerate(taps[1:], 1):
        first[tap > best] = index
        np.maximum(best, tap, out=best)
    return _scatter(x, options, [dy * (first == index) for index in range(len(taps))])


def _avg_pool2d_grad(arrays, options, problem):
    count = sum(_pool_taps(np.ones_like(arrays["x"]), options, 0)[1])
    share = arrays["dy"] / count
    return _scatter(arrays["x"], options, [share] * (options["pool"][0] * options["pool"][1]))


def _scatter(x, options, parts):
    """The sum of `parts`, each added to the cells its window cell meets."""
    padded, taps = _pool_taps(np.zeros_like(x), options, 0)
    for tap, part in zip(taps, parts, strict=True):
        tap += part
    (top, _), (left, _) = options["pads"]
    return padded[:, top : top + x.shape[1], left : left + x.shape[2]]


def _erf(x):
    try:
        from scipy.special import erf
    except ImportError:
        return np.frompyfunc(math.erf, 1, 1)(x).astype(np.float64)
    return erf(x)


def _softmax(x, axis):
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


_FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
}
_SLOPES = {
    "relu": lambda x: x > 0,
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "sigmoid": lambda x: 1 / (2 + 2 * np.cosh(x)),
    "gelu": lambda x: 0.5 * (1 + _erf(x / math.sqrt(2))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "elu": lambda x: np.exp(np.minimum(x, 0)),
}


def _activation(arrays, options, problem):
    name = options["function"]
    return _softmax(arrays["x"], options["axis"]) if name == "softmax" else _FUNCTIONS[name](arrays["x"])


def _activation_grad(arrays, options, problem):
    x, dy, name = arrays["x"], arrays["dy"], options["function"]
    if name != "softmax":
        return dy * _SLOPES[name](x)
    y = _softmax(x, options["axis"])
    return y * (dy - (y * dy).sum(axis=options["axis"], keepdims=True))


def _network(arrays, options, problem):
    import network_files

    return None if problem.op == "start" else network_files.reference(options, problem.arrays["x"])


def _keras(arrays, options, problem):
    from peers import keras

    return keras.reference(problem)


def _step(arrays, options, problem):
    import networks

    return networks.reference(problem)


_ANSWERS = {
    "convolve2d": _convolve2d,
    "filter2d": _filter2d,
    "conv2d": _conv2d,
    "conv2d_input_grad": _conv2d_input_grad,
    "conv2d_kernel_grad": _conv2d_kernel_grad,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "max_pool2d_grad": _max_pool2d_grad,
    "avg_pool2d_grad": _avg_pool2d_grad,
    "activation": _activation,
    "activation_grad": _activation_grad,
    "step": _step,
    **dict.fromkeys(KERAS, _keras),
    **dict.fromkeys(NETWORKS, _network),
}
