"""Tensors as the core sees them: numbers of dtypes, addresses, and where the channels of an image lie."""
from __future__ import annotations

import torch

from .. import _args

__all__ = ["DTYPES", "address", "dense", "empty", "sizes", "stored", "windows"]

DTYPES = dict(zip((torch.float16, torch.bfloat16, torch.float32, torch.float64), sorted(_args.FLOAT_IDS), strict=True))
# For the core, no address means no tensor; one without elements is never read.
_NOWHERE = 64


def address(tensor: torch.Tensor | None) -> int | None:
    """Where a tensor begins; it has to stay alive while this is in use."""
    return None if tensor is None else tensor.data_ptr() or _NOWHERE


def data_format(channels_first: bool) -> str:
    return "channels_first" if channels_first else "channels_last"


def sizes(shape, channels_first: bool):
    """A shape as (n, h, w, c)."""
    return _args.sizes(shape, data_format(channels_first))


def dense(x: torch.Tensor, channels_first: bool) -> tuple[torch.Tensor, bool]:
    """x in memory without gaps, and whether its channels come first there, whatever the order of its axes."""
    if x.is_contiguous():
        return x, channels_first
    if channels_first:
        turned = x.is_contiguous(memory_format=torch.channels_last)
    else:
        turned = x.permute(0, 3, 1, 2).is_contiguous()
    return (x, not channels_first) if turned else (x.contiguous(), channels_first)


def stored(x: torch.Tensor, channels_first: bool, planes: bool) -> torch.Tensor:
    """x with its channels first in memory (`planes`) or last, in any order of axes."""
    if planes == channels_first:
        return x.contiguous()
    if channels_first:
        return x.contiguous(memory_format=torch.channels_last)
    return x.permute(0, 3, 1, 2).contiguous()


def empty(like: torch.Tensor, shape, channels_first: bool, planes: bool) -> torch.Tensor:
    """A new tensor of that shape, its channels first in memory (`planes`) or last."""
    if planes == channels_first:
        return like.new_empty(shape)
    n, h, w, c = sizes(shape, channels_first)
    strides = (h * w * c, 1, w * c, c) if channels_first else (h * w * c, w, 1, h * w)
    return like.new_empty_strided((n, c, h, w) if channels_first else (n, h, w, c), strides)


def windows(shape, channels_first: bool, window, strides, padding, dilation, channels) -> tuple:
    """The shape of what windows over an image give, for sizes that may be symbols; no padding means 'same'."""
    n, *size, _ = sizes(shape, channels_first)
    out = []
    for axis, (cells, taps, stride, reach) in enumerate(zip(size, window, strides, dilation, strict=True)):
        if padding:
            cells = cells + sum(padding[2 * axis:2 * axis + 2]) - (taps - 1) * reach
        out.append((cells + stride - 1) // stride)
    return _args.shape_of(n, *out, channels, data_format(channels_first))
