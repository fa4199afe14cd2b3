"""conv2d and its gradients in float64, from their definition: a sum over the taps of the kernel."""

import numpy as np


def _taps(padded_shape, out, kernel_shape, strides, dilation):
    """(i, j, slices of the padded image that tap (i, j) meets)."""
    for i in range(kernel_shape[0]):
        for j in range(kernel_shape[1]):
            rows = slice(i * dilation[0], i * dilation[0] + (out[0] - 1) * strides[0] + 1, strides[0])
            cols = slice(j * dilation[1], j * dilation[1] + (out[1] - 1) * strides[1] + 1, strides[1])
            yield i, j, rows, cols


def _padded(x, padding):
    return np.pad(x.astype(np.float64), ((0, 0), *padding, (0, 0)))


def _grouped(array, groups):
    return array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups)


def conv2d(x, kernel, bias, strides, padding, dilation, groups):
    """channels_last only; padding as ((top, bottom), (left, right))."""
    image, kernel = _padded(x, padding), kernel.astype(np.float64)
    axes = zip(image.shape[1:3], kernel.shape[:2], dilation, strides, strict=True)
    out = [(size - (k - 1) * d - 1) // s + 1 for size, k, d, s in axes]
    y = np.zeros((x.shape[0], *out, groups, kernel.shape[3] // groups))
    for i, j, rows, cols in _taps(image.shape, out, kernel.shape, strides, dilation):
        part = _grouped(image[:, rows, cols], groups)
        y += np.einsum("nhwgc,cgo->nhwgo", part, _grouped(kernel[i, j], groups), optimize=True)
    y = y.reshape(*y.shape[:3], kernel.shape[3])
    return y if bias is None else y + bias.astype(np.float64)


def gradients(x, kernel, dy, strides, padding, dilation, groups):
    """(dx, dkernel)."""
    image, kernel, dy = _padded(x, padding), kernel.astype(np.float64), _grouped(dy.astype(np.float64), groups)
    d_image, d_kernel = np.zeros(image.shape), np.zeros(kernel.shape)
    for i, j, rows, cols in _taps(image.shape, dy.shape[1:3], kernel.shape, strides, dilation):
        part = np.einsum("nhwgo,cgo->nhwgc", dy, _grouped(kernel[i, j], groups), optimize=True)
        d_image[:, rows, cols] += part.reshape(*part.shape[:3], x.shape[3])
        part = np.einsum("nhwgc,nhwgo->cgo", _grouped(image[:, rows, cols], groups), dy, optimize=True)
        d_kernel[i, j] = part.reshape(kernel[i, j].shape)
    (top, _), (left, _) = padding
    return d_image[:, top : top + x.shape[1], left : left + x.shape[2]], d_kernel
