"""Arguments of the functions: checked, and in the form the operations take."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import Any

import torch

from .. import _args, _core
from ..nn.activations import ACTIVATIONS, activation_id
from ..nn.convolution import Keywords
from ..nn.transpose import output_shape
from ._memory import DTYPES

__all__ = [
    "activation_of",
    "check",
    "large_size",
    "operands",
    "pool_window",
    "refusal",
    "split_activation",
    "window_of",
]

# The activations whose output tells their gradient, by the parameter's sign: torch.compile cannot ask the core.
_FUSED = {
    sign: frozenset(number for number in ACTIVATIONS.values() if _core.activation_from_output(number, sign))
    for sign in (-1, 0, 1)
}


def refusal(x: Any) -> str | None:
    """Why these functions cannot take `x`, in words; None if they can.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch as ft
    >>> ft.refusal(torch.ones(3)), ft.refusal(torch.ones(3, dtype=torch.int32))
    (None, 'no kernel for int32')
    """
    if not isinstance(x, torch.Tensor):
        return f"the input is a {type(x).__name__}, not a torch.Tensor"
    if x.layout is not torch.strided or x.is_nested:
        kind = "nested" if x.is_nested else str(x.layout).removeprefix("torch.")
        return f"the input is a {kind} tensor, not a dense one"
    if x.device.type not in ("cpu", "meta"):
        return f"the input is on {x.device}, not on the CPU"
    return None if x.dtype in DTYPES else f"no kernel for {str(x.dtype).removeprefix('torch.')}"


def check(x: Any, name: str, rank: int | None = None) -> None:
    """Raise unless x is a tensor that the operations take."""
    usual = type(x) in (torch.Tensor, torch.nn.Parameter) and x.is_cpu and x.layout is torch.strided
    if not usual or x.dtype not in DTYPES:
        reason = refusal(x)
        if reason is not None:
            raise TypeError(
                f"`{name}` must be a dense float16, bfloat16, float32 or float64 tensor on the CPU: {reason}"
            )
    if rank is not None and x.ndim != rank:
        raise ValueError(f"`{name}` must have {rank} dimensions; received shape {tuple(x.shape)}")


def operands(x: Any, kernel: Any, bias: Any, axis: int, rank: int | None = 4) -> Any:
    """The tensors of a layer, of autocast's dtype; the bias has to be as long as that axis of the kernel."""
    check(x, "x", rank)
    check(kernel, "kernel", rank or 2)
    if bias is not None:
        check(bias, "bias", 1)
        _args.bias_shape(bias.shape, kernel.shape, axis)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x, kernel, bias = (t if t is None or t.dtype is torch.float64 else t.to(dtype) for t in (x, kernel, bias))
    for name, tensor in (("kernel", kernel), ("bias", bias)):
        if tensor is not None and tensor.dtype is not x.dtype:
            raise TypeError(f"`{name}` must have the dtype of `x`, {x.dtype}; received {tensor.dtype}")
    return x, kernel, bias


def _remembered(checked: Any) -> Any:
    """Remember what arguments come to: checking them takes longer than a small operation."""
    known = lru_cache(1024, typed=True)(checked)

    @wraps(checked)
    def options(*given: Any) -> Any:
        if torch.compiler.is_compiling():
            return checked(*given)
        try:
            return known(*given)
        except TypeError:  # a list, which cannot be looked up, or a wrong argument, which says so here
            return checked(*given)

    return options


def _paddings(padding: Any) -> tuple[int, ...]:
    """(top, bottom, left, right), or () for 'same'."""
    if isinstance(padding, str):
        return () if _args.choice(padding.lower(), "padding", ("valid", "same")) == "same" else (0, 0, 0, 0)
    return tuple(amount for pair in _args.padding_pairs(padding, (1, 1), (1, 1), (1, 1)) for amount in pair)


def _is_first(data_format: Any) -> bool:
    return _args.choice(data_format, "data_format", _args.LAYOUTS) == "channels_first"


@_remembered
def activation_of(activation: Any, alpha: Any) -> tuple[int, float]:
    """(number, alpha), which is 0 where there is no such parameter."""
    number, default = activation_id(activation)
    return number, _args.real(alpha, "alpha") if default else 0.0


def split_activation(activation: Any, alpha: Any) -> Any:
    """The (number, alpha) to compute with a layer, and that of an operation after it, or None."""
    fused = activation_of(activation, alpha)
    return (fused, None) if fused[0] in _FUSED[(fused[1] > 0) - (fused[1] < 0)] else ((0, 0.0), fused)


@_remembered
def window_of(
    strides: Any, padding: Any, dilation_rate: Any, groups: Any, data_format: Any, activation: Any, alpha: Any
) -> Any:
    """The arguments that the convolutions share, and the activation that has to be an operation of its own, or None."""
    fused, after = split_activation(activation, alpha)
    return (
        _args.pair(strides, "strides"),
        _paddings(padding),
        _args.pair(dilation_rate, "dilation_rate"),
        _args.integer(groups, "groups", 1),
        _is_first(data_format),
        *fused,
    ), after


@_remembered
def pool_window(pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    """The arguments that the poolings share."""
    window = _args.pair(pool_size, "pool_size")
    steps = window if strides is None else _args.pair(strides, "strides")
    return window, steps, _paddings(padding), _is_first(data_format)


def large_size(
    x_shape: Any,
    kernel_shape: Any,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation_rate: Any,
    data_format: Any,
) -> Any:
    """Height and width of a transposed convolution's result."""
    keywords = Keywords(strides, padding, dilation_rate, 1, data_format)
    return _args.sizes(output_shape(x_shape, kernel_shape, keywords, output_padding), data_format)[1:3]
