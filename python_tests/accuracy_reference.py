"""Sums of products at a few outputs, exactly enough to measure the errors of others, and the sizes of these errors.

Float32 is met by float64 and float64 by NumPy's long double. Each function gives a list of `Exact`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Exact:
    """Outputs `at` (an index of the result): their exact values, and the sizes that their errors are counted in."""

    at: tuple
    values: np.ndarray
    sizes: np.ndarray  # of direct sums: the sum of the absolute products
    norms: np.ndarray | None  # of Winograd's algorithm: the patch's norm times the kernel's
    terms: int  # products a sum


def wide(array):
    """The array in a type with at least 11 bits more."""
    return array.astype(np.float64 if array.dtype == np.float32 else np.longdouble)


def cells(x, image, row, col, rows, cols, step=1):
    """x[image, row::step, col::step, :], `rows` by `cols` of them, with zeros outside."""
    found = np.zeros((rows, cols, x.shape[3]), x.dtype)
    for i in range(rows):
        for j in range(cols):
            at = row + i * step, col + j * step
            if 0 <= at[0] < x.shape[1] and 0 <= at[1] < x.shape[2]:
                found[i, j] = x[image, at[0], at[1]]
    return found


def conv2d(x, kernel, pixels, outs, *, pad, stride=1, groups=1, at_groups=(0,), tile=None):
    """Of `channels_last` arrays, at `pixels` (image, row, column) and the output channels `outs` of some groups.

    pad: (top, left). tile: the side of Winograd's tiles, or None.
    """
    k_h, k_w, depth, c_out = kernel.shape
    of_group = c_out // groups
    outs, found = np.asarray(outs), []
    for group in at_groups:
        part = x[..., group * depth : (group + 1) * depth]
        taps = wide(kernel[..., group * of_group + outs]).reshape(-1, len(outs))
        length = np.sqrt(np.square(taps).sum(axis=0))
        for image, row, col in pixels:
            window = wide(cells(part, image, row * stride - pad[0], col * stride - pad[1], k_h, k_w)).reshape(-1)
            norms = None
            if tile:
                side = tile + k_h - 1
                patch = wide(cells(part, image, row // tile * tile - pad[0], col // tile * tile - pad[1], side, side))
                norms = np.sqrt(np.square(patch).sum()) * length
            found.append(
                Exact(
                    (image, row, col, group * of_group + outs),
                    window @ taps,
                    abs(window) @ abs(taps),
                    norms,
                    len(window),
                )
            )
    return found


def input_grad(dy, kernel, pixels, outs, *, pad, stride, tile=None):
    """Of a layer of one group, at pixels and channels of dx. With a stride of 1: a convolution by the turned kernel."""
    k_h, k_w = kernel.shape[:2]
    if stride == 1:
        turned = np.ascontiguousarray(kernel[::-1, ::-1].transpose(0, 1, 3, 2))
        return conv2d(dy, turned, pixels, outs, pad=(k_h - 1 - pad[0], k_w - 1 - pad[1]), tile=tile)
    outs, found = np.asarray(outs), []
    for image, row, col in pixels:
        met = [
            (i, j, (row + pad[0] - i) // stride, (col + pad[1] - j) // stride)
            for i in range(k_h)
            for j in range(k_w)
            if (row + pad[0] - i) % stride == 0 and (col + pad[1] - j) % stride == 0
        ]
        met = [at for at in met if 0 <= at[2] < dy.shape[1] and 0 <= at[3] < dy.shape[2]]
        window = wide(np.array([dy[image, at[2], at[3]] for at in met]).reshape(-1).astype(dy.dtype))
        taps = wide(np.array([kernel[at[0], at[1], outs].T for at in met]).reshape(-1, len(outs)).astype(dy.dtype))
        found.append(Exact((image, row, col, outs), window @ taps, abs(window) @ abs(taps), None, max(len(window), 1)))
    return found


def kernel_grad(x, dy, taps, ins, outs, *, pad, stride, side=None, tile=None):
    """Of one group, at the taps (row, column) and channels. side, tile: of Winograd's kernel and its tiles of dy."""
    n, out_h, out_w, _ = dy.shape
    slopes = wide(dy[..., outs]).reshape(-1, len(outs))
    found = []
    for i, j in taps:
        window = np.concatenate(
            [cells(x[..., ins], image, i - pad[0], j - pad[1], out_h, out_w, stride) for image in range(n)]
        )
        window = wide(window).reshape(-1, len(ins))
        norms = None
        if tile:
            norms = patch_norms(x[..., ins], (out_h, out_w), pad, tile, side + tile - 1)[:, None] * np.sqrt(
                np.square(slopes).sum(axis=0)
            )
        found.append(
            Exact(
                (i, j, np.asarray(ins)[:, None], np.asarray(outs)),
                window.T @ slopes,
                abs(window).T @ abs(slopes),
                norms,
                len(window),
            )
        )
    return found


def patch_norms(x, out, pad, step, side):
    """Of each channel: the norm of all patches of `side`, `step` apart, as tiles of the output have them."""
    total = 0
    for image in range(x.shape[0]):
        for row in range(0, out[0], step):
            for col in range(0, out[1], step):
                total = total + np.square(wide(cells(x, image, row - pad[0], col - pad[1], side, side))).sum(
                    axis=(0, 1)
                )
    return np.sqrt(total)


def dense(x, kernel, rows, outs):
    """At some rows and columns of the product."""
    left, right = wide(x[rows]), wide(kernel[:, outs])
    return [
        Exact((np.asarray(rows)[:, None], np.asarray(outs)), left @ right, abs(left) @ abs(right), None, x.shape[1])
    ]
