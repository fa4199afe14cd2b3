"""Convolution, its gradients and transposed convolution.

The operations share their last arguments: strides, padding as (top, bottom, left, right) or () for 'same', dilation,
groups, channels_first, activation and alpha.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .. import _args, _core
from ..nn.convolution import Keywords
from ._elementwise import activation_grad, spread
from ._library import Op, added, keep, primals, wanted
from ._memory import DTYPES, address, data_format, dense, empty, reordered, sizes, stored, windows

__all__ = ["conv2d", "conv2d_fake", "conv2d_grads", "conv2d_transpose", "geometry"]

_WINDOW = "int[] strides, int[] padding, int[] dilation, int groups, bool channels_first, int activation, float alpha"
_WINDOW_ARGUMENTS = 7


@lru_cache(1024)
def _geometry(
    dtype: Any,
    planes: Any,
    x_shape: Any,
    kernel_shape: Any,
    precision: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    channels_first: Any,
    activation: Any,
    alpha: Any,
) -> Any:
    """(C geometry, output shape); it keeps the precision it was made under."""
    pairs = (padding[:2], padding[2:]) if padding else "same"
    keywords = Keywords(strides, pairs, dilation, groups, data_format(planes))
    keywords.activation, keywords.alpha = activation, alpha
    x_shape = reordered(x_shape, channels_first, planes)
    number: Any = DTYPES[dtype]
    core, shape = keywords.geometry(number, x_shape, kernel_shape)
    return core, reordered(shape, planes, channels_first)


def geometry(
    x: Any, planes: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, *rest: Any, x_shape: Any = None
) -> Any:
    """The same for tensors, x's memory having its channels first (`planes`) or last."""
    return _geometry(
        x.dtype,
        planes,
        tuple(x.shape if x_shape is None else x_shape),
        tuple(kernel.shape),
        _core.get_precision(),
        tuple(strides),
        tuple(padding),
        tuple(dilation),
        *rest,
    )


def _shape(x: Any, kernel: Any, window: Any) -> tuple[Any, ...]:
    """The output's shape, checked if sizes are numbers."""
    if all(type(size) is int for size in (*x.shape, *kernel.shape)):
        result: tuple[Any, ...] = geometry(x, window[4], kernel, *window)[1]
        return result
    strides, padding, dilation, _, channels_first, *_ = window
    return windows(x.shape, channels_first, kernel.shape[:2], strides, padding, dilation, kernel.shape[3])


def _conv2d(x: Any, kernel: Any, bias: Any, *window: Any) -> Any:
    channels_first = window[4]
    x, planes = dense(x, channels_first, kernel)
    core, shape = geometry(x, planes, kernel, *window)
    kernel = kernel.contiguous()
    bias = None if bias is None else bias.contiguous()
    y = empty(x, shape, channels_first, planes)
    core.forward(address(x), address(kernel), address(bias), address(y))
    return y


def conv2d_fake(x: Any, kernel: Any, bias: Any, *window: Any) -> Any:
    """An empty tensor as `conv2d` gives it."""
    x, planes = dense(x, window[4], kernel)
    return empty(x, _shape(x, kernel, window), window[4], planes)


def _setup_conv2d(ctx: Any, inputs: Any, output: Any) -> None:
    x, kernel, _, *ctx.window = inputs
    keep(ctx, x, kernel, output if ctx.window[5] else None)


def _conv2d_backward(ctx: Any, dy: Any) -> Any:
    x, kernel, y = ctx.saved_tensors
    asked = wanted(ctx, 3)
    grads = conv2d_grads(x, kernel, dy, y, *asked, *ctx.window)
    return *(grad if given else None for grad, given in zip(grads, asked, strict=True)), *(None,) * _WINDOW_ARGUMENTS


def _spread_bias(bias: Any, ctx: Any) -> Any:
    """The bias in the shape of the output; None without one."""
    return None if bias is None else (bias[:, None, None] if ctx.window[4] else bias).expand(ctx.shapes[0])


def _conv2d_jvp(ctx: Any, dx: Any, dkernel: Any, dbias: Any) -> Any:
    x, kernel, y = primals(ctx)
    *plain, number, alpha = ctx.window
    plain = *plain, 0, 0.0
    dz = added(
        None if dx is None else conv2d(dx, kernel, None, *plain),
        None if dkernel is None else conv2d(x, dkernel, None, *plain),
        _spread_bias(dbias, ctx),
    )
    return dz if y is None else activation_grad(y, dz, number, alpha, True)


conv2d = Op(
    "conv2d",
    f"(Tensor x, Tensor kernel, Tensor? bias, {_WINDOW}) -> Tensor",
    3,
    run=_conv2d,
    fake=conv2d_fake,
    setup=_setup_conv2d,
    backward=_conv2d_backward,
    jvp=_conv2d_jvp,
)


def _grads_like(x: Any, kernel: Any, wanted: Any, channels_first: Any, planes: Any) -> Any:
    """Memory for the gradients of x, kernel and bias; without elements for those that are not wanted."""
    return (
        empty(x, x.shape, channels_first, planes) if wanted[0] else x.new_empty(0),
        kernel.new_empty(kernel.shape if wanted[1] else 0),
        kernel.new_empty(kernel.shape[3] if wanted[2] else 0),
    )


def _conv2d_grads(
    x: Any, kernel: Any, dy: Any, y: Any, dx_wanted: Any, dkernel_wanted: Any, dbias_wanted: Any, *window: Any
) -> Any:
    channels_first, wanted = window[4], (dx_wanted, dkernel_wanted, dbias_wanted)
    x, planes = dense(x, channels_first, kernel)
    core, shape = geometry(x, planes, kernel, *window)
    if dy.shape != shape:
        raise ValueError(f"`dy` must have the shape of the output, {shape}; received {tuple(dy.shape)}")
    kernel, dy = kernel.contiguous(), stored(dy, channels_first, planes)
    y = None if y is None else stored(y, channels_first, planes)
    grads = _grads_like(x, kernel, wanted, channels_first, planes)
    core.grads(
        *map(address, (x, kernel, y, dy)),
        *(address(grad) if given else None for grad, given in zip(grads, wanted, strict=True)),
    )
    return grads


def _conv2d_grads_fake(
    x: Any, kernel: Any, dy: Any, y: Any, dx_wanted: Any, dkernel_wanted: Any, dbias_wanted: Any, *window: Any
) -> Any:
    x, planes = dense(x, window[4], kernel)
    return _grads_like(x, kernel, (dx_wanted, dkernel_wanted, dbias_wanted), window[4], planes)


def _setup_conv2d_grads(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.wanted, ctx.window = inputs[4:7], inputs[7:]
    keep(ctx, *inputs[:4])


def _conv2d_grads_backward(ctx: Any, *seconds: Any) -> Any:
    """dx, dkernel and dbias are linear in dz = dy f'(y), dx also in kernel, dkernel in x."""
    x, kernel, dy, y = ctx.saved_tensors
    for_x, for_kernel, for_dy, for_y, *_ = ctx.needs_input_grad
    *plain, number, alpha = ctx.window
    plain = *plain, 0, 0.0
    dz = dy if y is None else activation_grad(y, dy, number, alpha, True)
    ddx, ddkernel, ddbias = (grad if given else None for grad, given in zip(seconds, ctx.wanted, strict=True))
    dx = dkernel = ddz = None
    if ddx is not None:
        ddz = conv2d(ddx, kernel, None, *plain)
        if for_kernel:
            dkernel = conv2d_grads(ddx, kernel, dz, None, False, True, False, *plain)[1]
    if ddkernel is not None:
        part = conv2d(x, ddkernel, None, *plain)
        ddz = part if ddz is None else ddz + part
        if for_x:
            dx = conv2d_grads(x, ddkernel, dz, None, True, False, False, *plain)[0]
    if ddbias is not None:
        part = (ddbias[:, None, None] if plain[4] else ddbias).expand_as(dy)
        ddz = part if ddz is None else ddz + part
    ddy, dy_of_y = ddz, None
    if y is not None and ddz is not None:
        ddy = activation_grad(y, ddz, number, alpha, True) if for_dy else None
        dy_of_y = spread(y, dy * ddz, number, alpha, True) if for_y else None
    return dx, dkernel, ddy, dy_of_y, *(None,) * (3 + _WINDOW_ARGUMENTS)


def _conv2d_grads_jvp(ctx: Any, dx: Any, dkernel: Any, ddy: Any, dy_of_y: Any) -> Any:
    """The changes of the gradients with x, kernel, dy and y."""
    x, kernel, dy, y = primals(ctx)
    *plain, number, alpha = ctx.window

    def grads(x: Any, kernel: Any, dz: Any, *wanted: Any) -> Any:
        return conv2d_grads(x, kernel, dz, None, *wanted, *plain, 0, 0.0)

    dz, ddz = dy, ddy
    if y is not None:
        dz = activation_grad(y, dy, number, alpha, True)
        ddz = added(
            None if ddy is None else activation_grad(y, ddy, number, alpha, True),
            None if dy_of_y is None else spread(y, dy * dy_of_y, number, alpha, True),
        )
    parts = [(None, None, None) if ddz is None else grads(x, kernel, ddz, *ctx.wanted)]
    if dkernel is not None and ctx.wanted[0]:
        parts.append((grads(x, dkernel, dz, True, False, False)[0], None, None))
    if dx is not None and ctx.wanted[1]:
        parts.append((None, grads(dx, kernel, dz, False, True, False)[1], None))
    return tuple(added(*part) for part in zip(*parts, strict=True))


conv2d_grads = Op(
    "conv2d_grads",
    "(Tensor x, Tensor kernel, Tensor dy, Tensor? y, bool dx_wanted, bool dkernel_wanted, bool dbias_wanted, "
    f"{_WINDOW}) -> (Tensor, Tensor, Tensor)",
    4,
    run=_conv2d_grads,
    fake=_conv2d_grads_fake,
    setup=_setup_conv2d_grads,
    backward=_conv2d_grads_backward,
    jvp=_conv2d_grads_jvp,
)


def _conv2d_transpose(x: Any, kernel: Any, bias: Any, size: Any, *window: Any) -> Any:
    *plain, number, alpha = window
    channels_first = window[4]
    x, planes = dense(x, channels_first, kernel)
    shape = _large_shape(x, kernel, size, channels_first)
    core, small = geometry(x, planes, kernel, *plain, 0, 0.0, x_shape=shape)
    if x.shape != small:
        raise ValueError(
            f"`output_padding` must leave `x` the shape that a convolution of the result, {shape}, has: "
            f"{small}; received `x` of shape {tuple(x.shape)}"
        )
    kernel, y = kernel.contiguous(), empty(x, shape, channels_first, planes)
    core.input_grad(address(x), address(kernel), address(y))
    if bias is not None:
        y += bias[:, None, None] if channels_first else bias
    if number:
        _core.activate(DTYPES[y.dtype], number, alpha, y.numel(), address(y), address(y))
    return y


def _large_shape(x: Any, kernel: Any, size: Any, channels_first: Any) -> Any:
    h, w = size
    return _args.shape_of(x.shape[0], h, w, kernel.shape[2], data_format(channels_first))


def _conv2d_transpose_fake(x: Any, kernel: Any, bias: Any, size: Any, *window: Any) -> Any:
    x, planes = dense(x, window[4], kernel)
    return empty(x, _large_shape(x, kernel, size, window[4]), window[4], planes)


def _setup_conv2d_transpose(ctx: Any, inputs: Any, output: Any) -> None:
    x, kernel, _, _, *ctx.window = inputs
    keep(ctx, x, kernel, output if ctx.window[5] else None)


def _conv2d_transpose_backward(ctx: Any, dy: Any) -> Any:
    """y is linear in kernel and x: conv2d of dy, and its kernel's gradient with the roles of x and dy exchanged."""
    x, kernel, y = ctx.saved_tensors
    *plain, number, alpha = ctx.window
    plain = *plain, 0, 0.0
    dz = dy if y is None else activation_grad(y, dy, number, alpha, True)
    dx = dkernel = dbias = None
    for_x, for_kernel, for_bias = wanted(ctx, 3)
    if for_x:
        dx = conv2d(dz, kernel, None, *plain)
    if for_kernel:
        dkernel = conv2d_grads(dz, kernel, x, None, False, True, False, *plain)[1]
    if for_bias:
        dbias = dz.sum((0, 2, 3) if plain[4] else (0, 1, 2))
    return dx, dkernel, dbias, None, *(None,) * _WINDOW_ARGUMENTS


def _conv2d_transpose_jvp(ctx: Any, dx: Any, dkernel: Any, dbias: Any) -> Any:
    x, kernel, y = primals(ctx)
    *plain, number, alpha = ctx.window
    size = sizes(ctx.shapes[0], plain[4])[1:3]
    plain = *plain, 0, 0.0
    dz = added(
        None if dx is None else conv2d_transpose(dx, kernel, None, size, *plain),
        None if dkernel is None else conv2d_transpose(x, dkernel, None, size, *plain),
        _spread_bias(dbias, ctx),
    )
    return dz if y is None else activation_grad(y, dz, number, alpha, True)


conv2d_transpose = Op(
    "conv2d_transpose",
    f"(Tensor x, Tensor kernel, Tensor? bias, SymInt[] size, {_WINDOW}) -> Tensor",
    3,
    run=_conv2d_transpose,
    fake=_conv2d_transpose_fake,
    setup=_setup_conv2d_transpose,
    backward=_conv2d_transpose_backward,
    jvp=_conv2d_transpose_jvp,
)
