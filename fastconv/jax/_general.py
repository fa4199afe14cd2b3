"""Convolutions as `jax.lax.conv_general_dilated` describes them, in the terms of the primitives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import _args
from . import _convolution, convolution


class Convolution(NamedTuple):
    """One of two spatial dimensions, the first of a single row where there is but one."""

    kernel_order: Sequence[int]  # the axes of rhs: outputs, inputs, and the spatial ones
    data_format: str
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    image_dilation: Any  # a tuple of two ints, as the next one
    kernel_dilation: Any
    groups: int

    @property
    def row(self) -> int:
        return 1 if self.data_format == "channels_last" else 2

    def arrays(self, lhs: Any, rhs: Any) -> Any:
        """Images, and kernels as HWIO."""
        outputs, inputs, *spatial = self.kernel_order
        kernel = jnp.transpose(rhs, (*spatial, inputs, outputs))
        return (lhs, kernel) if lhs.ndim == 4 else (jnp.expand_dims(lhs, self.row), jnp.expand_dims(kernel, 0))

    def strided(self, x: Any, kernel: Any) -> Any:
        return convolution.conv2d(
            x,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.kernel_dilation,
            groups=self.groups,
            data_format=self.data_format,
        )

    def dilated(self, x: Any, kernel: Any) -> Any:
        """The input's gradient of the convolution with these strides that takes the result's size to that of x."""
        taps, per_group, outputs = kernel.shape[:2], kernel.shape[2], kernel.shape[3]
        kernel = jnp.flip(kernel, (0, 1)).reshape(*taps, per_group, self.groups, outputs // self.groups)
        kernel = kernel.transpose(0, 1, 4, 3, 2).reshape(*taps, outputs // self.groups, per_group * self.groups)
        height, width = self._sizes(x, taps)
        spec = _convolution.Conv2D(
            _args.shape_of(x.shape[0], height, width, outputs, self.data_format),
            kernel.shape,
            self.image_dilation,
            self.kernel_dilation,
            self._turned_padding(taps),
            self.groups,
            self.data_format,
        )
        return _convolution.to_input(x, kernel, spec)

    def _turned_padding(self, taps: Any) -> tuple[tuple[int, int], ...]:
        return tuple(
            ((k - 1) * dilation - low, (k - 1) * dilation - high)
            for k, dilation, (low, high) in zip(taps, self.kernel_dilation, self.padding, strict=True)
        )

    def is_served(self, lhs: Any, rhs: Any) -> bool:
        """Whether a kernel computes it; sizes that do not fit are left for JAX to tell of."""
        outputs, inputs, *spatial = self.kernel_order
        taps = (1,) * (4 - rhs.ndim) + tuple(rhs.shape[axis] for axis in spatial)
        channels = lhs.shape[-1 if self.data_format == "channels_last" else 1]
        sizes = (*lhs.shape, *rhs.shape, *self.strides, *self.image_dilation, *self.kernel_dilation, self.groups)
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes):
            return False
        fits = rhs.shape[inputs] * self.groups == channels and rhs.shape[outputs] % self.groups == 0
        pads = self.padding if max(self.image_dilation) == 1 else (*self.padding, *self._turned_padding(taps))
        alone = max(self.image_dilation) == 1 or max(self.strides) == 1
        return fits and alone and min(map(min, pads)) >= 0 and min(self._sizes(lhs, taps)) > 0

    def _sizes(self, lhs: Any, taps: Any) -> list[int]:
        """The result's height and width, with strides of 1."""
        spatial = lhs.shape[1:-1] if self.data_format == "channels_last" else lhs.shape[2:]
        return [
            (size - 1) * step + 1 + sum(pads) - (k - 1) * dilation
            for size, step, pads, k, dilation in zip(
                (1,) * (2 - len(spatial)) + tuple(spatial),
                self.image_dilation,
                self.padding,
                taps,
                self.kernel_dilation,
                strict=True,
            )
        ]


def served(
    lhs: Any, rhs: Any, strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any, numbers: Any, groups: Any
) -> Convolution | None:
    """The convolution that `jax.lax.conv_general_dilated` describes, if a kernel computes it."""
    if lhs.ndim != rhs.ndim:
        return None
    rank = lhs.ndim - 2
    numbers = lax.conv_dimension_numbers(lhs.shape, rhs.shape, numbers)
    orders = {(0, rank + 1, *range(1, rank + 1)): "channels_last", (0, 1, *range(2, rank + 2)): "channels_first"}
    data_format = orders.get(tuple(numbers.lhs_spec))
    if data_format is None or tuple(numbers.out_spec) != tuple(numbers.lhs_spec) or len(strides) != rank:
        return None
    ones = (1,) * rank
    lhs_dilation, rhs_dilation = (tuple(ones if d is None else d) for d in (lhs_dilation, rhs_dilation))
    if isinstance(padding, str):
        if padding.upper() not in ("VALID", "SAME", "SAME_LOWER") or max(lhs_dilation) > 1:
            return None
        dilated = [(rhs.shape[axis] - 1) * d + 1 for axis, d in zip(numbers.rhs_spec[2:], rhs_dilation, strict=True)]
        sizes = [lhs.shape[axis] for axis in numbers.lhs_spec[2:]]
        if not all(isinstance(size, int) for size in sizes):
            return None
        padding = lax.padtype_to_pads(sizes, dilated, strides, padding)
    if not len(padding) == len(lhs_dilation) == len(rhs_dilation) == rank:
        return None
    row = (1,) * (2 - rank)
    found = Convolution(
        numbers.rhs_spec,
        data_format,
        (*row, *strides),
        (*((0, 0) for _ in row), *((int(low), int(high)) for low, high in padding)),
        (*row, *lhs_dilation),
        (*row, *rhs_dilation),
        groups,
    )
    return found if found.is_served(lhs, rhs) else None
