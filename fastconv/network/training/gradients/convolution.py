"""Convolutions."""

from __future__ import annotations

from typing import Any

from .... import _args, _core
from ...operators.convolution import conv_geometry, transposed_geometry
from ...operators.geometry import as_image, data_format
from .registry import Reverse, gradient

__all__ = ["conv", "conv_transpose"]


@gradient("Conv", weights=(1, 2))
def conv(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """One call for all gradients; an activation's derivative is taken from the result on the way."""
    x, kernel = inputs[:2]
    keywords, geometry, _ = conv_geometry(node, x, kernel)
    fused = bool(keywords.activation)
    dx, dkernel, dbias = (*wanted, False)[:3]

    def run(x: Any, kernel: Any, *rest: Any) -> None:
        y, dy, grads = (rest[0] if fused else None), rest[fused], iter(rest[fused + 1 :])
        geometry.grads(x, kernel, y, dy, *(next(grads) if is_wanted else None for is_wanted in (dx, dkernel, dbias)))

    return Reverse(run, (0, 1), (0,) if fused else ())


@gradient("ConvTranspose", weights=(1, 2))
def conv_transpose(node: Any, inputs: Any, outputs: Any, wanted: Any) -> Any:
    """The input's gradient is a convolution of dy, the kernel's that of a convolution from dy to x."""
    x, kernel = inputs[:2]
    geometry, y_shape = transposed_geometry(node, x, kernel)
    layout = data_format(node.attributes)
    sizes = _args.sizes(as_image(y_shape, layout), layout)
    dx, dkernel, dbias = (*wanted, False)[:3]

    def run(x: Any, kernel: Any, dy: Any, *gradients: Any) -> None:
        grads = iter(gradients)
        if dx:
            geometry.forward(dy, kernel, None, next(grads))
        if dkernel:
            geometry.kernel_grad(0, dy, x, next(grads))
        if dbias:
            _core.bias_grad(_args.dtype_id(dy.dtype), _args.LAYOUTS[layout], sizes, dy, next(grads))

    return Reverse(run, (0, 1))
