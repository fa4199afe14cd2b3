"""Tensors as the core sees them: numbers of dtypes, addresses, and where the channels of an image lie."""

from __future__ import annotations

from typing import Any

import torch

from .. import _args

__all__ = ["DTYPES", "address", "dense", "empty", "is_channels_last", "sizes", "stored", "windows"]

DTYPES = dict(zip((torch.float16, torch.bfloat16, torch.float32, torch.float64), sorted(_args.FLOAT_IDS), strict=True))
# For the core, no address means no tensor; one without elements is never read.
_NOWHERE = 64


def address(tensor: torch.Tensor | None) -> int | None:
    """Where a tensor begins; it has to stay alive while this is in use."""
    return None if tensor is None else tensor.data_ptr() or _NOWHERE


def data_format(channels_first: bool) -> str:
    return "channels_first" if channels_first else "channels_last"


def sizes(shape: Any, channels_first: bool) -> Any:
    """A shape as (n, h, w, c)."""
    return _args.sizes(shape, data_format(channels_first))


def reordered(shape: Any, channels_first: bool, to_first: bool) -> tuple[int, int, int, int]:
    """A shape in one order of axes in another."""
    n, h, w, c = sizes(shape, channels_first)
    return _args.shape_of(n, h, w, c, data_format(to_first))


def is_channels_last(image: torch.Tensor) -> bool:
    """Whether torch's own operations take (n, c, h, w) for `torch.channels_last`.

    By the strides alone, also of axes of length 1, and not where both orders have the same: `suggest_memory_format` of
    c10/core/MemoryFormat.h, of which Python knows nothing.
    """
    shape, strides = image.shape, image.stride()
    least = 0
    if strides[1] == 0:
        return False
    for axis in (1, 3, 2, 0):
        if shape[axis] == 0 or strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * shape[axis] if shape[axis] > 1 else strides[axis]
    return True


def dense(x: torch.Tensor, channels_first: bool, kernel: torch.Tensor | None = None) -> tuple[torch.Tensor, bool]:
    """x in memory without gaps, and whether its channels come first there, whatever the order of its axes.

    As in torch, a result is `torch.channels_last` where x is or the kernel of `torch.nn.Conv2d` was. Where the strides
    do not tell, memory has the order of the axes.
    """
    if x.is_contiguous():  # Most often, and then mostly at once
        n, *size = x.shape
        if not channels_first and (size[2] > 1 or x.stride(3) == 1):
            return x, False
        # An axis of the kernel after the channels lies closer than these.
        if (
            channels_first
            and n
            and size[0] > 1
            and (size[1] > 1 or size[2] > 1)
            and (kernel is None or kernel.stride(1) < kernel.stride(2) * kernel.shape[2])
        ):
            return x, True
    image = x if channels_first else x.permute(0, 3, 1, 2)
    last = is_channels_last(image) or (kernel is not None and is_channels_last(kernel.permute(3, 2, 0, 1)))
    planes = not last and (channels_first or not x.is_contiguous() or image.stride(1) > image.stride(3))
    image = image.contiguous(memory_format=torch.contiguous_format if planes else torch.channels_last)
    return image if channels_first else image.permute(0, 2, 3, 1), planes


def stored(x: torch.Tensor, channels_first: bool, planes: bool) -> torch.Tensor:
    """x with its channels first in memory (`planes`) or last, in any order of axes."""
    if planes == channels_first:
        return x.contiguous()
    if channels_first:
        return x.contiguous(memory_format=torch.channels_last)
    return x.permute(0, 3, 1, 2).contiguous()


def empty(like: torch.Tensor, shape: Any, channels_first: bool, planes: bool) -> torch.Tensor:
    """A new tensor of that shape, its channels first in memory (`planes`) or last."""
    if planes == channels_first:
        return like.new_empty(shape)
    n, h, w, c = sizes(shape, channels_first)
    strides = (h * w * c, 1, w * c, c) if channels_first else (h * w * c, w, 1, h * w)
    return like.new_empty_strided((n, c, h, w) if channels_first else (n, h, w, c), strides)


def windows(
    shape: Any, channels_first: bool, window: Any, strides: Any, padding: Any, dilation: Any, channels: Any
) -> tuple[Any, ...]:
    """The shape of what windows over an image give, for sizes that may be symbols; no padding means 'same'."""
    n, *size, _ = sizes(shape, channels_first)
    out = []
    for axis, (cells, taps, stride, reach) in enumerate(zip(size, window, strides, dilation, strict=True)):
        if padding:
            cells = cells + sum(padding[2 * axis : 2 * axis + 2]) - (taps - 1) * reach
        out.append((cells + stride - 1) // stride)
    out_h, out_w = out
    return _args.shape_of(n, out_h, out_w, channels, data_format(channels_first))
