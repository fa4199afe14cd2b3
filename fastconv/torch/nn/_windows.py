"""Arguments of torch's functions of windows as the kernels take them."""

from __future__ import annotations

from typing import Any

import torch

from ._fallback import Unserved

LINEAR = 0, 0.0


def pair(value: Any, rank: int = 2) -> tuple[int, ...]:
    """An argument of windows as one number for each of two axes."""
    numbers = (value,) * rank if isinstance(value, int) else tuple(value)
    numbers = numbers * rank if len(numbers) == 1 else numbers
    if len(numbers) != rank or not all(isinstance(number, int) for number in numbers):
        raise Unserved
    return (1,) * (2 - rank) + numbers


def pads_of(padding: Any, rank: int, taps: Any = (), dilation: Any = ()) -> tuple[int, int, int, int]:
    """(top, bottom, left, right)."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        cells = [(size - 1) * step for size, step in zip(taps, dilation, strict=True)]
        return cells[0] // 2, cells[0] - cells[0] // 2, cells[1] // 2, cells[1] - cells[1] // 2
    top, left = (pair(padding, rank)[0] if rank == 2 else 0, pair(padding, rank)[1])
    return top, top, left, left


def hwio(weight: torch.Tensor) -> torch.Tensor:
    """(out, in, taps...) as (rows, columns, in, out), in the memory that it has."""
    return weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight.permute(2, 1, 0)[None]


def conv_window(weight: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    """The arguments after the bias of `_convolution.conv2d`."""
    rank = weight.ndim - 2
    strides, dilations = pair(stride, rank), pair(dilation, rank)
    if padding == "same" and max(strides) > 1:
        raise Unserved
    taps = (1,) * (2 - rank) + tuple(weight.shape[2:])
    return strides, pads_of(padding, rank, taps, dilations), dilations, groups, True, *LINEAR
