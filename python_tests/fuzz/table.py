"""Every function that is fuzzed, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from . import (
    conv2d,
    conv2d_grads,
    dense,
    elementwise,
    filters,
    images,
    lines,
    network_files,
    pooling,
    prepared,
    transpose,
)
from .draw import Draw


class Family(NamedTuple):
    """How a function's cases are drawn and run, and how often they come."""

    draw: Callable[[Draw], dict]
    run: Callable[[dict], None]
    weight: int


FUNCTIONS = {
    "conv2d": Family(conv2d.draw_case, conv2d.run, 10),
    "prepare_conv2d": Family(prepared.draw_case, prepared.run, 5),
    "conv2d_pool2d": Family(pooling.draw_fused, pooling.run_fused, 3),
    "conv2d_input_grad": Family(conv2d_grads.draw_input_grad, conv2d_grads.run_input_grad, 4),
    "conv2d_kernel_grad": Family(conv2d_grads.draw_kernel_grad, conv2d_grads.run_kernel_grad, 4),
    "conv2d_bias_grad": Family(conv2d_grads.draw_bias_grad, conv2d_grads.run_bias_grad, 1),
    "conv2d_grads": Family(conv2d_grads.draw_grads, conv2d_grads.run_grads, 2),
    "conv2d_transpose": Family(transpose.draw_case, transpose.run, 3),
    "max_pool2d": Family(pooling.draw_pool, pooling.run_max, 2),
    "avg_pool2d": Family(pooling.draw_pool, pooling.run_avg, 2),
    "max_pool2d_grad": Family(pooling.draw_grad, pooling.run_max_grad, 2),
    "avg_pool2d_grad": Family(pooling.draw_grad, pooling.run_avg_grad, 2),
    "activation": Family(elementwise.draw_activation, elementwise.run_activation, 3),
    "activation_grad": Family(elementwise.draw_derivative, elementwise.run_derivative, 3),
    "softmax": Family(elementwise.draw_softmax, elementwise.run_softmax, 1),
    "softmax_grad": Family(elementwise.draw_softmax_grad, elementwise.run_softmax_grad, 1),
    "dense": Family(dense.draw_case, dense.run, 2),
    "dense_grads": Family(dense.draw_grads, dense.run_grads, 2),
    "convolve2d": Family(images.draw_case, images.run, 10),
    "filter2d": Family(filters.draw_filter2d, filters.run_filter2d, 4),
    "sobel": Family(filters.draw_derivative, filters.run_sobel, 1),
    "scharr": Family(filters.draw_derivative, filters.run_sobel, 1),
    "prewitt": Family(filters.draw_derivative, filters.run_sobel, 1),
    "laplacian": Family(filters.draw_derivative, filters.run_laplacian, 1),
    "gaussian_blur": Family(filters.draw_blur, filters.run_gaussian, 1),
    "box_blur": Family(filters.draw_blur, filters.run_box, 1),
    "wide_blur": Family(filters.draw_wide, filters.run_wide, 2),
    "sharpen": Family(filters.draw_blur, filters.run_sharpen, 1),
    "unsharp_mask": Family(filters.draw_blur, filters.run_unsharp, 1),
    "filter_bank": Family(filters.draw_bank, filters.run_bank, 1),
    "correlate1d": Family(lines.draw_line, lines.run_line, 1),
    "convolve1d": Family(lines.draw_line, lines.run_line, 1),
    "sep_filter2d": Family(lines.draw_line, lines.run_separable, 1),
    "gaussian_laplace": Family(filters.draw_blur, lines.run_laplace, 1),
    "match_template": Family(lines.draw_template, lines.run_template, 1),
    "load": Family(network_files.draw_case, network_files.run, 2),
}


def draw(seed: int, index: int, only: str | None = None) -> dict:
    """Case `index` of a seed, as it comes back from JSON."""
    d = Draw(seed, index)
    name = d.choices(list(FUNCTIONS), [family.weight for family in FUNCTIONS.values()])[0]
    name = only or name
    return json.loads(json.dumps({"function": name} | FUNCTIONS[name].draw(d)))
