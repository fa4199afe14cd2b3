"""Convolutions, pooling and resizing of images, whose channels come before their rows and columns."""

from __future__ import annotations

from typing import Any

from ..nodes import Emitter, OnnxNode, Refused, maps

_AUTO_PADS = {"NOTSET": None, "VALID": "valid", "SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def window_attributes(node: OnnxNode, rank: int) -> dict[Any, Any]:
    """Strides, dilations and pads of a node with so many spatial axes."""
    if rank not in (1, 2):
        raise Refused(f"{rank} spatial axes")
    words: dict[str, Any] = {"data_format": "channels_first"}
    for name in ("strides", "dilations"):
        words[name] = node.numbers(name) or (1,) * rank
        if len(words[name]) != rank or min(words[name]) < 1:
            raise Refused(f"{name} {words[name]}")
    pads: Any = _AUTO_PADS[node.choice("auto_pad", "NOTSET", tuple(_AUTO_PADS))]
    if pads is None:
        numbers = node.numbers("pads") or (0,) * (2 * rank)
        if len(numbers) != 2 * rank or min(numbers) < 0:
            raise Refused(f"pads {numbers}")
        pads = tuple(zip(numbers[:rank], numbers[rank:], strict=True))
    return words | {"pads": pads}


def spatial_axes(node: OnnxNode, emit: Emitter, place: int = 1) -> int:
    """Spatial axes of a convolution's kernel, which is that input of the node."""
    kernel, shape = emit.known(node.input(place)), node.numbers("kernel_shape")
    if kernel is not None and shape is not None and kernel.shape[2:] != shape:
        raise Refused(f"kernel_shape {shape} for a kernel of shape {kernel.shape}")
    ranks = [emit.rank(node.input(index)) for index in (0, place)]
    return len(shape) if shape else max((rank - 2 for rank in ranks if rank is not None), default=0)


@maps("Conv", least=2, most=3)
def conv(node: OnnxNode, emit: Emitter) -> None:
    rank = spatial_axes(node, emit)
    words = window_attributes(node, rank)
    kernel = emit.transposed(node.input(1), (*range(2, rank + 2), 1, 0))
    emit.add("Conv", node.input(0), kernel, node.input(2), to=node.output(0), groups=node.get("group", 1), **words)


@maps("ConvTranspose", least=2, most=3)
def conv_transpose(node: OnnxNode, emit: Emitter) -> None:
    rank = spatial_axes(node, emit)
    words = window_attributes(node, rank)
    words["output_shape"] = node.numbers("output_shape")
    if words["pads"] == "valid":
        words["pads"] = ((0, 0),) * rank
    kernel = emit.transposed(node.input(1), (*range(2, rank + 2), 1, 0))
    extra = node.numbers("output_padding") or ((0,) * rank if isinstance(words["pads"], tuple) else None)
    emit.add(
        "ConvTranspose",
        node.input(0),
        kernel,
        node.input(2),
        to=node.output(0),
        groups=node.get("group", 1),
        output_padding=extra,
        **words,
    )


def pool_attributes(node: OnnxNode) -> dict[str, Any]:
    """The attributes of a pool."""
    window = node.numbers("kernel_shape")
    if not window or min(window) < 1:
        raise Refused("no kernel_shape")
    flags = {name: bool(node.get(name, 0)) for name in ("ceil_mode", "count_include_pad")}
    return {"window": window, **flags, **window_attributes(node, len(window))}


@maps("MaxPool", "AveragePool")
def pool(node: OnnxNode, emit: Emitter) -> None:
    node.only_first_output()
    emit.add(node.kind, node.input(0), to=node.output(0), **pool_attributes(node))


@maps("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: OnnxNode, emit: Emitter) -> None:
    emit.add(node.kind, node.input(0), to=node.output(0))


_TRANSFORMS = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
    "tf_half_pixel_for_nn",
)
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@maps("Upsample", most=2)
def upsample(node: OnnxNode, emit: Emitter) -> None:
    scales = node.input(1) if node.version >= 9 else emit.constant(node.get("scales", (0.0,)), "f4")
    _resize(node, emit, "", scales, "", transform="asymmetric", rounding="floor")


@maps("Resize", most=4)
def resize(node: OnnxNode, emit: Emitter) -> None:
    if node.version < 11:
        _resize(node, emit, "", node.input(1), "", transform="asymmetric", rounding="floor")
        return
    transform = node.choice("coordinate_transformation_mode", "half_pixel", _TRANSFORMS)
    rounding = node.choice("nearest_mode", "round_prefer_floor", _ROUNDINGS)
    roi = node.input(1) if transform == "tf_crop_and_resize" else ""
    scales = "" if node.input(3) else node.input(2)
    _resize(node, emit, roi, scales, node.input(3), transform, rounding)


def _resize(node: OnnxNode, emit: Emitter, roi: str, scales: str, sizes: str, transform: str, rounding: str) -> None:
    mode = node.choice("mode", "nearest", ("nearest", "linear", "bilinear", "cubic"))
    policy = node.choice("keep_aspect_ratio_policy", "stretch", ("stretch", "not_larger", "not_smaller"))
    if not (scales or sizes):
        raise Refused("neither scales nor sizes")
    emit.add(
        "Resize",
        node.input(0),
        roi,
        scales,
        sizes,
        to=node.output(0),
        mode="linear" if mode == "bilinear" else mode,
        transform=transform,
        rounding=rounding,
        policy=policy,
        cubic=node.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.get("exclude_outside", 0)),
        outside=node.get("extrapolation_value", 0.0),
        antialias=bool(node.get("antialias", 0)),
        axes=node.numbers("axes"),
    )
