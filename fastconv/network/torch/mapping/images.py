"""Convolutions, pooling and resizing of images, whose channels come before their rows and columns."""

from __future__ import annotations

from typing import Any

from ..nodes import Call, Emitter, Refused, maps

_FIRST = {"data_format": "channels_first"}


def _batch(
    call: Call, emit: Emitter, to: Any, rank: int, name: str = "input", channels: bool = True
) -> tuple[str, str]:
    """The names of an input with an axis for the batch, and of the result with it; unbatched ones get one."""
    x = call[name]
    if x.ndim == rank + 2 or not channels:
        return x.name, to
    result = emit.new_name()
    return emit.add("Unsqueeze", x.name, emit.constant([0])), result


def _unbatched(emit: Emitter, result: str, to: str) -> None:
    if result != to:
        emit.add("Squeeze", result, emit.constant([0]), to=to)


def _pairs(padding: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((amount, amount) for amount in padding)


@maps("aten.conv1d.default", "aten.conv2d.default", "aten.conv1d.padding", "aten.conv2d.padding")
def conv(call: Call, emit: Emitter, to: Any) -> None:
    weight = call["weight"]
    rank = weight.ndim - 2
    padding, dilation = call["padding"], call.numbers("dilation", rank)
    if padding == "valid":
        pads = ((0, 0),) * rank
    elif padding == "same":
        # As torch has it: the odd cell behind, whatever the stride, which is 1.
        reach = tuple((taps - 1) * step for taps, step in zip(weight.shape[2:], dilation, strict=True))
        pads = tuple((cells // 2, cells - cells // 2) for cells in reach)
    else:
        pads = _pairs(call.numbers("padding", rank))
    _conv(call, emit, to[0], rank, pads, dilation)


def _conv(call: Call, emit: Emitter, to: str, rank: int, pads: Any, dilation: Any) -> None:
    x, result = _batch(call, emit, to, rank)
    kernel = emit.transposed(call["weight"], (*range(2, rank + 2), 1, 0))
    bias = call["bias"]
    emit.add(
        "Conv",
        x,
        kernel,
        bias.name if bias else "",
        to=result,
        strides=call.numbers("stride", rank),
        dilations=dilation,
        pads=pads,
        groups=call["groups"],
        **_FIRST,
    )
    _unbatched(emit, result, to)


@maps("aten.conv_transpose1d.default", "aten.conv_transpose2d.input")
def conv_transpose(call: Call, emit: Emitter, to: Any) -> None:
    _conv_transpose(call, emit, to[0], call["weight"].ndim - 2)


def _conv_transpose(call: Call, emit: Emitter, to: str, rank: int) -> None:
    x, result = _batch(call, emit, to, rank)
    kernel = emit.transposed(call["weight"], (*range(2, rank + 2), 1, 0))
    bias = call["bias"]
    emit.add(
        "ConvTranspose",
        x,
        kernel,
        bias.name if bias else "",
        to=result,
        strides=call.numbers("stride", rank),
        dilations=call.numbers("dilation", rank),
        pads=_pairs(call.numbers("padding", rank)),
        output_padding=call.numbers("output_padding", rank),
        groups=call["groups"],
        **_FIRST,
    )
    _unbatched(emit, result, to)


@maps("aten.convolution.default")
def convolution(call: Call, emit: Emitter, to: Any) -> None:
    rank = call["weight"].ndim - 2
    if rank not in (1, 2):
        raise Refused(f"{rank} spatial axes")
    if call["transposed"]:
        _conv_transpose(call, emit, to[0], rank)
    else:
        _conv(call, emit, to[0], rank, _pairs(call.numbers("padding", rank)), call.numbers("dilation", rank))


_POOLS = {
    "max_pool1d": ("MaxPool", 1),
    "max_pool2d": ("MaxPool", 2),
    "max_pool2d_with_indices": ("MaxPool", 2),
    "avg_pool1d": ("AveragePool", 1),
    "avg_pool2d": ("AveragePool", 2),
}


@maps(*(f"aten.{name}.default" for name in _POOLS))
def pool(call: Call, emit: Emitter, to: Any) -> None:
    op, rank = _POOLS[call.target.split(".")[1]]
    if call.arguments.get("divisor_override") is not None:
        raise Refused("divisor_override")
    window = call.numbers("kernel_size", rank)
    words = _FIRST | {
        "window": window,
        "strides": call.numbers("stride", rank) or window,
        "pads": _pairs(call.numbers("padding", rank)),
        "ceil_mode": bool(call["ceil_mode"]),
    }
    if op == "MaxPool":
        words["dilations"] = call.numbers("dilation", rank)
    else:
        words["count_include_pad"] = bool(call["count_include_pad"])
    x, result = _batch(call, emit, to[0], rank, "self")
    emit.add(op, x, to=result, **words)
    _unbatched(emit, result, to[0])


_ADAPTIVE = {
    "adaptive_avg_pool1d": ("AveragePool", 1),
    "adaptive_avg_pool2d": ("AveragePool", 2),
    "_adaptive_avg_pool2d": ("AveragePool", 2),
    "adaptive_max_pool1d": ("MaxPool", 1),
    "adaptive_max_pool2d": ("MaxPool", 2),
}


@maps(*(f"aten.{name}.default" for name in _ADAPTIVE))
def adaptive_pool(call: Call, emit: Emitter, to: Any) -> None:
    """Windows of one size, which there are where the input's size is a multiple of the result's."""
    op, rank = _ADAPTIVE[call.target.split(".")[1]]
    wanted, sizes = call.numbers("output_size", rank), call["self"].shape[-rank:]
    if set(wanted) == {1}:
        axes = emit.constant(range(-rank, 0))
        emit.add("ReduceMean" if op == "AveragePool" else "ReduceMax", call["self"].name, axes, to=to[0])
        return
    if any(size is None or size % cells for size, cells in zip(sizes, wanted, strict=True)):
        raise Refused(f"windows of several sizes, of {sizes} for {wanted}")
    window = tuple(size // cells for size, cells in zip(sizes, wanted, strict=True))
    x, result = _batch(call, emit, to[0], rank, "self")
    emit.add(op, x, to=result, window=window, strides=window, pads=((0, 0),) * rank, **_FIRST)
    _unbatched(emit, result, to[0])


@maps("aten.upsample_nearest2d.vec", "aten.upsample_bilinear2d.vec", "aten.upsample_nearest1d.vec")
def upsample(call: Call, emit: Emitter, to: Any) -> None:
    scales, corners = call["scale_factors"], call.arguments.get("align_corners", False)
    rank = call["input"].ndim - 2
    words = {
        "mode": "nearest" if "nearest" in call.target else "linear",
        "transform": "asymmetric" if "nearest" in call.target else "align_corners" if corners else "half_pixel",
        "rounding": "floor",
        "policy": "stretch",
        "cubic": -0.75,
        "exclude_outside": False,
        "outside": 0.0,
        "antialias": False,
        "axes": tuple(range(2, rank + 2)),
    }
    factors = "" if scales is None else emit.constant(scales, "f4")
    sizes = emit.sizes(call["output_size"]) if scales is None else ""
    emit.add("Resize", call["input"].name, "", factors, sizes, to=to[0], **words)


@maps("aten.pixel_shuffle.default")
def pixel_shuffle(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("DepthToSpace", call["self"].name, to=to[0], block=call["upscale_factor"], mode="CRD")


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@maps("aten.constant_pad_nd.default", "aten.pad.default")
def pad(call: Call, emit: Emitter, to: Any) -> None:
    """torch's pads begin with those of the last axis."""
    pads, mode, x = call.numbers("pad"), call.arguments.get("mode", "constant"), call["self"]
    count = len(pads) // 2
    befores = [pads[2 * axis] for axis in reversed(range(count))]
    afters = [pads[2 * axis + 1] for axis in reversed(range(count))]
    value = emit.constant(call.arguments.get("value") or 0, x.dtype)
    axes = emit.constant(range(x.ndim - count, x.ndim))
    emit.add("Pad", x.name, emit.constant([*befores, *afters]), value, axes, to=to[0], mode=_MODES[mode])
