"""Convolutions: of any groups, dilations and pads, of images with one or two spatial axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ... import _args, _core, config
from ...nn.convolution import Keywords
from ...nn.transpose import transposed_size
from ..graph import Released
from .activation import activation_number
from .elementwise import activated, quiet
from .geometry import as_image, channels, data_format, explicit_pads, from_image, per_axis, spatial
from .registry import Step, Tensor, operator

__all__ = ["conv", "conv_geometry", "conv_transpose", "prepared_kernel", "transposed_geometry", "window_keywords"]


@operator("Conv")
def conv(node: Any, x: Any, kernel: Any, bias: Any = None, added: Any = None) -> Any:
    """Cross-correlation of x with a kernel of shape (spatial..., c_in // groups, c_out), plus bias, plus `added`.

    `added` is broadcast to the result, or the result to it; the activation comes last.

    Attributes: ``data_format``, ``strides``, ``dilations``, ``pads``, ``groups``, ``activation``, and ``precision``,
    as of `fastconv.set_float32_precision`, whose setting holds without it.
    """
    layout, rank = data_format(node.attributes), x.ndim - 2
    keywords, geometry, y_shape = conv_geometry(node, x, kernel)
    y = Tensor(from_image(y_shape, layout, rank), x.dtype)
    if x.value is not None:
        _require_numbers(kernel)
    constant = y.size and kernel.value is not None and (bias is None or bias.value is not None)
    in_core = constant and added is not None and added.shape == y.shape and x.dtype.itemsize >= 4
    if added is not None and not (in_core and added.dtype == x.dtype):
        return _adding(node, x, kernel, bias, added)
    plan = geometry.plan() if y.size else {"algorithm": "", "flops": 0.0}
    words: dict[str, Any] = {"algorithm": plan["algorithm"], "flops": plan["flops"]}
    if constant:
        kept = node.prepared if x.value is None else {}
        shapes = as_image(x.shape, layout), _kernel_image(kernel.shape, rank)
        prepared = prepared_kernel(node, kept, keywords, *shapes, x.dtype, kernel, bias)
        call = _core.conv2d_call(prepared, geometry, added is not None)
        words["algorithm"] = prepared.algorithm(geometry) if y.size else ""
        return Step((y,), call, reads=(0,) if added is None else (0, 3), calls=(call,), **words)

    _require_numbers(kernel)

    def run(x: Any, kernel: Any, *bias_and_y: Any) -> None:
        bias, y = bias_and_y if len(bias_and_y) == 2 else (None, *bias_and_y)
        geometry.forward(x, kernel, bias, y)

    return Step((y,), run, **words)


def conv_geometry(node: Any, x: Any, kernel: Any) -> tuple[Any, ...]:
    """The keywords and the core's geometry of a convolution of tensors, and its result's shape as images."""
    layout, rank = data_format(node.attributes), x.ndim - 2
    x_shape, k_shape = as_image(x.shape, layout), _kernel_image(kernel.shape, rank)
    keywords = _keywords(node.attributes, x, kernel, layout, rank)
    return keywords, *keywords.geometry(x.dtype, x_shape, k_shape, precision=_precision(node), may_be_empty=True)


def _adding(node: Any, x: Any, kernel: Any, bias: Any, added: Any) -> Step:
    """A convolution, then the sum and the activation, where the core does not compute them in one."""
    linear = replace(node, attributes=node.attributes | {"activation": None}, prepared=node.prepared)
    first = conv(linear, x, kernel, bias)
    (z,) = first.outputs
    if added.dtype != z.dtype:
        raise TypeError(f"both summands must have one dtype; received {z.dtype} and {added.dtype}")
    y = Tensor(np.broadcast_shapes(z.shape, added.shape), z.dtype)
    reads = first.reads or (0, 1, 2)

    def run(*arrays: Any) -> None:
        *inputs, y = arrays
        target = y if y.shape == z.shape else np.empty(z.shape, z.dtype)
        first.run(*(inputs[i] for i in reads), target)
        np.add(target, inputs[3], out=y)

    words = {"calls": first.calls, "algorithm": first.algorithm, "flops": first.flops}
    return Step((y,), activated(quiet(run), node.attributes, y), **words)


@operator("ConvTranspose")
def conv_transpose(node: Any, x: Any, kernel: Any, bias: Any = None) -> Any:
    """The transpose of a convolution, whose kernel is (spatial..., c_out // groups, c_in), plus bias.

    Attributes: as of Conv, those of the convolution this is the transpose of, and ``output_padding``, cells of the
    result beyond those that windows must cover. Without it the result of 'same_upper' is `strides` times as large as x,
    and that of 'valid' at least that, as in Keras; that of explicit pads has no such cells. With
    ``output_shape``, spatial sizes, pads follow from it, the odd cell behind for 'same_upper', else before; those of
    'same_lower' follow from `strides` times x's sizes.
    """
    layout, rank, attributes = data_format(node.attributes), x.ndim - 2, node.attributes
    geometry, y_shape = transposed_geometry(node, x, kernel)
    y = Tensor(from_image(y_shape, layout, rank), x.dtype)
    number, alpha = activation_number(attributes)
    shape = (-1,) if layout == "channels_last" else (-1, *(1,) * rank)
    has_rows = layout == "channels_last" and y.dtype.name in ("float32", "float64") and y.size

    def run(x: Any, kernel: Any, *bias_and_y: Any) -> None:
        y = bias_and_y[-1]
        geometry.input_grad(x, kernel, y)
        given = bias_and_y[0] if len(bias_and_y) == 2 else None
        if given is not None and has_rows:
            _core.add(_args.dtype_id(y.dtype), y.size // y.shape[-1], y.shape[-1], y, given, y)
        elif given is not None:
            np.add(y, given.reshape(shape), out=y)
        if number:
            _core.activate(_args.dtype_id(y.dtype), number, alpha, y.size, y, y)

    return Step((y,), run, algorithm="transposed", flops=geometry.plan()["flops"] if x.size and y.size else 0.0)


def transposed_geometry(node: Any, x: Any, kernel: Any) -> tuple[Any, ...]:
    """The core's geometry of the convolution whose input's gradient a transposed one is, and its result's shape as
    images."""
    layout, rank, attributes = data_format(node.attributes), x.ndim - 2, node.attributes
    x_shape, k_shape = as_image(x.shape, layout), _kernel_image(kernel.shape, rank)
    groups, c_in = attributes.get("groups", 1), channels(x_shape, layout)
    if k_shape[3] != c_in:
        raise ValueError(f"the kernel must have {c_in} input channels, in its last axis; received {kernel.shape}")
    keywords = _keywords(attributes | {"pads": "valid"}, x, kernel, layout, rank)
    size = _transposed_size(attributes, x_shape, k_shape, keywords, layout, rank)
    y_shape = _args.shape_of(x.shape[0], size[0], size[1], k_shape[2] * groups, layout)
    geometry, small = keywords.geometry(x.dtype, y_shape, k_shape, precision=_precision(node), may_be_empty=True)
    if small != x_shape:
        raise ValueError(f"no convolution takes shape {y_shape} to {x_shape}: the `output_padding` is too large")
    return geometry, y_shape


def _transposed_size(
    attributes: Any, x_shape: Any, k_shape: Any, keywords: Keywords, layout: str, rank: int
) -> list[int]:
    """Height and width of a transposed convolution's result; the keywords get its pads."""
    size, pads = spatial(x_shape, layout), attributes.get("pads", "valid")
    extra, ones = attributes.get("output_padding"), (0,) * (2 - rank)
    extra = None if extra is None else ones + tuple(extra)
    given = attributes.get("output_shape")
    if given is not None or pads == "same_lower":
        wanted = [cells * stride for cells, stride in zip(size, keywords.strides, strict=True)]
        wanted = wanted if given is None else [*(1,) * (2 - rank), *given]
        keywords.padding = tuple(
            _pads_of_size(pads == "same_upper", *axis)
            for axis in zip(
                wanted, size, k_shape[:2], keywords.strides, keywords.dilation, extra or (0, 0), strict=True
            )
        )
        return wanted
    if pads in ("valid", "same_upper"):
        keywords.padding = "valid" if pads == "valid" else "same"
        return transposed_size(size, k_shape[:2], keywords.strides, keywords.padding, extra, keywords.dilation)
    keywords.padding = ((0, 0),) * (2 - rank) + tuple(pads)
    return transposed_size(size, k_shape[:2], keywords.strides, keywords.padding, extra or (0, 0), keywords.dilation)


def _pads_of_size(upper: bool, wanted: int, size: int, taps: int, stride: int, dilation: int, extra: int) -> Any:
    """The pads of an axis for which a transposed convolution's result has that size."""
    total = max((size - 1) * stride + extra + (taps - 1) * dilation + 1 - wanted, 0)
    return (total // 2, total - total // 2) if upper else (total - total // 2, total // 2)


def _kernel_image(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """A kernel's shape as that of one with two spatial axes."""
    if len(shape) != rank + 2:
        raise ValueError(f"the kernel must have {rank + 2} axes for {rank} spatial ones; received shape {shape}")
    return (1,) * (2 - rank) + shape


def _keywords(attributes: dict[str, Any], x: Tensor, kernel: Tensor, layout: str, rank: int) -> Keywords:
    if kernel.dtype != x.dtype or _args.dtype_id(x.dtype) not in _args.FLOAT_IDS:
        raise TypeError(f"input and kernel must be floats of one dtype; received {x.dtype} and {kernel.dtype}")
    keywords = window_keywords(attributes, x, kernel, layout, rank)
    keywords.activation, keywords.alpha = activation_number(attributes)
    return keywords


def window_keywords(attributes: dict[str, Any], x: Tensor, kernel: Tensor, layout: str, rank: int) -> Keywords:
    """Strides, dilations, groups and pads of two spatial axes, of a convolution of tensors of so many."""
    strides, dilations = per_axis(attributes, "strides", rank), per_axis(attributes, "dilations", rank)
    sizes, pads = spatial(x.shape, layout), attributes.get("pads", "valid")
    pairs = ((0, 0),) * (2 - rank) + explicit_pads(pads, sizes, kernel.shape[:rank], strides, dilations)
    ones = (1,) * (2 - rank)
    return Keywords(ones + strides, pairs, ones + dilations, attributes.get("groups", 1), layout)


def _precision(node: Any) -> int:
    """The core's number of the precision that a node asks for, or of the setting that holds."""
    word = node.attributes.get("precision")
    return (
        _core.get_precision()
        if word is None
        else config._PRECISIONS.index(_args.choice(word, "precision", config._PRECISIONS))
    )


def _require_numbers(kernel: Tensor) -> None:
    """Raise NotPacked if a kernel has been released."""
    if isinstance(kernel.value, Released):
        raise _core.NotPacked("fastconv: the kernel has been released")


def prepared_kernel(
    node: Any, kept: dict[Any, Any], keywords: Any, x_shape: Any, k_shape: Any, dtype: Any, kernel: Any, bias: Any
) -> Any:
    """The kernel packed for any sizes of images, kept once for a node, dtype and precision."""
    key = dtype, _precision(node)
    if key in kept:
        if not isinstance(kernel.value, Released):
            kept[key].lend(np.ascontiguousarray(kernel.value, kernel.dtype))
    else:
        _require_numbers(kernel)
        c_in = channels(x_shape, keywords.data_format)
        general, _ = keywords.geometry(
            dtype,
            _args.shape_of(1, 0, 0, c_in, keywords.data_format),
            k_shape,
            kernel.dtype,
            precision=key[1],
            may_be_empty=True,
        )
        weights = np.ascontiguousarray(kernel.value, kernel.dtype)
        of_sums = np.int32 if dtype in _args.BYTES else dtype
        sums = None if bias is None else np.ascontiguousarray(bias.value, of_sums)
        kept[key] = _core.PreparedConv2D(general, weights, sums, keep=True)
    return kept[key]
