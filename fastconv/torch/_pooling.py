"""Max and average pooling and their gradients."""

from __future__ import annotations

from functools import lru_cache

import torch

from .. import _args
from ..nn.pooling import Geometry
from ._library import Op, keep, primals
from ._memory import DTYPES, address, data_format, dense, empty, sizes, stored, windows

__all__ = ["geometry", "pool2d"]

_WINDOW = "bool average, int[] window, int[] strides, int[] padding, bool channels_first"


@lru_cache(1024)
def _geometry(dtype, planes, shape, average, window, strides, padding, channels_first):
    """(C geometry, output shape)."""
    pairs = (padding[:2], padding[2:]) if padding else "same"
    shape = _args.shape_of(*sizes(shape, channels_first), data_format(planes))
    found = Geometry(average, shape, DTYPES[dtype], window, strides, pairs, data_format(planes))
    return found.core, _args.shape_of(*sizes(found.output_shape, planes), data_format(channels_first))


def geometry(dtype, shape, planes, average, window, strides, padding, channels_first):
    """The same for tensors of that dtype and shape, whose memory has its channels first (`planes`) or last."""
    return _geometry(
        dtype, planes, tuple(shape), average, tuple(window), tuple(strides), tuple(padding), channels_first
    )


def _pool2d(x, *how):
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    y = empty(x, shape, how[4], planes)
    core.forward(address(x), address(y))
    return y


def _shape(x, how) -> tuple:
    """The output's shape, checked if sizes are numbers."""
    if all(type(size) is int for size in x.shape):
        return geometry(x.dtype, x.shape, how[4], *how)[1]
    _, window, strides, padding, channels_first = how
    channels = sizes(x.shape, channels_first)[3]
    return windows(x.shape, channels_first, window, strides, padding, (1, 1), channels)


def _pool2d_fake(x, *how):
    x, planes = dense(x, how[4])
    return empty(x, _shape(x, how), how[4], planes)


def _setup_pool2d(ctx, inputs, output):
    x, *ctx.how = inputs
    keep(ctx, x)


def _pool2d_backward(ctx, dy):
    (x,) = ctx.saved_tensors
    return _pool2d_grad_op(x, dy, *ctx.how), *(None,) * 5


def _operands(x, dy, how):
    """x, where its channels lie, and dy laid out alike."""
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    if dy.shape != shape:
        raise ValueError(f"`dy` must have the shape of the pooled output, {shape}; received {tuple(dy.shape)}")
    return core, x, stored(dy, how[4], planes), empty(x, x.shape, how[4], planes)


def _pool2d_grad(x, dy, *how):
    core, x, dy, dx = _operands(x, dy, how)
    core.grad(None if how[0] else address(x), address(dy), address(dx))
    return dx


def _pool2d_grad_fake(x, dy, *how):
    x, planes = dense(x, how[4])
    return empty(x, x.shape, how[4], planes)


def _setup_pool2d_grad(ctx, inputs, output):
    x, _, *ctx.how = inputs
    keep(ctx, x)


def _pool2d_grad_backward(ctx, ddx):
    """Average pooling's is the pooling again; max pooling's picks where x had its maxima, which do not move."""
    (x,) = ctx.saved_tensors
    ddy = None
    if ctx.needs_input_grad[1]:
        ddy = pool2d(ddx, *ctx.how) if ctx.how[0] else _max_pool2d_pick(x, ddx, *ctx.how)
    return torch.zeros_like(x) if ctx.needs_input_grad[0] else None, ddy, *(None,) * 5


def _pick(x, ddx, *how):
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    ddx, ddy = stored(ddx, how[4], planes), empty(x, shape, how[4], planes)
    core.grad_grad(address(x), address(ddx), address(ddy))
    return ddy


def _pick_fake(x, ddx, *how):
    return _pool2d_fake(x, *how)


def _pick_backward(ctx, dddy):
    (x,) = ctx.saved_tensors
    dddx = _pool2d_grad_op(x, dddy, *ctx.how) if ctx.needs_input_grad[1] else None
    return torch.zeros_like(x) if ctx.needs_input_grad[0] else None, dddx, *(None,) * 5


def _pool2d_jvp(ctx, dx):
    (x,) = primals(ctx)
    return pool2d(dx, *ctx.how) if ctx.how[0] else _max_pool2d_pick(x, dx, *ctx.how)


def _pool2d_grad_jvp(ctx, _, ddy):
    (x,) = primals(ctx)
    return None if ddy is None else _pool2d_grad_op(x, ddy, *ctx.how)


def _pick_jvp(ctx, _, dddx):
    (x,) = primals(ctx)
    return None if dddx is None else _max_pool2d_pick(x, dddx, *ctx.how)


pool2d = Op(
    "pool2d",
    f"(Tensor x, {_WINDOW}) -> Tensor",
    1,
    run=_pool2d,
    fake=_pool2d_fake,
    setup=_setup_pool2d,
    backward=_pool2d_backward,
    jvp=_pool2d_jvp,
)
_pool2d_grad_op = Op(
    "pool2d_grad",
    f"(Tensor x, Tensor dy, {_WINDOW}) -> Tensor",
    2,
    run=_pool2d_grad,
    fake=_pool2d_grad_fake,
    setup=_setup_pool2d_grad,
    backward=_pool2d_grad_backward,
    jvp=_pool2d_grad_jvp,
)
_max_pool2d_pick = Op(
    "max_pool2d_pick",
    f"(Tensor x, Tensor ddx, {_WINDOW}) -> Tensor",
    2,
    run=_pick,
    fake=_pick_fake,
    setup=_setup_pool2d_grad,
    backward=_pick_backward,
    jvp=_pick_jvp,
)
