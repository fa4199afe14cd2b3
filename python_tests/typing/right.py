"""Calls that checkers of types must take; assert_type says what comes out."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastconv
import fastconv.testing

x: NDArray[np.float32] = np.zeros((1, 8, 8, 2), np.float32)
kernel: NDArray[np.float32] = np.zeros((3, 3, 2, 4), np.float32)
bytes_x: NDArray[np.uint8] = np.zeros((1, 8, 8, 2), np.uint8)
bytes_kernel: NDArray[np.int8] = np.zeros((3, 3, 2, 4), np.int8)
image: NDArray[np.uint8] = np.zeros((8, 8), np.uint8)
plane: NDArray[np.float64] = np.zeros((8, 8))

assert_type(fastconv.conv2d(x, kernel, strides=(2, 2), padding=((1, 1), (1, 1))), NDArray[np.float32])
assert_type(fastconv.conv2d(x, kernel, padding="same", activation="relu", out=np.zeros_like(x)), NDArray[np.float32])
assert_type(fastconv.conv2d(x, kernel, padding=1, kernel_format="OIHW"), NDArray[np.float32])
assert_type(fastconv.conv2d(x[0], kernel, padding=(1, 2)), NDArray[Any])
assert_type(fastconv.max_pool2d_grad(x, x, ties="all"), NDArray[np.float32])
assert_type(fastconv.conv2d(bytes_x, bytes_kernel, strides=np.int64(1)), NDArray[np.int32])
assert_type(fastconv.conv2d([[[[1.0]]]], [[[[1.0]]]]), NDArray[Any])
assert_type(fastconv.prepare_conv2d(kernel, padding="same")(x), NDArray[np.float32])
assert_type(fastconv.conv2d_pool2d(x, kernel, pool="avg", pool_size=(2, 2)), NDArray[np.float32])
assert_type(fastconv.max_pool2d(x, (2, 2), strides=[1, 1]), NDArray[np.float32])
assert_type(fastconv.conv2d_grads(x, kernel, None, x, wanted=["dx"]).dx, NDArray[Any] | None)
assert_type(fastconv.relu(x, max_value=6), NDArray[np.float32])
assert_type(fastconv.softmax(x, axis=(1, 2)), NDArray[np.float32])
assert_type(fastconv.tanh_grad(x, x, y=x), NDArray[np.float32])
assert_type(fastconv.convolve2d(plane, plane, "same", "symm", fillvalue=0.5), NDArray[np.float64])
assert_type(fastconv.convolve2d([[1, 2]], [[3]]), NDArray[Any])
assert_type(fastconv.filter2d(image, plane, border="wrap", anchor=(0, 1)), NDArray[np.uint8])
assert_type(fastconv.gaussian_blur(image, (1.5, 2), ksize=(5, 7)), NDArray[np.uint8])
assert_type(fastconv.gaussian_blur(image, None, ksize=5, value=3), NDArray[np.uint8])
assert_type(fastconv.filter2d(x, plane, axes=(1, 2), channel_axis=-1), NDArray[np.float32])
assert_type(fastconv.filter2d(image, plane, dtype=np.int16, delta=128, border=4), NDArray[Any])
assert_type(fastconv.convolve2d(x, x, "same", axes=(1, 2)), NDArray[np.float32])
assert_type(fastconv.sobel(image, 0, ksize=5, border="mirror"), NDArray[Any])
assert_type(fastconv.plan_conv2d(x.shape, kernel.shape, dtype=np.float64)["algorithm"], Any)
assert_type(fastconv.get_include(), str)
assert_type(fastconv.get_num_threads(), int)
assert_type(fastconv.cpu.available_isas(), list[str])
with fastconv.threads(1):
    fastconv.set_float32_precision("high")
