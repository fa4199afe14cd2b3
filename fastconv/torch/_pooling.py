"""Max and average pooling and their gradients."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from ..nn.pooling import Geometry
from ._library import Op, keep, primals
from ._memory import DTYPES, address, data_format, dense, empty, reordered, sizes, stored, windows

__all__ = ["geometry", "pool2d"]

_WINDOW = "bool average, int[] window, int[] strides, int[] padding, bool channels_first"


@lru_cache(1024)
def _geometry(
    dtype: Any, planes: Any, shape: Any, average: Any, window: Any, strides: Any, padding: Any, channels_first: Any
) -> Any:
    """(C geometry, output shape)."""
    pairs = (padding[:2], padding[2:]) if padding else "same"
    shape = reordered(shape, channels_first, planes)
    found = Geometry(average, shape, DTYPES[dtype], window, strides, pairs, data_format(planes))
    return found.core, reordered(found.output_shape, planes, channels_first)


def geometry(
    dtype: Any, shape: Any, planes: Any, average: Any, window: Any, strides: Any, padding: Any, channels_first: Any
) -> Any:
    """The same for tensors of that dtype and shape, whose memory has its channels first (`planes`) or last."""
    return _geometry(
        dtype, planes, tuple(shape), average, tuple(window), tuple(strides), tuple(padding), channels_first
    )


def _pool2d(x: Any, *how: Any) -> Any:
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    y = empty(x, shape, how[4], planes)
    core.forward(address(x), address(y))
    return y


def _shape(x: Any, how: Any) -> tuple[Any, ...]:
    """The output's shape, checked if sizes are numbers."""
    if all(type(size) is int for size in x.shape):
        result: tuple[Any, ...] = geometry(x.dtype, x.shape, how[4], *how)[1]
        return result
    _, window, strides, padding, channels_first = how
    channels = sizes(x.shape, channels_first)[3]
    return windows(x.shape, channels_first, window, strides, padding, (1, 1), channels)


def _pool2d_fake(x: Any, *how: Any) -> Any:
    x, planes = dense(x, how[4])
    return empty(x, _shape(x, how), how[4], planes)


def _setup_pool2d(ctx: Any, inputs: Any, output: Any) -> None:
    x, *ctx.how = inputs
    keep(ctx, x)


def _pool2d_backward(ctx: Any, dy: Any) -> Any:
    (x,) = ctx.saved_tensors
    return _pool2d_grad_op(x, dy, *ctx.how), *(None,) * 5


def _operands(x: Any, dy: Any, how: Any) -> Any:
    """x, where its channels lie, and dy laid out alike."""
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    if dy.shape != shape:
        raise ValueError(f"`dy` must have the shape of the pooled output, {shape}; received {tuple(dy.shape)}")
    return core, x, stored(dy, how[4], planes), empty(x, x.shape, how[4], planes)


def _pool2d_grad(x: Any, dy: Any, *how: Any) -> Any:
    core, x, dy, dx = _operands(x, dy, how)
    core.grad(None if how[0] else address(x), address(dy), address(dx))
    return dx


def _pool2d_grad_fake(x: Any, dy: Any, *how: Any) -> Any:
    x, planes = dense(x, how[4])
    return empty(x, x.shape, how[4], planes)


def _setup_pool2d_grad(ctx: Any, inputs: Any, output: Any) -> None:
    x, _, *ctx.how = inputs
    keep(ctx, x)


def _pool2d_grad_backward(ctx: Any, ddx: Any) -> Any:
    """Average pooling's is the pooling again; max pooling's picks where x had its maxima, which do not move."""
    (x,) = ctx.saved_tensors
    ddy = None
    if ctx.needs_input_grad[1]:
        ddy = pool2d(ddx, *ctx.how) if ctx.how[0] else _max_pool2d_pick(x, ddx, *ctx.how)
    return torch.zeros_like(x) if ctx.needs_input_grad[0] else None, ddy, *(None,) * 5


def _pick(x: Any, ddx: Any, *how: Any) -> Any:
    x, planes = dense(x, how[4])
    core, shape = geometry(x.dtype, x.shape, planes, *how)
    ddx, ddy = stored(ddx, how[4], planes), empty(x, shape, how[4], planes)
    core.grad_grad(address(x), address(ddx), address(ddy))
    return ddy


def _pick_fake(x: Any, ddx: Any, *how: Any) -> Any:
    return _pool2d_fake(x, *how)


def _pick_backward(ctx: Any, dddy: Any) -> Any:
    (x,) = ctx.saved_tensors
    dddx = _pool2d_grad_op(x, dddy, *ctx.how) if ctx.needs_input_grad[1] else None
    return torch.zeros_like(x) if ctx.needs_input_grad[0] else None, dddx, *(None,) * 5


def _pool2d_jvp(ctx: Any, dx: Any) -> Any:
    (x,) = primals(ctx)
    return pool2d(dx, *ctx.how) if ctx.how[0] else _max_pool2d_pick(x, dx, *ctx.how)


def _pool2d_grad_jvp(ctx: Any, _: Any, ddy: Any) -> Any:
    (x,) = primals(ctx)
    return None if ddy is None else _pool2d_grad_op(x, ddy, *ctx.how)


def _pick_jvp(ctx: Any, _: Any, dddx: Any) -> Any:
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
