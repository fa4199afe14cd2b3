"""The primitives of convolution with bias and activation, and their rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from .. import _args
from . import _checks, _layer, _portable
from ._primitives import kernel, linear_in, map_in_one_call


class Conv2D(NamedTuple):
    """One convolution. Sizes of x may be symbolic while shapes are inferred."""

    x_shape: tuple[Any, ...]
    kernel_shape: tuple[Any, ...]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: str | tuple[Any, ...]
    groups: int
    data_format: str
    activation: int = 0
    alpha: float = 0.0
    wanted: int = 0

    @property
    def y_shape(self) -> tuple[Any, ...]:
        n, h, w, _ = _args.sizes(self.x_shape, self.data_format)
        out_h, out_w = _checks.windows((h, w), self.kernel_shape[:2], self.strides, self.padding, self.dilation)
        return _args.shape_of(n, out_h, out_w, self.kernel_shape[3], self.data_format)

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/conv2d.c reads."""
        n, h, w, c_in = _args.sizes(self.x_shape, self.data_format)
        _, out_h, out_w, c_out = _args.sizes(self.y_shape, self.data_format)
        k_h, k_w = self.kernel_shape[:2]
        rows, columns = _args.padding_pairs(self.padding, (h, w), (k_h, k_w), self.strides, self.dilation)
        return (
            n,
            h,
            w,
            c_in,
            out_h,
            out_w,
            c_out,
            k_h,
            k_w,
            *self.strides,
            *self.dilation,
            *rows,
            *columns,
            self.groups,
            _args.LAYOUTS[self.data_format],
            self.activation,
            _checks.bits(self.alpha),
            self.wanted,
        )

    def plain(self) -> Conv2D:
        return self._replace(activation=0, alpha=0.0, wanted=0)

    def widened(self, count: int) -> Conv2D:
        return self._replace(x_shape=(count * self.x_shape[0], *self.x_shape[1:]))

    def part(self, sizes: Any) -> Conv2D:
        return self._replace(x_shape=(sizes["n"], *self.x_shape[1:]))

    @property
    def names(self) -> _layer.Names:
        x, y = ("nhwc", "npqo") if self.data_format == "channels_last" else ("nchw", "nopq")
        return _layer.Names(x, "abio", y, cut="n")


_conv2d = kernel("conv2d", lambda spec: [spec.y_shape], _layer.forward_axes, _portable.conv2d)
_input_grad = kernel(
    "conv2d_input_grad",
    lambda spec: [spec.x_shape],
    lambda spec, _: spec.names.axes("y", "kernel", to="x"),
    _portable.conv2d_input_grad,
)
_kernel_grad = kernel(
    "conv2d_kernel_grad",
    lambda spec: [spec.kernel_shape],
    lambda spec, _: spec.names.axes("x", "y", to="kernel"),
    _portable.conv2d_kernel_grad,
)


def forward(x: Any, kernel: Any, bias: Any, spec: Conv2D) -> Any:
    """With the activation, one whose output tells its derivative."""
    return _conv2d.bind(x, kernel, *([] if bias is None else [bias]), spec=spec)[0]


def to_input(dy: Any, kernel: Any, spec: Conv2D) -> Any:
    """The input's gradient for dy; bias and activation have no part in it."""
    return _input_grad.bind(dy, kernel, spec=spec)[0]


def _to_kernel(x: Any, dy: Any, spec: Any) -> Any:
    return _kernel_grad.bind(x, dy, spec=spec)[0]


# With _conv2d without bias and activation three forms of one sum over x, kernel and y, linear in each.
linear_in(
    _input_grad,
    {
        0: lambda ct, dy, kernel, spec: forward(ct, kernel, None, spec),
        1: lambda ct, dy, kernel, spec: _to_kernel(ct, dy, spec),
    },
)
linear_in(
    _kernel_grad,
    {0: lambda ct, x, dy, spec: to_input(dy, ct, spec), 1: lambda ct, x, dy, spec: forward(x, ct, None, spec)},
)
map_in_one_call(_conv2d, Conv2D.widened, (0,))
map_in_one_call(_input_grad, Conv2D.widened, (0,))
map_in_one_call(_kernel_grad, Conv2D.widened, ())


def _spread(bias: Any, spec: Any) -> Any:
    shape = (-1,) if spec.data_format == "channels_last" else (-1, 1, 1)
    return jnp.broadcast_to(bias.reshape(shape), spec.y_shape)


def _total(dy: Any, spec: Any) -> Any:
    return jnp.sum(dy, (0, 1, 2) if spec.data_format == "channels_last" else (0, 2, 3))


_layer.differentiate(
    _conv2d,
    "conv2d",
    _layer.Parts(lambda x, kernel, spec: forward(x, kernel, None, spec), to_input, _to_kernel, _spread, _total),
)
