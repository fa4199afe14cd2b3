"""A convolution whose output channels are scaled and shifted, to which a tensor is added: one pass in the core."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from ._convolution import conv2d, conv2d_fake, conv2d_grads, geometry
from ._elementwise import activation_grad
from ._library import Op, added, keep, primals, wanted
from ._memory import address, dense, empty, stored

__all__ = ["conv2d_scaled"]

_WINDOW_ARGUMENTS = 7


@lru_cache(256)
def _moments(channels: int, dtype: Any) -> tuple[Any, Any]:
    """Mean and variance that leave a channel as it is."""
    return torch.zeros(channels, dtype=dtype), torch.ones(channels, dtype=dtype)


def _conv2d_scaled(x: Any, kernel: Any, scale: Any, shift: Any, addend: Any, *window: Any) -> Any:
    channels_first = window[4]
    x, planes = dense(x, channels_first, kernel)
    core, shape = geometry(x, planes, kernel, *window)
    if addend is not None and addend.shape != shape:
        raise ValueError(f"`added` must have the result's shape, {shape}; received {tuple(addend.shape)}")
    addend = None if addend is None else stored(addend, channels_first, planes)
    kernel = kernel.contiguous()
    shift = None if shift is None else shift.contiguous()
    y = empty(x, shape, channels_first, planes)
    if scale is None:
        core.forward_added(*map(address, (x, kernel, shift, addend, y)))
    else:
        scale, moments = scale.contiguous(), _moments(kernel.shape[3], x.dtype)
        core.forward_normalized(*map(address, (x, kernel, *moments, scale, shift, addend, y)))
    return y


def _conv2d_scaled_fake(x: Any, kernel: Any, scale: Any, shift: Any, addend: Any, *window: Any) -> Any:
    return conv2d_fake(x, kernel, shift, *window)


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    x, kernel, scale, _, _, *ctx.window = inputs
    ctx.present = [tensor is not None for tensor in inputs[:5]]
    keep(ctx, x, kernel, scale, output if ctx.window[5] else None)


def _backward(ctx: Any, dy: Any) -> Any:
    """The sums are linear in x, kernel * scale, shift and what is added."""
    x, kernel, scale, y = ctx.saved_tensors
    for_x, for_kernel, for_scale, for_shift, for_added = wanted(ctx, 5, ctx.present)
    *plain, number, alpha = ctx.window
    plain = *plain, 0, 0.0
    for_kernels = for_kernel or for_scale
    scales_sums = scale is not None and for_x and not for_kernels and dy.numel() < kernel.numel()
    window, daddend = ctx.window, None
    if for_added or scales_sums:
        dy, y, window = dy if y is None else activation_grad(y, dy, number, alpha, True), None, plain
        daddend = dy if for_added else None
    dx = dscaled = dshift = None
    if scales_sums:
        dx = conv2d_grads(x, kernel, _along_channels(scale, plain) * dy, None, True, False, False, *plain)[0]
        for_x = False
    if for_x or for_kernels or for_shift:
        scaled = kernel * scale if scale is not None and for_x else kernel
        found = conv2d_grads(x, scaled, dy, y, for_x, for_kernels, for_shift, *window)
        dx = found[0] if for_x else dx
        dscaled, dshift = found[1], found[2] if for_shift else None
    dkernel = (dscaled if scale is None else dscaled * scale) if for_kernel else None
    dscale = (dscaled * kernel).sum((0, 1, 2)) if for_scale else None
    return dx, dkernel, dscale, dshift, daddend, *(None,) * _WINDOW_ARGUMENTS


def _along_channels(numbers: Any, window: Any) -> Any:
    """A number for each channel, so that it goes with an image."""
    return None if numbers is None else numbers[:, None, None] if window[4] else numbers


def _jvp(ctx: Any, dx: Any, dkernel: Any, dscale: Any, dshift: Any, daddend: Any) -> Any:
    x, kernel, scale, y = primals(ctx)
    *plain, number, alpha = ctx.window
    plain = *plain, 0, 0.0
    sums = added(
        None if dx is None else conv2d(dx, kernel, None, *plain),
        None if dkernel is None else conv2d(x, dkernel, None, *plain),
    )
    if sums is not None and scale is not None:
        sums = sums * _along_channels(scale, plain)
    of_scale = None if dscale is None else conv2d(x, kernel, None, *plain) * _along_channels(dscale, plain)
    of_shift = None if dshift is None else _along_channels(dshift, plain).expand(ctx.shapes[0])
    dz = added(sums, of_scale, of_shift, daddend)
    return dz if y is None else activation_grad(y, dz, number, alpha, True)


conv2d_scaled = Op(
    "conv2d_scaled",
    "(Tensor x, Tensor kernel, Tensor? scale, Tensor? shift, Tensor? added, int[] strides, int[] padding, "
    "int[] dilation, int groups, bool channels_first, int activation, float alpha) -> Tensor",
    5,
    run=_conv2d_scaled,
    fake=_conv2d_scaled_fake,
    setup=_setup,
    backward=_backward,
    jvp=_jvp,
)
