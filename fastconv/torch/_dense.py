"""A layer of neurons on rows, and its gradients. The last arguments of both are activation and alpha."""

from __future__ import annotations

from typing import Any

from .. import _core
from ._elementwise import activation_grad, spread
from ._library import Op, added, keep, primals, wanted
from ._memory import DTYPES, address

__all__ = ["dense"]


def _geometry(x: Any, kernel: Any, number: Any, alpha: Any) -> Any:
    return _core.Dense(DTYPES[x.dtype], x.shape[0], x.shape[1], kernel.shape[1], number, alpha)


def _dense(x: Any, kernel: Any, bias: Any, *how: Any) -> Any:
    x, kernel = x.contiguous(), kernel.contiguous()
    bias, y = None if bias is None else bias.contiguous(), _dense_fake(x, kernel)
    _geometry(x, kernel, *how).forward(*map(address, (x, kernel, bias, y)))
    return y


def _dense_fake(x: Any, kernel: Any, *_: Any) -> Any:
    return x.new_empty(x.shape[0], kernel.shape[1])


def _setup_dense(ctx: Any, inputs: Any, output: Any) -> None:
    x, kernel, _, *ctx.how = inputs
    keep(ctx, x, kernel, output if ctx.how[0] else None)


def _dense_backward(ctx: Any, dy: Any) -> Any:
    x, kernel, y = ctx.saved_tensors
    asked = wanted(ctx, 3)
    grads = _dense_grads_op(x, kernel, dy, y, *asked, *ctx.how)
    return *(grad if given else None for grad, given in zip(grads, asked, strict=True)), None, None


def _dense_jvp(ctx: Any, dx: Any, dkernel: Any, dbias: Any) -> Any:
    x, kernel, y = primals(ctx)
    dz = added(
        None if dx is None else dx @ kernel,
        None if dkernel is None else x @ dkernel,
        None if dbias is None else dbias.expand(ctx.shapes[0]),
    )
    return dz if y is None else activation_grad(y, dz, *ctx.how, True)


dense = Op(
    "dense",
    "(Tensor x, Tensor kernel, Tensor? bias, int activation, float alpha) -> Tensor",
    3,
    run=_dense,
    fake=_dense_fake,
    setup=_setup_dense,
    backward=_dense_backward,
    jvp=_dense_jvp,
)


def _dense_grads(
    x: Any, kernel: Any, dy: Any, y: Any, dx_wanted: Any, dkernel_wanted: Any, dbias_wanted: Any, *how: Any
) -> Any:
    x, kernel, dy = x.contiguous(), kernel.contiguous(), dy.contiguous()
    y = None if y is None else y.contiguous()
    wanted = dx_wanted, dkernel_wanted, dbias_wanted
    grads = _dense_grads_fake(x, kernel, dy, y, *wanted)
    _geometry(x, kernel, *how).grads(
        *map(address, (x, kernel, y, dy)),
        *(address(grad) if given else None for grad, given in zip(grads, wanted, strict=True)),
    )
    return grads


def _dense_grads_fake(
    x: Any, kernel: Any, dy: Any, y: Any, dx_wanted: Any, dkernel_wanted: Any, dbias_wanted: Any, *_: Any
) -> Any:
    return (
        x.new_empty(x.shape if dx_wanted else 0),
        kernel.new_empty(kernel.shape if dkernel_wanted else 0),
        kernel.new_empty(kernel.shape[1] if dbias_wanted else 0),
    )


def _setup_dense_grads(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.wanted, ctx.how = inputs[4:7], inputs[7:]
    keep(ctx, *inputs[:4])


def _dense_grads_backward(ctx: Any, *seconds: Any) -> Any:
    """dx, dkernel and dbias are linear in dz = dy f'(y), dx also in kernel, dkernel in x."""
    x, kernel, dy, y = ctx.saved_tensors
    for_x, for_kernel, for_dy, for_y, *_ = ctx.needs_input_grad
    number, alpha = ctx.how
    dz = dy if y is None else activation_grad(y, dy, number, alpha, True)
    ddx, ddkernel, ddbias = (grad if given else None for grad, given in zip(seconds, ctx.wanted, strict=True))
    parts = []
    if ddx is not None:
        parts.append(ddx @ kernel)
    if ddkernel is not None:
        parts.append(x @ ddkernel)
    if ddbias is not None:
        parts.append(ddbias.expand_as(dy))
    ddz = sum(parts[1:], start=parts[0]) if parts else None
    dx = dz @ ddkernel.mT if for_x and ddkernel is not None else None
    dkernel = ddx.mT @ dz if for_kernel and ddx is not None else None
    ddy, dy_of_y = ddz, None
    if y is not None and ddz is not None:
        ddy = activation_grad(y, ddz, number, alpha, True) if for_dy else None
        dy_of_y = spread(y, dy * ddz, number, alpha, True) if for_y else None
    return dx, dkernel, ddy, dy_of_y, *(None,) * 5


def _dense_grads_jvp(ctx: Any, dx: Any, dkernel: Any, ddy: Any, dy_of_y: Any) -> Any:
    """The changes of the gradients with x, kernel, dy and y."""
    given: Any = primals(ctx)
    x, kernel, dy, y = given
    dz: Any = dy
    ddz: Any = ddy
    if y is not None:
        number, alpha = ctx.how
        dz = activation_grad(y, dy, number, alpha, True)
        ddz = added(
            None if ddy is None else activation_grad(y, ddy, number, alpha, True),
            None if dy_of_y is None else spread(y, dy * dy_of_y, number, alpha, True),
        )
    parts = (
        (None if ddz is None else ddz @ kernel.mT, None if dkernel is None else dz @ dkernel.mT),
        (None if ddz is None else x.mT @ ddz, None if dx is None else dx.mT @ dz),
        (None if ddz is None else ddz.sum(0),),
    )
    return tuple(added(*part) if given else None for part, given in zip(parts, ctx.wanted, strict=True))


_dense_grads_op = Op(
    "dense_grads",
    "(Tensor x, Tensor kernel, Tensor dy, Tensor? y, bool dx_wanted, bool dkernel_wanted, bool dbias_wanted, "
    "int activation, float alpha) -> (Tensor, Tensor, Tensor)",
    4,
    run=_dense_grads,
    fake=_dense_grads_fake,
    setup=_setup_dense_grads,
    backward=_dense_grads_backward,
    jvp=_dense_grads_jvp,
)
