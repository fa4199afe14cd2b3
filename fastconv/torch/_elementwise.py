"""Activations and softmax."""

from __future__ import annotations

import math
from typing import Any

import torch

from .. import _core
from ..nn.activations import ACTIVATIONS
from ._library import Op, added, keep, primals
from ._memory import DTYPES, address

__all__ = ["activation", "activation_grad", "relu", "softmax", "spread"]

_NAMES: dict[int, Any] = {number: name for name, number in reversed(ACTIVATIONS.items())}
_SELU_ALPHA_SCALE = 1.7580993408473766


def _axes(x: torch.Tensor) -> list[int]:
    """The axes from the one with the longest way in memory to that with the shortest."""
    return sorted(range(x.ndim), key=x.stride, reverse=True)


def _dense(x: torch.Tensor) -> torch.Tensor:
    """x in memory without gaps, its axes in the order that they have."""
    if x.is_contiguous() or x.permute(_axes(x)).is_contiguous():
        return x
    return torch.empty_like(x).copy_(x)


def _fresh(x: torch.Tensor) -> torch.Tensor:
    """Memory for the result of an x without gaps, as torch's own operations order it where both orders are one."""
    return torch.empty_like(x, memory_format=torch.contiguous_format if x.is_contiguous() else torch.preserve_format)


def _along(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """x with its elements in memory in the order of those of `like`."""
    return x if x.stride() == like.stride() else torch.empty_like(like).copy_(x)


def _activate(x: Any, number: Any, alpha: Any) -> Any:
    x = _dense(x)
    y = _fresh(x)
    _core.activate(DTYPES[x.dtype], number, alpha, x.numel(), address(x), address(y))
    return y


def _activate_grad(known: Any, dy: Any, number: Any, alpha: Any, from_output: Any) -> Any:
    known = _dense(known)
    dy, dx = _along(dy, known), _fresh(known)
    of_x, of_y = (None, address(known)) if from_output else (address(known), None)
    _core.activate_grad(DTYPES[known.dtype], number, alpha, known.numel(), of_x, of_y, address(dy), address(dx))
    return dx


def _empty(x: Any, *_: Any) -> Any:
    return _fresh(_dense(x))


def _setup_activation(ctx: Any, inputs: Any, output: Any) -> None:
    x, *ctx.how = inputs
    ctx.from_output = _core.activation_from_output(*ctx.how)
    keep(ctx, output if ctx.from_output else x)


def _activation_backward(ctx: Any, dy: Any) -> Any:
    (known,) = ctx.saved_tensors
    return activation_grad(known, dy, *ctx.how, ctx.from_output), None, None


def _setup_activation_grad(ctx: Any, inputs: Any, output: Any) -> None:
    known, dy, *ctx.how = inputs
    keep(ctx, known, dy)


def _activation_grad_backward(ctx: Any, ddx: Any) -> Any:
    """dx = dy f'(x) is linear in dy."""
    known, dy = ctx.saved_tensors
    dknown = spread(known, dy * ddx, *ctx.how) if ctx.needs_input_grad[0] else None
    return dknown, activation_grad(known, ddx, *ctx.how) if ctx.needs_input_grad[1] else None, None, None, None


def _activation_jvp(ctx: Any, dx: Any) -> Any:
    (known,) = primals(ctx)
    return activation_grad(known, dx, *ctx.how, ctx.from_output)


def _activation_grad_jvp(ctx: Any, dknown: Any, ddy: Any) -> Any:
    known, dy = primals(ctx)
    return added(
        None if dknown is None else spread(known, dy * dknown, *ctx.how),
        None if ddy is None else activation_grad(known, ddy, *ctx.how),
    )


activation = Op(
    "activation",
    "(Tensor x, int activation, float alpha) -> Tensor",
    1,
    run=_activate,
    fake=_empty,
    setup=_setup_activation,
    backward=_activation_backward,
    jvp=_activation_jvp,
)
activation_grad = Op(
    "activation_grad",
    "(Tensor known, Tensor dy, int activation, float alpha, bool from_output) -> Tensor",
    2,
    run=_activate_grad,
    fake=_empty,
    setup=_setup_activation_grad,
    backward=_activation_grad_backward,
    jvp=_activation_grad_jvp,
)


def spread(known: Any, product: Any, number: Any, alpha: Any, from_output: Any) -> Any:
    """`product` times the change of f'(x) with `known`, which is x or f(x)."""
    table = _BY_OUTPUT if from_output else _BY_INPUT
    change = table.get(_NAMES[number])
    return torch.zeros_like(known) if change is None else product * change(known, alpha)


def _gelu_tanh(x: Any, alpha: Any) -> Any:
    scale, cubic = math.sqrt(2 / math.pi), 0.044715
    t = torch.tanh(scale * (x + cubic * x**3))
    slope, bend = scale * (1 + 3 * cubic * x * x), 6 * scale * cubic * x
    return (1 - t * t) * (slope + 0.5 * x * bend - x * t * slope * slope)


def _mish(x: Any, alpha: Any) -> Any:
    w, s = torch.tanh(torch.nn.functional.softplus(x)), torch.sigmoid(x)
    slope = (1 - w * w) * s
    return 2 * slope + x * (slope * (1 - s) - 2 * w * slope * s)


# The derivative of f'(x) as a function of y = f(x), where it is not 0.
_BY_OUTPUT: dict[str, Any] = {
    "elu": lambda y, alpha: (y <= 0).to(y.dtype),
    "selu": lambda y, alpha: (y <= 0).to(y.dtype),
    "sigmoid": lambda y, alpha: 1 - 2 * y,
    "tanh": lambda y, alpha: -2 * y,
    "exponential": lambda y, alpha: torch.ones_like(y),
    "softplus": lambda y, alpha: torch.exp(-y),
    "softsign": lambda y, alpha: -2 * torch.sign(y) * (1 - y.abs()),
}

# f''(x), where the output does not tell f'(x).
_BY_INPUT: dict[str, Any] = {
    "elu": lambda x, alpha: torch.where(x > 0, torch.zeros_like(x), alpha * torch.exp(x.clamp(max=0))),
    "silu": lambda x, alpha: torch.sigmoid(x) * torch.sigmoid(-x) * (2 + x * (1 - 2 * torch.sigmoid(x))),
    "gelu": lambda x, alpha: (2 - x * x) * torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi),
    "gelu_tanh": _gelu_tanh,
    "hard_silu": lambda x, alpha: (x.abs() < 3).to(x.dtype) / 3,
    "mish": _mish,
}


def _relu(x: Any, *parameters: Any) -> Any:
    x = _dense(x)
    y = _fresh(x)
    _core.relu(DTYPES[x.dtype], parameters, x.numel(), address(x), address(y))
    return y


def _relu_grad(x: Any, dy: Any, *parameters: Any) -> Any:
    x = _dense(x)
    dy, dx = _along(dy, x), _fresh(x)
    _core.relu_grad(DTYPES[x.dtype], parameters, x.numel(), address(x), address(dy), address(dx))
    return dx


def _setup_relu(ctx: Any, inputs: Any, output: Any) -> None:
    x, *ctx.parameters = inputs
    keep(ctx, x)


def _relu_backward(ctx: Any, dy: Any) -> Any:
    (x,) = ctx.saved_tensors
    return relu_grad(x, dy, *ctx.parameters), None, None, None, None


def _setup_relu_grad(ctx: Any, inputs: Any, output: Any) -> None:
    x, _, *ctx.parameters = inputs
    keep(ctx, x)


def _relu_grad_backward(ctx: Any, ddx: Any) -> Any:
    """dx = dy f'(x), where f' is constant on both sides of its steps."""
    (x,) = ctx.saved_tensors
    return (
        torch.zeros_like(x) if ctx.needs_input_grad[0] else None,
        relu_grad(x, ddx, *ctx.parameters) if ctx.needs_input_grad[1] else None,
        None,
        None,
        None,
        None,
    )


def _relu_jvp(ctx: Any, dx: Any) -> Any:
    (x,) = primals(ctx)
    return relu_grad(x, dx, *ctx.parameters)


def _relu_grad_jvp(ctx: Any, _: Any, ddy: Any) -> Any:
    (x,) = primals(ctx)
    return None if ddy is None else relu_grad(x, ddy, *ctx.parameters)


_RELU_SCHEMA = "float negative_slope, float threshold, float low, float high) -> Tensor"
relu = Op(
    "relu",
    f"(Tensor x, {_RELU_SCHEMA}",
    1,
    run=_relu,
    fake=_empty,
    setup=_setup_relu,
    backward=_relu_backward,
    jvp=_relu_jvp,
)
relu_grad = Op(
    "relu_grad",
    f"(Tensor x, Tensor dy, {_RELU_SCHEMA}",
    2,
    run=_relu_grad,
    fake=_empty,
    setup=_setup_relu_grad,
    backward=_relu_grad_backward,
    jvp=_relu_grad_jvp,
)


def _rows(x: torch.Tensor, axis: int) -> tuple[torch.Tensor, tuple[int, int, int]]:
    """x without gaps, and its elements in memory as (outer, axis, inner)."""
    x = _dense(x)
    shape: Any = x.shape
    if not x.is_contiguous():
        axes = _axes(x)
        shape, axis = [shape[a] for a in axes], axes.index(axis)
    return x, (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _softmax(x: Any, axis: Any) -> Any:
    x, lengths = _rows(x, axis)
    y = _fresh(x)
    _core.softmax(DTYPES[x.dtype], *lengths, address(x), address(y))
    return y


def _softmax_grad(y: Any, dy: Any, axis: Any) -> Any:
    y, lengths = _rows(y, axis)
    dy, dx = _along(dy, y), _fresh(y)
    _core.softmax_grad(DTYPES[y.dtype], *lengths, address(y), address(dy), address(dx))
    return dx


def _setup_softmax(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.axis = inputs[1]
    keep(ctx, output)


def _softmax_backward(ctx: Any, dy: Any) -> Any:
    (y,) = ctx.saved_tensors
    return softmax_grad(y, dy, ctx.axis), None


def _setup_softmax_grad(ctx: Any, inputs: Any, output: Any) -> None:
    y, dy, ctx.axis = inputs
    keep(ctx, y, dy)


def _softmax_grad_backward(ctx: Any, ddx: Any) -> Any:
    """dx = y (dy - sum(y dy)), linear in dy, quadratic in y."""
    y, dy = ctx.saved_tensors
    mean = (y * dy).sum(ctx.axis, keepdim=True)
    return (
        (ddx * (dy - mean) - dy * (ddx * y).sum(ctx.axis, keepdim=True)) if ctx.needs_input_grad[0] else None,
        (softmax_grad(y, ddx, ctx.axis) if ctx.needs_input_grad[1] else None),
        None,
    )


def _softmax_jvp(ctx: Any, dx: Any) -> Any:
    """The matrix of softmax's derivatives is symmetric."""
    (y,) = primals(ctx)
    return softmax_grad(y, dx, ctx.axis)


def _softmax_grad_jvp(ctx: Any, change: Any, ddy: Any) -> Any:
    y: Any
    dy: Any
    y, dy = primals(ctx)

    def total(values: Any) -> Any:
        return values.sum(ctx.axis, keepdim=True)

    of_y = None
    if change is not None:
        of_y = change * (dy - total(y * dy)) - y * total(change * dy)
    return added(of_y, None if ddy is None else softmax_grad(y, ddy, ctx.axis))


softmax = Op(
    "softmax",
    "(Tensor x, int axis) -> Tensor",
    1,
    run=_softmax,
    fake=_empty,
    setup=_setup_softmax,
    backward=_softmax_backward,
    jvp=_softmax_jvp,
)
softmax_grad = Op(
    "softmax_grad",
    "(Tensor y, Tensor dy, int axis) -> Tensor",
    2,
    run=_softmax_grad,
    fake=_empty,
    setup=_setup_softmax_grad,
    backward=_softmax_grad_backward,
    jvp=_softmax_grad_jvp,
)
